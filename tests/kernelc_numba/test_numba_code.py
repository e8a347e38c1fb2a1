"""The machine code of Numba modules: loops over vectors of fused multiply-adds, without calls."""

import platform
import re
import tempfile
from functools import cache

import numpy as np
import pytest

import kernelc
from kernelc import Activation, Dense, Network
from kernelc.activations import ACTIVATIONS

pytest.importorskip("numba")


def fused():
    from llvmlite import binding

    return platform.machine() in ("x86_64", "AMD64") and binding.get_host_cpu_features().get("fma", False)


pytestmark = pytest.mark.skipif(not fused(), reason="needs an x86 CPU with fused multiply-add")
X = np.random.default_rng(0).standard_normal((20, 4))
X *= 2 / np.linalg.norm(X, axis=1, keepdims=True)
PACKED = {"float64": "pd", "float32": "ps"}


@cache
def loops(net, dtype="float64", collapsed=True):
    """{name: assembly} of a module's loops, each compiled by its use."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERNELC_CACHE_DIR", folder)  # code from the disk cannot be read
        k = kernelc.compile(net, "numba", dtype, collapse=collapsed)
        x, get = X.astype(dtype), "nngp" if k.ntk_reason else ("nngp", "ntk")
        k(x, get=get)
        if collapsed:
            k.module.COLLAPSE_FROM = 0
            k(x, get=get)
    found = {name: value for name, value in vars(k.module).items() if type(value).__name__ == "Loop"}
    assert found
    return {name: assembly(loop) for name, loop in found.items() if loop.compiled is not None}


def assembly(loop):
    """The loop's own function, without what Numba wraps around it: from its label to the next global symbol."""
    ((signature, overload),) = loop.compiled.overloads.items()
    text = loop.compiled.inspect_asm(signature)
    return text.split(overload.fndesc.mangled_name + ":\n")[1].split(".globl")[0]


def calls(text):
    return re.findall(r"\tcallq?\s+(.*)", text)


def mathematics(text):
    """Calls of scalar mathematics: by name, or by an address in a register that a name was loaded into."""
    name = r"\$?\b_*(?:numba_)?(sin|cos|tan|exp|expm1|log|asin|acos|atan|atan2|arctan2|pow|erf|erfc|sqrt)f?\b"
    return re.findall(rf"(?:call|mov)\S*\s.*{name}", text)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("spec", ["relu-3", *(pytest.param(s, marks=pytest.mark.slow) for s in ("erf-3", "gelu-2"))])
def test_layers_are_vectorised(spec, dtype):
    found = {name: text for name, text in loops(spec, dtype).items() if name.startswith("loop_")}
    packed = rf"\tvfn?m\w+{PACKED[dtype]}\t.*[yz]mm"
    with_steps = 0
    for name, text in found.items():
        assert not calls(text), name
        with_steps += bool(re.search(packed, text))
        if dtype == "float32":
            assert not re.search(r"\tvcvt(ps2pd|ss2sd)", text), name
    assert with_steps >= (1 if spec == "relu-3" else 2)
    assert re.search(packed, max(found.values(), key=len))  # the activation


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_the_collapsed_path_is_vectorised(dtype):
    found = loops("relu-3", dtype)
    angles, polynomials = found["angles"], found["polynomials"]
    assert not calls(angles)
    assert re.search(rf"\tvmul{PACKED[dtype]}\t.*[yz]mm", angles)
    assert not mathematics(polynomials)
    allowed = {"NRT_MemInfo_alloc", "NRT_decref", "NRT_incref", "NRT_Allocate", "numba_gil"}  # of its two rows, once
    inside = [c for c in calls(polynomials) if not any(word in c for word in allowed) and not c.startswith("*")]
    assert not inside, inside
    if dtype == "float32":
        assert not re.search(r"\tvcvt(ps2pd|ss2sd)", angles + polynomials)


TABLES = "gelu_tanh quick_gelu tanh sigmoid softplus silu mish softsign elu selu celu hard_tanh hard_sigmoid hard_swish"
SAME = (
    "relu6 prelu abrelu cos sigmoid_like star_relu relu2 identity polynomial softshrink"  # as others, or with a table
)
EXACT = [name for name in ACTIVATIONS if name not in (TABLES + " " + SAME).split()]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_no_layer_calls_scalar_mathematics(name):
    net = Network([Dense(W_std="1.1", b_std="0.1"), Activation(name), Dense(W_std="1.1")], name="n")
    (step,) = [step for step in kernelc.derive(net).steps if hasattr(step, "dual")]
    assert step.dual.tier == "exact"
    for loop, text in loops(net, collapsed=False).items():
        assert not mathematics(text), loop
        assert not calls(text), loop
        if loop.startswith("loop_2"):
            assert re.search(r"\tv\w+pd\t.*[yz]mm", text)
