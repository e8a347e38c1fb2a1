"""What depends on one point leaves the pairs: once for both points, with the same values, and nothing else moves."""

import math
from functools import cache
from itertools import product

import pytest
from oracle.cases import CASES

import kernelc
from kernelc.lowering import lower
from kernelc.program import PRIMITIVES, Block, Code, Instr, Program
from kernelc_cupy.hoist import SIMPLE, hoist

FEW = ("relu-3", "erf-bias-3", "gelu-bias-3", "snake-3", "polynomial-3", "mixed-3", "sum-2")
BY_NAME = {case.name: case for case in CASES}
FUNCTIONS = {name: getattr(math, name) for name in ("sqrt", "exp", "expm1", "sin", "cos", "asin", "atan2")} | {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b else math.nan,
    "ratio": lambda a, b: a / b if b else a,
    "neg": lambda a: -a,
    "abs": abs,
    "min": min,
    "max": max,
    "lt": lambda a, b: a < b,
    "and": lambda a, b: a and b,
    "where": lambda a, b, c: b if a else c,
    "refine": lambda flag, rough, *inputs: rough,
}


@cache
def program(name):
    return lower(kernelc.derive(kernelc.loads(BY_NAME[name].toml)))


def block(pair, outputs, row=(("s", "sqrt", "q"),), saved=("s",), parameters=()):
    """A block from (name, operation, *arguments); names that end in 1 and 2 in pair code are of one point."""
    rates = {"gap": "pair", "W": "scalar"} | {
        s + which: rate for s in saved for which, rate in (("1", "one"), ("2", "two"))
    }
    instrs = []
    for name, op, *args in pair:
        found = {rates[a] for a in args if isinstance(a, str)} - {"scalar"}
        rates[name] = found.pop() if len(found) == 1 else "pair" if found else "scalar"
        instrs.append(Instr(name, op, tuple(args), rates[name]))
    inputs = [(n, r) for n, r in rates.items() if n not in {i.name for i in instrs} and (n != "W" or parameters)]
    rows = tuple(Instr(name, op, tuple(args), "one") for name, op, *args in row)
    row_code = Code((("q", "one"), ("ntk", "one")), rows, (("q", "q"), ("ntk", "ntk"), *((s, s) for s in saved)))
    return Block("layer", 1, row_code, Code(tuple(inputs), tuple(instrs), outputs), saved)


def hoisted(*blocks):
    none = Code((), (), ())
    return hoist(Program("name", blocks, (), (), True, False, "", (), none)).validate().blocks


def values(code, given):
    found = dict(given)

    def value(atom):
        return found[atom] if isinstance(atom, str) else float(atom)

    for i in code.instrs:
        found[i.name] = FUNCTIONS[i.op](*map(value, i.args))
    return {name: value(atom) for name, atom in code.outputs}


ROOT = (("t_1", "mul", 2, "s1"), ("t_2", "sqrt", "t_1"), ("t_3", "mul", 2, "s2"), ("t_4", "sqrt", "t_3"))


def test_a_root_of_each_point_is_saved_once():
    (new,) = hoisted(block([*ROOT, ("t_5", "mul", "t_2", "t_4")], (("gap", "t_5"),)))
    assert new.saved == ("s", "h1_")
    assert [i.op for i in new.row.instrs] == ["sqrt", "mul", "sqrt"]
    assert [(i.op, i.args) for i in new.pair.instrs] == [("mul", ("h1_1", "h1_2"))]
    assert {("h1_1", "one"), ("h1_2", "two")} <= set(new.pair.inputs)


def test_what_only_one_of_the_two_points_needs_is_saved_too():
    (new,) = hoisted(block([*ROOT[:2], ("t_5", "mul", "t_2", "gap")], (("gap", "t_5"),)))
    assert new.saved == ("s", "h1_")
    assert [i.args for i in new.pair.instrs] == [("h1_1", "gap")]
    assert ("h1_2", "two") not in new.pair.inputs


def test_a_product_of_what_is_saved_stays():
    old = block([("t_1", "mul", "s1", "s1"), ("t_2", "mul", "t_1", "gap")], (("gap", "t_2"),))
    assert hoisted(old) == (old,)


def test_a_long_polynomial_leaves():
    powers = [
        ("t_0", "mul", "s1", "s1"),
        *((f"t_{n}", "add" if n % 2 else "mul", f"t_{n - 1}", 3) for n in range(1, 6)),
    ]
    (new,) = hoisted(block([*powers, ("t_9", "mul", "t_5", "gap")], (("gap", "t_9"),)))
    assert [i.args for i in new.pair.instrs] == [("h1_1", "gap")]


def test_what_the_row_has_is_not_computed_again():
    """The square of s is q, of which the row has the root; so the root of s² + 1 is the row's own."""
    row = (("s", "sqrt", "q"), ("r", "add", 1, "q"), ("u", "sqrt", "r"))
    pair = [("t_1", "mul", "s1", "s1"), ("t_2", "add", "t_1", 1), ("t_3", "sqrt", "t_2"), ("t_4", "mul", "t_3", "gap")]
    (new,) = hoisted(block(pair, (("gap", "t_4"),), row))
    assert [i.name for i in new.row.instrs] == ["s", "r", "u"]
    assert dict(new.row.outputs)["h1_"] == "u"


def test_what_is_saved_under_another_name_is_read_under_that():
    row = (("s", "sqrt", "q"), ("e", "exp", "s"))
    pair = [("t_1", "exp", "s2"), ("t_2", "mul", "t_1", "gap"), ("t_3", "mul", "t_2", "e1")]
    (new,) = hoisted(block(pair, (("gap", "t_3"),), row, ("s", "e")))
    assert new.saved == ("s", "e")
    assert [i.args for i in new.pair.instrs] == [("e2", "gap"), ("t_2", "e1")]


def test_parameters_come_along():
    pair = [("t_1", "mul", "W", "s1"), ("t_2", "exp", "t_1"), ("t_3", "mul", "t_2", "gap")]
    (new,) = hoisted(block(pair, (("gap", "t_3"),), parameters=("W",)))
    assert ("W", "scalar") in new.row.inputs
    assert "W" not in dict(new.pair.inputs)


def test_a_function_of_both_points_stays():
    pair = [("t_1", "mul", "s1", "s2"), ("t_2", "exp", "t_1"), ("t_3", "mul", "t_2", "gap")]
    old = block(pair, (("gap", "t_3"),))
    assert hoisted(old) == (old,)


def test_a_call_stays_and_so_does_what_is_made_of_it():
    old = block([("t_1", "exp", "s1"), ("t_2", "mul", "t_1", "gap")], (("gap", "t_2"),))
    called = Instr("t_1", "call", ("s1",), "one", "dual({0})")
    code = Code(old.pair.inputs, (called, Instr("t_0", "exp", ("t_1",), "one"), *old.pair.instrs[1:]), old.pair.outputs)
    old = Block(old.title, 1, old.row, code, old.saved)
    assert hoisted(old) == (old,)


@pytest.mark.parametrize("name", [n if n in FEW else pytest.param(n, marks=pytest.mark.slow) for n in BY_NAME])
def test_pairs_compute_no_function_of_one_point_but_sums_and_products(name):
    for block in hoist(program(name)).validate().blocks:
        alone = [i for i in block.pair.instrs if i.rate in ("one", "two") and i.op in PRIMITIVES]
        assert not [i for i in alone if i.op not in SIMPLE]


@pytest.mark.parametrize("name", FEW)
def test_the_values_are_the_same(name):
    old, new = program(name).blocks, hoist(program(name)).blocks
    for before, after in zip(old, new, strict=True):
        assert before.saved == after.saved[: len(before.saved)]
        for q1, q2, gap, side in product((0.3, 2.0), (0.7, 2.0), (1e-9, 0.2, 0.5), (-1.0, 1.0)):
            found = []
            for block in (before, after):
                one, two = (values(block.row, {"q": q, "ntk": 1.5}) for q in (q1, q2))
                points = {s + "1": one[s] for s in block.saved} | {s + "2": two[s] for s in block.saved}
                found.append(values(block.pair, points | {"gap": gap, "side": side, "ntk": 0.4}))
            for output, value in found[0].items():
                assert found[1][output] == pytest.approx(value, rel=1e-11, abs=1e-13), output
