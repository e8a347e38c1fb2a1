"""Generated CUDA code, as NVIDIA's compiler sees it for four generations of cards: nothing of this needs a GPU."""

import re
from functools import cache

import pytest
from nvrtc import compiled, ptx
from on_host import KERNEL
from oracle.cases import CASES, spec

import kernelc
from kernelc.evaluation import evaluate
from kernelc.lowering import lower
from kernelc.steps import activations
from kernelc_cupy.source import CudaSource

CARDS = (75, 80, 90, 120)
FEW = ("relu-3",)
SPECS = ("relu-3", "erf-3", "gelu-2", "leaky-relu", "residual-relu", "mixed", "siren", "snake-2", "sphere-relu")
TABLES = {
    "tables": ("tanh", "silu"),
    "tables and formulas": ("silu", "relu", "tanh", "gelu"),
    "closed forms and powers": ("hard_swish", "abs(x)**1.5"),
    "quadrature": ("tanh(max(x - 1, 0))", "softshrink"),
}
HERMITE = '{ activation = "hermite", k = 12 }'
POLYNOMIAL = '{ activation = "polynomial", coefficients = [0.5, 1, -0.3, 0.1, 0.05, -0.01, 0.003, 0.001] }'
RICH = {  # layers with more in them than the reference networks have
    "three branches": '["dense", { sum = [["erf", "dense"], ["gelu", "dense"], ["sin", "dense"]] }, "gelu", "dense"]',
    "six branches": '["dense", { sum = [["erf", "dense"], ["gelu", "dense"], ["sin", "dense"], ["snake", "dense"],'
    ' ["gabor", "dense"], ["relu", "dense"]] }, "dense"]',
    "sums of sums": '["dense", { sum = [[{ sum = [["erf", "dense"], ["gelu", "dense"]] }, "relu", "dense"],'
    ' [{ sum = [["sin", "dense"], ["snake", "dense"]] }, "gelu", "dense"]] }, "erf", "dense"]',
    "nested residuals": '["dense", { repeat = 4, layers = [{ residual = ["gelu", "dense",'
    ' { residual = ["erf", "dense"] }] }] }, "relu", "dense"]',
    "two polynomials": f'["dense", {{ sum = [[{POLYNOMIAL}, "dense"], [{HERMITE}, "dense"], ["relu2", "dense"]] }},'
    ' "erf", "dense"]',
    "many layers": '["dense", "erf", "dense", "gelu", "dense", "sin", "dense", "cos", "dense", "rbf", "dense", "snake",'
    ' "dense", "gaussian", "dense", "gabor", "dense"]',
    "terms that cancel": '["dense", "erf(x) - x + x**2/1000", "dense", "cos(x) - 1 + x**2/2", "dense"]',
    "parameters": '["dense", "erf", { dense = { W_std = "u", b_std = "b*u" } },'
    ' { residual = ["gelu", "dense"] }, "dense"]',
}
Z = kernelc.Dense("1.5", "0.1")
DOUBLE = re.compile(r"\b(?:add|sub|mul|fma|div|sqrt|rsqrt|neg|abs|min|max|setp)[.\w]*\.f64")
BY_NAME = {case.name: case for case in CASES}


@cache
def source(name, dtype):
    """The CUDA code of a bundled spec, of a reference network, or of activations by tables."""
    if name in TABLES:
        layers = [layer for activation in TABLES[name] for layer in (Z, kernelc.Activation(activation))]
        symbolic = kernelc.derive(kernelc.Network([*layers, Z], name="tables"))
        tables = evaluate(activations(symbolic.steps), "auto", (0.1, 10.0), None)
        return CudaSource(lower(symbolic, {e.dual: e.attachment for e in tables}), dtype)
    if name in RICH:
        text = spec("rich", RICH[name], W_std='"W"', b_std='"b"')
        net = kernelc.loads(text.replace("[network]", "[parameters]\nW = 1.2\nb = 0.1\nu = 0.9\n\n[network]"))
        return CudaSource(lower(kernelc.derive(net)), dtype)
    net = kernelc.loads(BY_NAME[name].toml) if name in BY_NAME else kernelc.load(name)
    return CudaSource(lower(kernelc.derive(net)), dtype)


def whole(name, dtype):
    cuda = source(name, dtype)
    return cuda.arithmetic() + cuda.layers() + cuda.machinery()


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in SPECS]
)
def test_every_card_compiles_it_without_warnings_and_without_spills(name, dtype, card):
    code = whole(name, dtype)
    cubin, report = compiled(code, card)
    assert cubin.startswith(b"\x7fELF")
    assert "warning" not in report.log
    assert set(report.spilled) == set(KERNEL.findall(code))
    assert not any(report.spilled.values()), report.spilled
    assert max(report.registers.values()) < 255


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TABLES, *RICH])
@pytest.mark.parametrize("card", [CARDS[0], CARDS[-1]])  # those that spill first
def test_rich_layers_compile_without_spills(name, card):
    _, report = compiled(_layered(name), card)
    assert "warning" not in report.log
    assert not any(report.spilled.values()), report.spilled


@pytest.mark.slow
@pytest.mark.parametrize("group", range(10))
def test_every_reference_network_compiles_without_spills(group):
    """Each layer once: networks that differ in numbers and depths only have the same code."""
    for name, code in list(_distinct().items())[group::10]:
        _, report = compiled(code, CARDS[0])  # where most spill
        assert "warning" not in report.log, name
        assert not any(report.spilled.values()), (name, report.spilled)


def _layered(name):
    """The code of a network, but for kernels that read tables, the same in all networks, and for those of Θ alone."""
    return re.sub(r"KERNEL (table\w+|layers_ntk\w*)\(TILE.*?\n}\n", "", whole(name, "float64"), flags=re.DOTALL)


@cache
def _distinct():
    found = {}
    for name in BY_NAME:
        code = source(name, "float64").layers()
        found.setdefault(re.sub(r"layer < \d+|//.*|[\d.]+(e-?\d+)?", "", code), name)
    return {name: _layered(name) for name in found.values()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["layers_nngp", "layers_both"])
def test_no_kernel_keeps_the_addresses_of_what_points_saved(kind):
    """They would fill all registers of a network of eight kinds of layers, of which none needs 150 by itself."""
    assert compiled(_only(kind, "many layers"), 80)[1].registers[kind] < 200


def _only(kind, name):
    return re.sub(rf"KERNEL (?!{kind}\()\w+\(TILE.*?\n}}\n", "", whole(name, "float64"), flags=re.DOTALL)


@pytest.mark.parametrize(("name", "roots", "quotients"), [("relu-3", 4, 0), ("erf-3", 4, 5)])
def test_pairs_have_no_roots_and_quotients_of_one_point(name, roots, quotients):
    """Of what is left, erf: √gap, √(1 - gap), the root of both points, the root in its doubt; two quotients by it."""
    kernel = ptx(_only("layers_ntk", name)).split(".entry layers_ntk(")[1].split(".entry")[0]
    assert len(re.findall(r"\bsqrt\.rn\.f64", kernel)) <= roots
    assert len(re.findall(r"\bdiv\.rn\.f64", kernel)) <= quotients


@pytest.mark.parametrize("name", [*SPECS, pytest.param("tables", marks=pytest.mark.slow)])
def test_float32_layers_have_no_double_precision(name):
    """The layers by themselves: rows, close pairs and what asks for double-double are computed in double on purpose."""
    cuda = source(name, "float32")
    lone = """
extern "C" __global__ void lone(F *gap, const F *one, const F *two, Scalars p) {
    F side = 1, ntk = 0;
    bool asks = false;
    layers<WITH_NTK, false>(*gap, side, ntk, asks, {one, 9}, {two, 9}, p);
    *gap += side + ntk + asks;
}
"""
    text = ptx(cuda.arithmetic() + cuda.layers() + lone)
    assert ".f32" in text
    assert not DOUBLE.findall(text)


@pytest.mark.parametrize("name", ["relu-3", "erf-3", pytest.param("tables", marks=pytest.mark.slow)])
def test_float32_kernels_of_most_pairs_have_no_double_precision(name):
    """All of the kernel, from the product to the output; what asks for more care is computed by another."""
    _, *parts = re.split(r"\.entry (\w+)\(", ptx(whole(name, "float32")))
    kernels = dict(zip(parts[::2], parts[1::2], strict=True))
    kinds = ("nngp", "ntk", "both")
    for kernel in (f"{way}_{kind}" for way in ("layers", "table") for kind in kinds):
        assert ".f32" in kernels[kernel]
        assert not DOUBLE.findall(kernels[kernel]), kernel
        assert DOUBLE.findall(kernels[f"{kernel}_again"]), kernel


def test_constants_beyond_the_range_of_float32_are_refused_before_cuda_sees_them():
    for W_std in ("1e25", "1e-30"):
        net = kernelc.Network([kernelc.Dense(W_std=W_std), kernelc.Activation("relu"), kernelc.Dense()], name="far")
        with pytest.raises(kernelc.LoweringError, match="beyond the range of float32: take dtype='float64'"):
            CudaSource(lower(kernelc.derive(net)), "float32").layers()


@pytest.mark.parametrize("name", SPECS)
def test_squares_are_products_and_sums_of_products_are_fused(name):
    for dtype in ("float64", "float32"):
        layers = source(name, dtype).layers()
        assert "fma(" in layers
        assert "pow(" not in layers


def test_a_quotient_by_a_root_is_a_product_with_its_inverse():
    """Of erf's derivative, 4/(pi*sqrt(...)): the root itself is used elsewhere, and stays."""
    layers = source("erf-3", "float64").layers()
    assert "rsqrt(" in layers
    assert re.search(r"const F dot = .*/", layers) is None
