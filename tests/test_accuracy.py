"""The accuracy contract: every compiled kernel against 120-digit arithmetic, on inputs that hurt.

|K_ij − K*_ij| ≤ 1e-13 · max(1, depth/10) · √(K*_ii K*_jj) in float64 and 1e-5 in float32; zero rows exactly 0; the
diagonal included; no warning (pytest turns them into errors).
"""

from functools import cache

import fewer
import numpy as np
import pytest
from oracle.cases import CASES, spec
from oracle.networks import reference, relative_error
from oracle.points import SPECIAL
from oracle.precision import mp
from oracle.published import PUBLISHED
from oracle.specs import read

import kernelc

BACKENDS = ("numpy", "numexpr")
BY_NAME = {case.name: case for case in CASES}
ON_SPECIAL_INPUTS = ("relu-3", "relu-bias-3", "erf-3", "gelu-bias-3", "abs-3", "mixed-3", "residual-relu-2")
IN_FLOAT32 = ("relu-3", "relu-bias-3", "erf-bias-3", "gelu-1", "residual-erf-2")


def parametrized(cases):
    """Cases as pytest parameters, the slow ones marked, and every other of the rest."""
    named = [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else []) for case in cases]
    quick = fewer.one_in(2, [case for case in named if not case.marks])
    return [case if case.marks else quick.pop(0) for case in named]


@cache
def compiled(toml, backend, dtype="float64"):
    return kernelc.compile(kernelc.loads(toml), backend=backend, dtype=dtype)


@cache
def edges(case):
    """The case's edge points and its true kernels there, [(K*, scale), ...]: computed once for all backends."""
    return case.points, reference(case.network, case.points, None, case.parameterization, case.kernels)


def assert_close(got, truth, bound):
    """Every kernel of a tuple within the bound, or a message that names the worst entry."""
    for K, (values, scale) in zip(got, truth, strict=True):
        error = relative_error(K, values, scale)
        i, j = np.unravel_index(np.argmax(error), error.shape)
        assert error[i, j] <= bound, (
            f"entry ({i}, {j}) is off by {error[i, j]:.2e}: {K[i, j]!r}, not {float(values[i, j])!r}"
        )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", parametrized(CASES))
def test_against_itself(case, backend):
    x, truth = edges(case)
    assert_close(compiled(case.toml, backend)(x, get=case.kernels), truth, case.bound)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", parametrized(CASES))
def test_against_other_points(case, backend):
    x, truth = edges(case)
    rows, columns = slice(0, None, 2), slice(None, None, -1)
    blocks = [(values[rows, columns], scale[rows, columns]) for values, scale in truth]
    got = compiled(case.toml, backend)(x[rows], x[columns], get=case.kernels)
    assert_close(got, blocks, case.bound)


# an offset of 1e4 makes q = 1e8 at the first activation: in the domain of homogeneous activations, and of no other
OUT_OF_DOMAIN = {(name, "offset 1e4") for name in ("erf-3", "gelu-bias-3", "mixed-3")}
SPECIAL_CASES = [
    (name, points) for name in ON_SPECIAL_INPUTS for points in SPECIAL if (name, points) not in OUT_OF_DOMAIN
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "points"), SPECIAL_CASES)
def test_special_inputs(name, points, backend):
    case, x = BY_NAME[name], SPECIAL[points]
    truth = reference(case.network, x, None, case.parameterization, case.kernels)
    assert_close(compiled(case.toml, backend)(x, get=case.kernels), truth, case.bound)
    assert_close(compiled(case.toml, backend)(x, x, get=case.kernels), truth, case.bound)


DEEP = [pytest.param(case.name, marks=pytest.mark.slow) for case in CASES if case.depth == 10]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [*IN_FLOAT32, *DEEP])
def test_float32(name, backend):
    """Homogeneous networks take rows of norm 1e±15, although their squares end at 1e±38 in float32."""
    case = BY_NAME[name]
    x = case.points[np.abs(case.points).max(axis=1) < 1e50].astype(np.float32)
    if case.homogeneous:
        x = np.concatenate([x, 1e-15 * x[:2], 1e15 * x[:3]], dtype=np.float32)
    truth = reference(case.network, x, None, case.parameterization, case.kernels)
    got = compiled(case.toml, backend, "float32")(x, get=case.kernels)
    assert all(K.dtype == np.float32 for K in got)
    assert_close(got, truth, 1e8 * case.bound)


CHAOTIC = {
    "float64": [("sin", 3, 0.1, 20), ("sin", 8, 0.1, 10), ("sin", 2, 0, 30), ("cos", 3, 0.3, 20), ("erf", 8, 0.1, 20)],
    "float32": [("sin", 3, 0.1, 10), ("sin", 8, 0.1, 4), ("cos", 3, 0.3, 10), ("erf", 8, 0.1, 8)],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("dtype", "network"), [(dtype, network) for dtype in CHAOTIC for network in CHAOTIC[dtype]])
def test_layers_that_stretch_angles_stretch_the_rounding_of_lengths_as_well(dtype, network, backend):
    """In the chaotic phase (Poole et al. 2016, arXiv:1606.05340) the contract holds but for the distance of
    neighbouring floating-point numbers times the factor by which the layers stretch a small angle.
    """
    activation, W_std, b_std, depth = network
    layers = f'["dense", {{ repeat = {depth}, layers = ["{activation}", "dense"] }}]'
    toml = spec("chaotic", layers, W_std=W_std, b_std=b_std)
    x, truth, stretch = stretched(toml, dtype)
    bound = (1e-13 if dtype == "float64" else 1e-5) * max(1, depth / 10)
    rounding = np.finfo(dtype).eps * stretch
    assert bound < rounding < 1e-2
    assert_close(compiled(toml, backend, dtype)(x, get=("nngp", "ntk")), truth, bound + rounding)


@cache
def stretched(toml, dtype):
    """Points, their true kernels, and the factor by which a network stretches a small angle."""
    network, parameterization = read(toml)
    K, scale = reference(network, np.array([[1.0, 0.0], [1.0, 1e-40]]), None, parameterization, "nngp")
    x = near_and_far().astype(dtype)
    stretch = float(2e40 * mp.sqrt((1 - K[0, 1] / scale[0, 1]) / 2))
    return x, reference(network, x, None, parameterization), stretch


def near_and_far():
    """Points at distances that ten layers or twenty make large, of equal and of other lengths."""
    x, y, n = np.random.default_rng(0).standard_normal((3, 7))
    near = [x + h * n for h in (1e-9, 1e-7, 1e-5)] + [(1 + h) * x for h in (1e-9, 1e-7, 1e-5, 1e-3, 0.1)]
    return np.array([x, y, *near, 2 * x, 3 * x, 3 * x + 1e-7 * n, -x + 1e-8 * n])


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_published_kernels(entry):
    """What neural-tangents computed, to 1e-12 away from the diagonal, where it is good to no more than 1e-7."""
    k, names = compiled(entry.toml, "numpy"), ("nngp", "ntk")
    for name, K in zip(names, k(entry.x1, entry.x2, get=names), strict=True):
        rows = k.diag(entry.x1, get=name)
        columns = rows if entry.x2 is None else k.diag(entry.x2, get=name)
        error = abs(K - getattr(entry, name)) / np.sqrt(np.outer(rows, columns))
        if entry.x2 is None and not entry.is_truth:
            assert np.diagonal(error).max() < 1e-7
            np.fill_diagonal(error, 0)
        assert error.max() < 1e-12
