"""Numba's loops compute what the reference backend does, and keep the accuracy contract."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from oracle.cases import stack
from oracle.networks import reference, relative_error
from oracle.points import edge_points
from oracle.specs import read

import kernelc
from kernelc import Activation, Dense, Network
from kernelc.errors import BackendError, UnsupportedError

pytest.importorskip("numba")

SPECS = sorted(path.stem for path in (Path(__file__).parents[2] / "specs").glob("*.toml"))
QUICK = ("relu-3",)
MORE_OF_THE_SAME = ("relu-1", "relu-100", "jacot-4", "relu-standard", "sphere-relu", "relu-frozen-output")
BOTH = ("nngp", "ntk")
LAYERED, COLLAPSED = 10**12, 0
RNG = np.random.default_rng(11)


@cache
def compiled(net, backend="numba", dtype="float64"):
    return kernelc.compile(net, backend, dtype)


def at(k, where, *args, **options):
    """The values, all by the layers or all by a table."""
    k.module.COLLAPSE_FROM = where
    return k(*args, **options)


def bad_rows(d=5, zero=True):
    """Ordinary rows, equal and near and opposite ones, several norms: one tile is not full, and vectors have ends."""
    edge = edge_points(d, 1, zero=zero)
    return np.concatenate([edge, RNG.standard_normal((53, d))])


def on_sphere(x):
    x = x[np.linalg.norm(x, axis=1) > 0]
    return np.sqrt(x.shape[1]) * x / np.linalg.norm(x, axis=1, keepdims=True)


def assert_same(one, two, x1, x2, bound, get, where=LAYERED, **parameters):
    """Two kernels agree, relative to √(K_ii K_jj); where that is 0, exactly."""
    found, expected = (at(k, where, x1, x2, get=get, **parameters) for k in (one, two))
    for name, K, exact in zip(get, found, expected, strict=True):
        rows, columns = (np.sqrt(two.diag(x, name, **parameters)) for x in (x1, x1 if x2 is None else x2))
        scale = np.outer(rows, columns)
        error = np.abs(K - exact) / np.where(scale == 0, 1e-300 if scale.dtype == np.float64 else 1e-37, scale)
        i, j = np.unravel_index(error.argmax(), error.shape)
        assert error[i, j] <= bound, f"{name}: entry ({i}, {j}) differs by {error[i, j]:.1e}: {K[i, j]}, {exact[i, j]}"


def some(names):
    return [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in names]


@pytest.mark.parametrize("name", some([name for name in SPECS if name not in MORE_OF_THE_SAME]))
def test_it_agrees_with_the_reference_backend(name):
    numba, numpy = compiled(name), compiled(name, "numpy")
    get = BOTH if not numba.ntk_reason else ("nngp",)
    x = bad_rows(zero=not numpy.module.NORMALIZE)
    x2 = RNG.standard_normal((530, 5))
    for bound, x1, other, where in [
        (1e-14, x, None, LAYERED),
        (1e-14, x[:7], x2, LAYERED),
        (1e-14, on_sphere(x), None, COLLAPSED),
        (1e-14, on_sphere(x)[:7], on_sphere(x2), COLLAPSED),
    ]:
        assert_same(numba, numpy, x1, other, bound, get, where)
    assert numba.module.TABLES


@pytest.mark.parametrize("name", some(["relu-3", "erf-3", "mixed"]))
def test_it_agrees_in_float32(name):
    numba, numpy = (compiled(name, backend, "float32") for backend in ("numba", "numpy"))
    x = bad_rows().astype(np.float32)
    assert_same(numba, numpy, x, None, 2e-6, BOTH)
    assert_same(numba, numpy, on_sphere(x).astype(np.float32), None, 2e-6, BOTH, COLLAPSED)
    assert numba(x).dtype == np.float32


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in
                                  ("relu-3", "erf-3", "gelu-2", "mixed", "residual-relu")])  # fmt: skip
def test_the_accuracy_contract(name):
    """Against 120-digit arithmetic, by the layers and, on a sphere, by the table."""
    network, parameterization = read((Path(__file__).parents[2] / "specs" / f"{name}.toml").read_text("utf-8"))
    k = compiled(name)
    homogeneous = k.module.HOMOGENEOUS == BOTH
    x = edge_points(4, 3, homogeneous=homogeneous)
    for rows, where in [(x, LAYERED), (x if homogeneous else on_sphere(x), COLLAPSED)]:
        truth = reference(network, rows, None, parameterization, BOTH)
        for K, exact in zip(at(k, where, rows, get=BOTH), truth, strict=True):
            assert relative_error(K, *exact).max() <= 1e-13
        every = slice(None), slice(None, None, -1)
        for K, (values, scale) in zip(at(k, where, rows, rows[::-1], get=BOTH), truth, strict=True):
            assert relative_error(K, values[every], scale[every]).max() <= 1e-13


def net(*layers, W_std="1.3", b_std="0.2", **settings):
    dense = Dense(W_std=W_std, b_std=b_std)
    wide = [dense, *(x for f in layers for x in ((Activation(f) if isinstance(f, str) else f), dense))]
    return Network(wide, name="n", **settings)


ACTIVATIONS = {
    "tanh": net("tanh"),
    "hard_tanh": net("hard_tanh"),
    "rbf": net(Activation("rbf", gamma="0.3")),
    "gaussian": net("gaussian"),
    "relu2": net("relu2"),
    "gabor": net("gabor"),
    "hermite": net(Activation("hermite", k=3)),
    "relu, tanh, erf": net("relu", "tanh", "erf"),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == "tanh" else [pytest.mark.slow]) for n in
                                  ACTIVATIONS])  # fmt: skip
def test_activations(name):
    numba, numpy = (compiled(ACTIVATIONS[name], backend) for backend in ("numba", "numpy"))
    x = bad_rows()
    x[np.linalg.norm(x, axis=1) > 6] *= 0.3
    assert_same(numba, numpy, x, None, 2e-14, BOTH)
    assert_same(numba, numpy, x[:9], x, 2e-14, BOTH)
    for get in BOTH:
        assert_same(numba, numpy, x[:5], x[:3], 2e-14, (get,))


def parameters_net():
    return kernelc.loads(
        'schema = 1\nname = "p"\n[parameters]\nslope = 0.1\nw = 1.4\nb = 0.3\n[defaults.dense]\nW_std = "w"\n'
        'b_std = "b"\n[network]\nlayers = ["dense", { activation = "leaky_relu", alpha = "slope" }, "dense"]\n'
    )


def test_parameters():
    numba, numpy = (compiled(parameters_net(), backend) for backend in ("numba", "numpy"))
    x = bad_rows()
    for given in ({}, {"slope": 0.4}, {"slope": -0.2, "w": 1, "b": 0}, {"b": 2}, {"w": 0}):
        assert_same(numba, numpy, x, None, 1e-14, BOTH, **given)
        assert_same(numba, numpy, on_sphere(x), None, 1e-14, BOTH, COLLAPSED, **given)


def test_the_nngp_alone_before_and_after_both():
    """The first call decides the types of a loop: they are the same whichever kernels it is asked for."""
    for order in ((("nngp",), BOTH), (BOTH, ("nngp",)), (("ntk",), ("nngp",))):
        k = kernelc.compile("relu-1", "numba")
        for get in order:
            assert_same(k, compiled("relu-1", "numpy"), bad_rows(), None, 1e-14, get)


FROZEN = Dense(W_std="1.3", b_std="0.2", train="none")
LAST = Dense(W_std="1.3")
RELU, ERF = Activation("relu"), Activation("erf")


@pytest.mark.parametrize(
    "layers",
    [
        (FROZEN, RELU, FROZEN),
        pytest.param((FROZEN, RELU, FROZEN, ERF, LAST), marks=pytest.mark.slow),
        pytest.param((LAST, RELU, FROZEN), marks=pytest.mark.slow),
        pytest.param((Dense(W_std=0, b_std=0, train="bias"), RELU, LAST), marks=pytest.mark.slow),
        pytest.param((Dense(W_std=0, b_std=1), ERF, LAST), marks=pytest.mark.slow),
        pytest.param((LAST, Activation("identity"), Dense(W_std=0)), marks=pytest.mark.slow),
        (LAST,),
    ],
    ids=str,
)
def test_layers_that_leave_numbers(layers):
    """Θ, the gap or the side may be one number for all pairs."""
    frozen = Network(layers, name="frozen")
    numba, numpy = (kernelc.compile(frozen, backend, collapse=False) for backend in ("numba", "numpy"))
    x = bad_rows()
    for get in (("nngp",), ("ntk",), BOTH):
        for x2 in (None, x[:5]):
            for K, exact in zip(numba(x, x2, get=get), numpy(x, x2, get=get), strict=True):
                assert K.shape == exact.shape
                np.testing.assert_allclose(K, exact, rtol=1e-12, atol=1e-13 * max(exact.max(), 0))


@pytest.mark.parametrize("jump", [pytest.param("step", marks=pytest.mark.slow)])
def test_activations_that_jump(jump):
    numba, numpy = (compiled(net("relu", jump), backend) for backend in ("numba", "numpy"))
    x = RNG.standard_normal((40, 5))
    assert_same(numba, numpy, x, None, 1e-14, ("nngp",))
    with pytest.raises(UnsupportedError):
        numba(x)


@pytest.mark.slow
def test_flagged_pairs():
    """Parallel rows of unequal norm through a smooth activation: entries in double-double, between two loops."""
    (case,) = stack("gelu", '"gelu"', (2,), W_std="1.5", b_std=0.1)
    x = RNG.standard_normal((1, 4)) * np.array([[1], [1.1], [-1.1], [1 + 1e-9], [1.3], [-2]])
    truth = reference(case.network, x, None, case.parameterization, BOTH)
    for K, exact in zip(compiled(kernelc.loads(case.toml))(x, get=BOTH), truth, strict=True):
        assert relative_error(K, *exact).max() <= 1e-13


def test_inputs_that_are_no_pairs():
    k = compiled("relu-3")
    assert at(k, LAYERED, np.ones((0, 3))).shape == (0, 0)
    assert at(k, LAYERED, np.ones((2, 3)), np.ones((0, 3))).shape == (2, 0)
    assert at(k, LAYERED, np.ones((1, 1))).shape == (1, 1)
    fortran, strided = np.asfortranarray(bad_rows()), bad_rows()[::3, ::2]
    for x in (fortran, strided, bad_rows().astype(np.int64)):
        assert_same(k, compiled("relu-3", "numpy"), x, None, 1e-14, BOTH)


def test_auto_is_numba(monkeypatch):
    monkeypatch.delenv("KERNELC_BACKEND", raising=False)
    assert "for Numba." in kernelc.compile("relu-1", "auto", collapse=False).source.splitlines()[0]


def test_where_numba_is_missing_it_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv("KERNELC_BACKEND", raising=False)
    monkeypatch.setattr(sys.modules["kernelc_numba.backend"], "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"numba is not installed: pip install 'kernelc\[fast\]'"):
        kernelc.compile("relu-1", "numba")
    assert "for numexpr." in kernelc.compile("relu-1", "auto", collapse=False).source.splitlines()[0]
