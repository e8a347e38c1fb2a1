"""Activations without straight-line code, on the emulated device: against the reference, and the numpy backend."""

from functools import cache

import fewer
import numpy as np
import pytest
import test_numeric_networks as contract
from evaluated import network

import kernelc

pytestmark = pytest.mark.usefixtures("cupy")

KERNELS = ("nngp", "ntk")
RNG = np.random.default_rng(3)
X, Y = RNG.standard_normal((50, 5)), RNG.standard_normal((35, 5))
X[3], X[5], X[9] = X[2], -X[2], 2 * X[2]  # a duplicate, antipodes, a longer one
X[7] = X[6] + 1e-9 * RNG.standard_normal(5)
X[[11, 12]] = 0
Y[:9] = X[:9]
Y[9] = 0
BOUND = {"float64": 1e-13, "float32": 1e-5}


def dense(w="1.5", b="0.1"):
    return kernelc.Dense(W_std=w, b_std=b)


def chain(*names, b="0.1"):
    inner = [layer for name in names for layer in (kernelc.Activation(name), dense(b=b))]
    return kernelc.Network([dense(b=b), *inner], name="chain")


def tanh():
    return kernelc.Activation("tanh")


NETWORKS = {
    "tanh": chain("tanh"),
    "tanh, 3": chain(*["tanh"] * 3),
    "silu, 3": chain(*["silu"] * 3),
    "silu": chain("silu"),
    "softplus": chain("softplus"),
    "softplus, 3": chain(*["softplus"] * 3),
    "elu": chain("elu"),
    "elu, 3": chain(*["elu"] * 3),
    "sigmoid without a bias": chain("sigmoid", "sigmoid", b="0"),
    "tanh without a bias": chain("tanh", "tanh", b="0"),
    "two tables": chain("silu", "tanh", "mish"),
    "with the exact tier, rows in double-double": chain("silu", "relu", "tanh", "gelu"),
    "one table in many layers": kernelc.Network([dense(), kernelc.Repeat(4, [tanh(), dense()])], name="repeat"),
    "one table at two variances in a block": kernelc.Network(
        [dense(), kernelc.Sum([[tanh(), dense()], [dense("2"), tanh(), dense()]]), tanh(), dense()], name="sum"
    ),
    "closed forms": chain("hard_tanh", "relu6"),
    "powers": chain("abs(x)**1.5", "sign(x)*abs(x)**0.7 + abs(x)**0.7"),
    "quadrature": chain("tanh(max(x - 1, 0))"),
    "all ways": chain("softshrink", "tanh", "relu", "abs(x)**1.5", "gelu"),
    "residual": kernelc.Network(
        [dense(), kernelc.Residual([kernelc.Activation("silu"), dense(), tanh(), dense()]), tanh(), dense()], name="res"
    ),
}


@cache
def compiled(name, backend, dtype="float64"):
    return kernelc.compile(NETWORKS[name], backend, dtype)


def assert_alike(found, truth, sizes, bound):
    """Relative to √(K_ii K_jj), which is 0 at the origin of a network without biases."""
    error = np.abs(found - truth)
    assert (error <= bound * np.sqrt(np.outer(*sizes))).all(), error.max()


QUICK = ("tanh",)  # compiling takes seconds


@pytest.mark.parametrize("dtype", fewer.one_in(2, BOUND))
@pytest.mark.parametrize("name", fewer.but(QUICK, NETWORKS, slow=2))
def test_it_is_what_numpy_computes(name, dtype):
    k, plain = compiled(name, "cupy", dtype), compiled(name, "numpy")
    x, y = X.astype(dtype), Y.astype(dtype)
    here, there = (plain.diag(v.astype(float), KERNELS) for v in (x, y))
    square, across = k(x, None, KERNELS), k(x, y, KERNELS)
    truths = plain(x.astype(float), None, KERNELS), plain(x.astype(float), y.astype(float), KERNELS)
    for n, get in enumerate(KERNELS):
        assert square[n].dtype == dtype
        assert_alike(square[n], truths[0][n], (here[n], here[n]), BOUND[dtype])
        assert_alike(across[n], truths[1][n], (here[n], there[n]), BOUND[dtype])
        assert (square[n] == square[n].T).all()
        assert (square[n].diagonal() == k.diag(x, get)).all()
        np.testing.assert_array_equal(k(x, y, get), across[n])
        assert_alike(k(y, x, get), across[n].T, (there[n], here[n]), BOUND[dtype])


@cache
def published(name, backend="cupy", dtype="float64"):
    return kernelc.compile(kernelc.loads(str(contract.TRUTH[f"{name}/toml"])), "cupy", dtype)


@pytest.mark.parametrize("name", fewer.but(("hard_tanh/1",), contract.NAMES, slow=2))
def test_against_quadrature(name, monkeypatch):
    monkeypatch.setattr(contract, "compiled", published)
    contract.test_against_quadrature(name, "cupy")


SHALLOW = [name for name in contract.NAMES if contract.depth(name) < 10]


@pytest.mark.parametrize("name", fewer.but(("relu6/1",), SHALLOW, slow=2))
def test_float32_against_quadrature(name, monkeypatch):
    monkeypatch.setattr(contract, "compiled", published)
    contract.test_float32(name, "cupy")


@pytest.mark.parametrize("dtype", fewer.one_in(2, BOUND))
def test_many_pairs_on_one_sphere_go_through_the_table_in_the_angle(dtype):
    x = np.random.default_rng(4).standard_normal((400, 5))
    x *= np.sqrt(5 / np.einsum("ij,ij->i", x, x))[:, None]
    x = np.vstack([x, -x[:1], x[:1]]).astype(dtype)
    k, plain = (kernelc.compile(chain("tanh", "silu"), b, d) for b, d in (("cupy", dtype), ("numpy", "float64")))
    pairs = k.module.prepared(x, None, {}, ("ntk",))
    assert pairs.zonal is not None
    few = [0, 1, 2, 50, 400, 401]
    for get in KERNELS:
        size = plain.diag(x[few].astype(float), get)
        assert_alike(k(x, get=get)[np.ix_(few, few)], plain(x[few].astype(float), get=get), (size, size), BOUND[dtype])


FAR = np.array([[1.0, 2.0], [30.0, 0.0]])


def test_rows_out_of_the_range_say_what_numpy_says():
    kernels = [kernelc.compile(network("tanh(x)", b_std="0"), b, q_range=(1e-2, 20.0)) for b in ("cupy", "numpy")]
    for x in (FAR, FAR[:1] * 1e-3, np.vstack([FAR, np.zeros((1, 2))])):
        messages = []
        for k in kernels:
            for call in (k, k.nngp, k.diag, k.module.ntk, lambda rows, k=k: k(RNG.standard_normal((3, 2)), rows)):
                with pytest.raises(ValueError, match="q_range") as error:
                    call(x)
                messages.append(str(error.value))
        assert len(set(messages)) == 1
    assert np.isfinite(kernels[0](np.array([[1.0, 2.0], [0.0, 0.0]]))).all()
    assert kernels[0](np.empty((0, 2))).shape == (0, 0)


@pytest.mark.slow
def test_a_range_widens_by_itself():
    k = kernelc.compile(chain("tanh", "silu"), "cupy")
    before = k.source
    K = k(FAR)
    assert k.source != before
    assert pytest.approx(kernelc.compile(chain("tanh", "silu"), "numpy")(FAR), rel=1e-13) == K
    assert k.matvec(FAR, None, np.ones(2)) == pytest.approx(K.sum(axis=1), rel=1e-14)


@pytest.mark.slow
def test_the_self_test_passes(capsys):
    compiled("two tables", "cupy").module.self_test()
    assert max(float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()) < 1e-12
