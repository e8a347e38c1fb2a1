"""What only a GPU can show: the kernels on it agree with the NumPy backend. Skipped where there is none."""

import numpy as np
import pytest
from oracle.cases import CASES
from test_accuracy import IN_FLOAT32, assert_close, edges, parametrized

import kernelc
from kernelc_cupy.backend import CuPyBackend

BOTH = ("nngp", "ntk")
MISSING = CuPyBackend().missing()
pytestmark = [
    pytest.mark.skipif(MISSING is not None, reason=f"no GPU: {MISSING}"),
    pytest.mark.filterwarnings("default:GPU .* times slower in float64"),  # on consumer cards
]

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((5000, 20)), RNG.standard_normal((1500, 20))
BIAS = """
schema = 1
name = "bias"
[network]
layers = [
  {{ dense = {{ W_std = 1.3, b_std = 0.2 }} }},
  {{ repeat = 3, layers = ["{0}", {{ dense = {{ W_std = 1.3, b_std = 0.2 }} }}] }},
]
"""


def compiled(spec, dtype="float64"):
    net = kernelc.loads(spec) if "schema" in spec else spec
    return kernelc.compile(net, backend="cupy", dtype=dtype)


@pytest.mark.parametrize("case", parametrized(CASES))
def test_the_accuracy_contract(case):
    x, truth = edges(case)
    assert_close(compiled(case.toml)(x, get=case.kernels), truth, case.bound)


@pytest.mark.parametrize("name", IN_FLOAT32)
def test_the_accuracy_contract_in_float32(name):
    case = next(case for case in CASES if case.name == name)
    x, truth = edges(case)
    kept = np.abs(x).max(axis=1) < 1e15
    few = [(values[np.ix_(kept, kept)], scale[np.ix_(kept, kept)]) for values, scale in truth]
    assert_close(compiled(case.toml, "float32")(x[kept].astype(np.float32), get=case.kernels), few, 1e8 * case.bound)


@pytest.mark.parametrize("activation", ["relu", "erf", "gelu", "tanh"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_several_blocks_agree_with_numpy(activation, dtype):
    import cupy

    spec = BIAS.format(activation)
    bound = 1e-12 if dtype == "float64" else 1e-5
    k, true = compiled(spec, dtype), kernelc.compile(kernelc.loads(spec), backend="numpy")
    x, y = X.astype(dtype), Y.astype(dtype)
    for others in (None, y):
        expected = true(x[:600], None if others is None else y[:600], BOTH)
        on_device = k(cupy.asarray(x), None if others is None else cupy.asarray(others), BOTH)
        on_host = k(x, others, BOTH)
        for a, b, c in zip(on_device, on_host, expected, strict=True):
            assert isinstance(a, cupy.ndarray)  # cuBLAS may add up in another order where two streams are at work
            np.testing.assert_allclose(cupy.asnumpy(a), b, rtol=0, atol=bound * np.abs(b).max())
            assert np.abs(b[: len(c), : c.shape[1]] - c).max() <= bound * np.abs(c).max()
            if others is None:
                np.testing.assert_array_equal(b, b.T)


@pytest.mark.parametrize("spec", ["relu-3", "relu-100", "sphere-relu"])
def test_tables_agree_with_numpy(spec):
    x = X / np.linalg.norm(X, axis=1, keepdims=True)
    found, true = compiled(spec)(x), kernelc.compile(spec, backend="numpy")(x[:600])
    assert np.abs(found[:600, :600] - true).max() <= 1e-12 * true.max()


def test_products_without_the_matrix():
    k = compiled(BIAS.format("relu"))
    np.testing.assert_allclose(k.matvec(X, None, Y[:1, 0] * X[:, 0]), k(X) @ (Y[0, 0] * X[:, 0]), rtol=1e-10, atol=1e-8)


def test_products_in_float32_are_not_rounded_further():
    """By CuPy's or cuBLAS's choice of tensor cores."""
    import cupy

    x = cupy.asarray(X.astype(np.float32))
    assert np.abs(cupy.asnumpy(x @ x.T) - X @ X.T).max() <= 2e-6 * (X * X).sum(axis=1).max()


@pytest.mark.parametrize("get", ["ntk", BOTH])
def test_streams_of_the_user(get):
    """Points that are still being computed on a stream of their own; results that other streams take at once."""
    import cupy

    k = compiled(BIAS.format("relu"))
    expected = np.array(k(X[:4500], get=get))
    for _ in range(5):
        with cupy.cuda.Stream(non_blocking=True):
            x = cupy.asarray(X[:4500] - 1) + 1
            found = k(x, get=get)
            on_host = np.array(k(X[:4500], get=get))
        with cupy.cuda.Stream(non_blocking=True):
            found = np.array([cupy.asnumpy(part) for part in (found if isinstance(get, tuple) else (found,))])
        for values in (found, on_host):
            np.testing.assert_allclose(values.reshape(expected.shape), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02])
def test_a_memory_that_is_full_makes_smaller_blocks(share):
    """The pool has a limit: a share of what one block and its panels take."""
    import cupy

    k, pool = compiled(BIAS.format("relu")), cupy.get_default_memory_pool()
    x = X[:4500]
    expected, product = k(x), k.matvec(x, None, x[:, 0])
    pool.free_all_blocks()
    limit = pool.get_limit()
    pool.set_limit(size=pool.total_bytes() + int(share * 2 * 4096 * 4096 * 8))
    try:
        np.testing.assert_allclose(k(x), expected, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(k.matvec(x, None, x[:, 0]), product, rtol=1e-10, atol=1e-8)
    finally:
        pool.set_limit(size=limit)


def test_tiles_on_changing_streams():
    import cupy

    k = compiled(BIAS.format("relu"))
    x = cupy.asarray(X)
    found, blocks = np.empty((len(X), len(X))), k.tiles(x)
    while True:
        with cupy.cuda.Stream(non_blocking=True):
            part = next(blocks, None)
            if part is None:
                break
            found[part[:2]] = cupy.asnumpy(part[2])
            part[2][...] = 0
    np.testing.assert_allclose(found, k(X), rtol=1e-12, atol=1e-13)


def test_finite_networks_are_the_same_on_the_device():
    import cupy

    from kernelc.montecarlo import empirical

    x = X[:5, :3]
    for get in BOTH:
        a, b = (empirical("relu-3", points, width=256, seed=1, get=get) for points in (cupy.asarray(x), x))
        np.testing.assert_allclose(cupy.asnumpy(a), b, rtol=1e-10)
