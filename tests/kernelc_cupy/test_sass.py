"""Counts of machine code: kernels whose counts are known by hand, and what the generated ones allow on some cards."""

import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from nvrtc import compiled

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from bench_ceilings import KINDS, share
from cuda_speed.cards import CARDS
from cuda_speed.ceilings import BARS, ceiling, clocks
from cuda_speed.kernels import kernels, relu_with_bias
from cuda_speed.pairs import of_idle_pair
from cuda_speed.paths import UnknownPathError, usual
from cuda_speed.sass import classes, disassembled, instructions, unit, width

BY_NAME = {card.name: card for card in CARDS}
OTHER = {80: pytest.mark.slow, 90: ()}
ROOM = {"float64": 0.25, "float32": 0.12}  # above the bar
LONE = 'extern "C" __global__ void lone(double *x, int n) {{ double y = x[threadIdx.x]; {} x[threadIdx.x] = y; }}'


@cache
def lone(body, card=90):
    cubin, _ = compiled(LONE.format(body), card)
    return disassembled(cubin)["lone"]


def doubles(body, card=90, trips=None):
    return classes(usual(lone(body, card), lambda loop: trips))["double"]


@pytest.mark.parametrize("card", [75, 80, 90, 120])
@pytest.mark.parametrize("count", [5, *(pytest.param(count, marks=pytest.mark.slow) for count in (1, 40))])
def test_a_row_of_fma(card, count):
    counts = usual(lone("y = fma(y, y, 1.5);" * count, card), None)
    assert counts["DFMA"] == count
    assert classes(counts)["double"] == count
    assert sum(n for opcode, n in counts.items() if opcode.startswith("LDG")) == 1
    assert counts["EXIT"] == 1


def test_a_loop_counts_as_often_as_it_is_run_unrolled_or_not():
    body = '_Pragma("unroll {}") for (int k = 0; k < 12; k++) {{ y = fma(y, y, 1.5); y = fma(y, y, 2.5); }}'
    assert doubles(body.format(1), trips=12) == 24
    assert doubles(body.format(12)) == 24
    assert doubles(body.format(3), trips=4) == 24


def test_a_loop_in_a_loop():
    body = """_Pragma("unroll 1") for (int k = 0; k < n; k++) {
        y = fma(y, y, 1.5);
        _Pragma("unroll 1") for (int l = 0; l < 7; l++) y = fma(y, y, 2.5);
    }"""
    code = lone(body)
    assert usual(code, lambda loop: 7 if loop.trip["DFMA"] == 1 else 5)["DFMA"] == 5 * (7 + 1)


def test_slow_paths_of_division_and_roots_do_not_count():
    """The usual division is 8 operations or 9, and a root 8; the subroutines have more, and branches of their own."""
    for body, few in (("y = 1.5 / y;", 9), ("y = sqrt(y);", 9), ("y = sqrt(y) / (y + 3.0);", 19)):
        code = lone(body)
        assert any(i.calls for i in code)
        assert 6 <= doubles(body) <= few < sum(unit(i.opcode) == "double" for i in code)


def test_of_two_branches_the_longer_counts_and_atomics_are_rare():
    many, few = "y = fma(y, y, 1.5);" * 60, "y = fma(y, y, 1.5);" * 30
    assert usual(lone(f"if (n) {{ {many} }} else {{ {few} }}"), None)["DFMA"] == 60
    assert usual(lone(f"if (n) {{ {many} atomicAdd(x, 1.0); }} else {{ {few} }}"), None)["DFMA"] == 30


def test_a_way_with_so_many_stores():
    code = lone("x[n] = y; if (n > 3) { " + "x[n] = y = fma(y, y, 1.5); __threadfence();" * 30 + " }")
    assert usual(code, None, 2)["DFMA"] == 0
    assert usual(code, None, 32)["DFMA"] == 30
    with pytest.raises(UnknownPathError, match="no way with 7 stores"):
        usual(code, None, 7)


def test_what_is_unknown_is_refused():
    with pytest.raises(KeyError):
        classes(Counter({"FROBNICATE.E": 1}))
    (jump,) = instructions("        /*0000*/                   BRX R2 -0x10 ;")
    with pytest.raises(UnknownPathError, match="computed address"):
        usual([jump], None)


def test_the_text_of_the_disassembler():
    text = """
.text.lone:
        /*0000*/              @!P0 LDG.E.64 R2, desc[UR6][R16.64] ;
.L_x_1:
        /*0010*/              @P1 BRA P2, `(.L_x_1) ;
        /*0020*/                   CALL.REL.NOINC `($__internal_7_$__cuda_sm20_dsqrt_rn_f64_mediumpath_v1) ;
        /*0030*/               @P2 CALL.REL.NOINC `(.L_x_1) ;
"""
    load, branch, call, jump = instructions(text)
    assert (load.guard, load.name, load.address, load.target) == ("!P0", "LDG", 0, None)
    assert (branch.target, branch.conditional, branch.jumps) == (16, True, True)
    assert (call.calls, call.jumps) == (True, False)
    assert (jump.calls, jump.jumps, jump.target) == (False, True, 16)
    names = ("LDG.E", "LDG.E.128", "STS.64", "LDG.E.U8", "LDG.E.64.CONSTANT")
    assert [width(name) for name in names] == [4, 16, 8, 1, 8]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["layers_ntk", "layers_nngp"])
def test_every_layer_takes_the_same_number_of_operations(kernel):
    counts = [classes(kernels(relu_with_bias(n), "float64", 90).pair(kernel, False))["double"] for n in (3, 4, 6)]
    step = counts[1] - counts[0]
    assert counts[2] - counts[1] == 2 * step
    assert 40 < step < 100  # two roots, 19 coefficients of arcsine, and what joins them


def test_float32_pairs_have_no_double_precision():
    made = kernels("relu-3", "float32", 90)
    for name in ("layers_ntk", "table_ntk"):
        assert classes(made.pair(name, True))["double"] == 0
        assert made.pair(name, True).total() > made.pair(name, False).total() > made.idle(name).total()


def test_published_figures_agree_with_each_other():
    for card in CARDS:
        assert card.double * card.sms * card.clock * 2e-3 == pytest.approx(card.peak, rel=0.01)
        assert card.bytes_a_clock * card.sms * card.clock == pytest.approx(1e3 * card.bandwidth)


def test_warps_of_a_multiprocessor():
    """As NVIDIA's occupancy calculator has it."""
    card = BY_NAME["H100"]
    found = [card.warps(registers, shared) for registers, shared in ((32, 0), (40, 0), (64, 8448), (65, 0), (255, 0))]
    assert found == [64, 48, 32, 24, 8]
    assert card.warps(32, 100 * 1024) == 16


def test_clocks_of_units():
    """For a warp: 2 of 64 lanes a clock are one clock, 4 instructions of any kind another, 8 bytes a lane take two."""
    counts = Counter({"DFMA": 4, "LDG.E.64": 1, "MUFU.RSQ": 1, "FADD": 2})
    found = clocks(counts, BY_NAME["H100"])
    assert found == {"double": 2, "issue": 2, "single": 0.5, "integer": 0, "special": 2, "L1": 2}
    of_gram = ceiling(counts, Counter(), BY_NAME["H100"], 4, True)
    assert of_gram.clocks["double"] == 1  # two entries of one pair
    assert of_gram.clocks["memory"] == pytest.approx(0.75 * of_gram.limit)  # one read less, of two and two writes


@pytest.mark.parametrize(("title", "spec", "dtype", "name"), KINDS, ids=[kind[0] for kind in KINDS])
@pytest.mark.parametrize("card", [pytest.param(card, marks=OTHER[card.capability], id=card.name) for card in CARDS])
@pytest.mark.parametrize("mirrored", [False, True], ids=["two sets", "one set"])
def test_the_machine_code_allows_the_bars(title, spec, dtype, name, card, mirrored):
    made = kernels(spec, dtype, card.capability)
    found = ceiling(made.pair(name, mirrored), made.idle(name), card, 4 if dtype == "float32" else 8, mirrored)
    assert card.warps(made.registers[name], made.shared[name]) >= 24
    assert share(dtype, found) > BARS[dtype] + ROOM[dtype]


def test_a_thread_that_finds_nobody_asking_leaves_before_the_loop():
    """Told from one that must go through it: of the first, only what is read before the loop counts."""
    loop = '_Pragma("unroll 1") for (int k = 0; k < 32; k += 8) if (n >> k & 1) x[k] = sqrtf(x[k]) / x[k + 1];'
    code = 'extern "C" __global__ void {}(float *x, const int *who) {{ const int n = who[threadIdx.x]; {} {} }}'
    cubin, _ = compiled(code.format("late", "", loop) + code.format("early", "if (!n) return;", loop), 90)
    early, late = (of_idle_pair(disassembled(cubin)[name]) for name in ("early", "late"))
    assert early["LDG.E"] == late["LDG.E"] == 1 / 4
    assert early.total() < late.total() - 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_instruction_is_missed_and_every_one_is_known(dtype):
    """They are 16 bytes each, with no gap between them; subroutines and what fills up the end included."""
    for code in kernels("relu-3", dtype, 90).code.values():
        assert [i.address for i in code] == list(range(0, 16 * len(code), 16))
        assert len({unit(i.opcode) for i in code}) > 3
