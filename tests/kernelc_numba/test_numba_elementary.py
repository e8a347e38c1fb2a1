"""The elementary functions of Numba's loops against 40-digit arithmetic, and their loops' machine code."""

import functools
import importlib.util
import platform
import re
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

numba = pytest.importorskip("numba")

from kernelc_numba import elementary, elementary_single  # noqa: E402 (they need numba)

OPTIONS = {"error_model": "numpy", "fastmath": {"contract"}}
MODULES = {"float64": elementary, "float32": elementary_single}
LIMITS = {"asin": 0.8, "atan2": 3, "exp": 1.2, "expm1": 3, "sin": 2.3, "cos": 2.3}  # units of the last place
TINY = {"float64": 1e-290, "float32": 1e-34}
LOGS = {"float64": (-708.39, 709.78), "float32": (-87.33, 88.72)}  # the ends of e**x, and inside them
DTYPES = pytest.mark.parametrize("dtype", MODULES)
NAMES = pytest.mark.parametrize("name", LIMITS)


@functools.cache
def compiled(name, dtype):
    """A loop over one or two arrays, in one compiled function for each dtype."""
    f = getattr(MODULES[dtype], name)

    @numba.njit(**OPTIONS)
    def one(a, out):
        for j in range(out.size):
            out[j] = f(a[j])

    @numba.njit(**OPTIONS)
    def two(a, b, out):
        for j in range(out.size):
            out[j] = f(a[j], b[j])

    return two if name == "atan2" else one


def values(name, dtype, *arguments):
    """The function at arrays, at least one full vector long."""
    size = max(len(arguments[0]), 64)
    out = np.empty(size, dtype)
    compiled(name, dtype)(*(np.resize(np.asarray(a, dtype), size) for a in arguments), out)
    return out[: len(arguments[0])]


def worst(name, dtype, *arguments):
    """The largest error in units of the last place of the true value, and where."""
    arguments = [np.asarray(a, dtype) for a in arguments]
    errors = []
    with mpmath.workdps(50):
        for *point, value in zip(*arguments, values(name, dtype, *arguments), strict=True):
            true = getattr(mpmath, name)(*(mpmath.mpf(float(v)) for v in point))
            unit = float(np.spacing(np.abs(np.dtype(dtype).type(float(true)))))
            errors.append((float(abs(float(value) - true) / unit), point))
    return max(errors)


def both_signs(x):
    return np.concatenate([x, -x])


def points(name, dtype):
    """Points of the function's domain: log-spaced, evenly spaced, and around the places where its formula changes."""
    tiny, (low, high) = TINY[dtype], LOGS[dtype]
    steps = np.concatenate([np.arange(-40, 41) * np.log(2) / 2 + e for e in (-1e-6, 0, 1e-6)])
    small = both_signs(np.geomspace(tiny, 2, 400))
    zeros = both_signs(np.arange(1, 63000, 97) * np.pi / 2)
    quarters = both_signs(np.arange(0, 41) * np.pi / 4)
    return {
        "asin": np.concatenate([[0], np.geomspace(tiny, 0.71, 400), np.linspace(0.3, 0.71, 800)]),
        "exp": np.concatenate([small, steps, np.linspace(low, high, 800)]),
        "expm1": np.concatenate([small, steps, both_signs(np.linspace(0.2, 0.8, 400)), np.linspace(-60, high, 400)]),
        "sin": np.concatenate([small, zeros, quarters, both_signs(np.geomspace(1, 1e5, 500))]),
        "cos": np.concatenate([small, zeros, quarters, both_signs(np.geomspace(1, 1e5, 500))]),
    }[name]


@DTYPES
@pytest.mark.parametrize("name", ["asin", "exp", "expm1", "sin", "cos"])
def test_accuracy(name, dtype):
    error, point = worst(name, dtype, points(name, dtype))
    assert error <= LIMITS[name], point


@DTYPES
def test_accuracy_of_angles(dtype):
    angle = np.concatenate([np.arange(-32, 33) * np.pi / 32, both_signs(np.geomspace(TINY[dtype], np.pi, 400))])
    size = np.geomspace(1e-4, 1e4, angle.size)
    near = np.tan(np.pi / 8) * (1 + np.linspace(-1e-3, 1e-3, 101))  # where one formula gives way to the other
    for y, x in [(size * np.sin(angle), size * np.cos(angle)), (near, np.ones(101)), (-np.ones(101), near)]:
        error, point = worst("atan2", dtype, y, x)
        assert error <= LIMITS["atan2"], point


@DTYPES
@given(data=st.data())
@settings(max_examples=60)
def test_accuracy_anywhere(dtype, data):
    width, tiny, (low, high) = 8 * np.dtype(dtype).itemsize, TINY[dtype], LOGS[dtype]

    def numbers(low, high):
        low, high = (float(np.dtype(dtype).type(v)) for v in (low, high))
        kept = st.floats(low, high, width=width).filter(lambda x: x == 0 or abs(x) > tiny)
        return st.lists(kept, min_size=9, max_size=9)

    waves = (-1e5, 1e5)
    domains = {"asin": (0, 0.71), "exp": (low, high), "expm1": (-1e3, high), "sin": waves, "cos": waves}
    for name, ends in domains.items():
        error, point = worst(name, dtype, data.draw(numbers(*ends)))
        assert error <= LIMITS[name], (name, point)
    error, point = worst("atan2", dtype, data.draw(numbers(-1e3, 1e3)), data.draw(numbers(-1e3, 1e3)))
    assert error <= LIMITS["atan2"], point


@DTYPES
def test_ends(dtype):
    inf, nan = np.inf, np.nan
    low, high = LOGS[dtype]
    for name, ends in {
        "exp": {0: 1, inf: inf, -inf: 0, high + 0.01: inf, low - 0.01: 0, 2000: inf, -2000: 0, nan: nan},
        "expm1": {0: 0, inf: inf, -inf: -1, high + 0.01: inf, -50: -1, 2000: inf, -2000: -1, nan: nan},
        "sin": {0: 0, 1e30: nan, inf: nan, -inf: nan, nan: nan},
        "cos": {0: 1, 1e30: nan, inf: nan, -inf: nan, nan: nan},
        "asin": {0: 0, nan: nan},
    }.items():
        np.testing.assert_array_equal(values(name, dtype, list(ends)), np.array(list(ends.values()), dtype), name)


@DTYPES
def test_angles_on_the_axes(dtype):
    y = [0, 0, 0, 1, -1, np.nan, 1, 1e30, 1e-30, 3, -np.inf]
    x = [0, 2, -2, 0, 0, 1, np.nan, 1e-30, -1e30, np.inf, 1]
    half = np.pi / 2
    true = [0, 0, np.pi, half, -half, np.nan, np.nan, half, np.pi, 0, -half]
    np.testing.assert_array_equal(values("atan2", dtype, y, x), np.array(true, dtype))


@pytest.mark.parametrize(("dtype", "end", "limit"), [("float64", 1e15, 1e-15), ("float32", 1e7, 2e-6)])
def test_far_waves_are_bounded(dtype, end, limit):
    x = both_signs(np.geomspace(1e5, 0.999 * end, 200)).astype(dtype)
    with mpmath.workdps(50):
        for name in ("sin", "cos"):
            true = [float(getattr(mpmath, name)(mpmath.mpf(float(v)))) for v in x]
            np.testing.assert_allclose(values(name, dtype, x), true, rtol=0, atol=limit)


@DTYPES
@NAMES
def test_float_type_stays(name, dtype):
    scalar = numba.typeof(np.dtype(dtype).type(1))
    f = numba.njit(getattr(MODULES[dtype], name).py_func, **OPTIONS)
    f.compile((scalar,) * (2 if name == "atan2" else 1))
    assert f.overloads[f.signatures[0]].signature.return_type == scalar


def fused():
    """Whether this is a CPU whose vector instructions the next test knows."""
    from llvmlite import binding

    return platform.machine() in ("x86_64", "AMD64") and binding.get_host_cpu_features().get("fma", False)


@pytest.mark.skipif(not fused(), reason="needs an x86 CPU with fused multiply-add")
@DTYPES
@NAMES
def test_loops_are_vectorised(name, dtype):
    array = np.full(64, 0.5, dtype)
    values(name, dtype, *[array] * (2 if name == "atan2" else 1))
    loop = compiled(name, dtype)
    (signature,) = loop.signatures
    # The loop's own function, without what Numba wraps around it: from its label to the next global symbol.
    label = loop.overloads[signature].fndesc.mangled_name + ":\n"
    body = loop.inspect_asm(signature).split(label)[1].split(".globl")[0]
    kind = {"float64": "pd", "float32": "ps"}[dtype]
    assert re.search(rf"\tvfn?m\w+{kind}\t.*[yz]mm", body)
    assert not re.search(r"\tcall", body)
    assert not re.search(r"\tv?p?gather", body)
    assert not re.search(r"\tvcvt(ps2pd|ss2sd)", body)


@DTYPES
def test_constants_are_those_of_the_fit(dtype):
    spec = importlib.util.spec_from_file_location("fit_elementary", Path(__file__).with_name("fit_elementary.py"))
    fit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fit)
    for name, constants in fit.constants(dtype == "float32").items():
        for i, constant in enumerate(constants):
            assert getattr(MODULES[dtype], f"_{name}{i}") == np.dtype(dtype).type(float(constant))
        assert not hasattr(MODULES[dtype], f"_{name}{len(constants)}")
