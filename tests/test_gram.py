"""CompiledKernel: whatever may be handed in, in whatever order and memory layout, and a clear refusal of the rest."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import fewer
import numpy as np
import pytest

import kernelc
from kernelc import Activation, Dense, InputError, Network, UnsupportedError
from kernelc.gram import CompiledKernel

BACKENDS = ("numpy", "numexpr")
X = np.random.default_rng(0).standard_normal((6, 3))
Y = np.random.default_rng(1).standard_normal((4, 3))


@cache
def compiled(name: str, backend: str = "numpy", dtype: str = "float64") -> CompiledKernel:
    return kernelc.compile(name, backend=backend, dtype=dtype)


@cache
def jumping(backend: str) -> CompiledKernel:
    return kernelc.compile(Network([Dense(), Activation("step"), Dense()]), backend=backend)


@pytest.fixture(params=BACKENDS)
def k(request: pytest.FixtureRequest) -> CompiledKernel:
    return compiled("relu-3", request.param)


def close(left: np.ndarray, right: np.ndarray) -> bool:
    return left.shape == right.shape and np.allclose(
        left, right, rtol=0, atol=2e-13 * max(1, abs(right).max(initial=0))
    )


def test_get(k: CompiledKernel) -> None:
    nngp, ntk = k.nngp(X, Y), k.ntk(X, Y)
    assert nngp.shape == ntk.shape == (6, 4)
    assert not close(nngp, ntk)
    assert close(k(X, Y), ntk)
    for get in (("nngp", "ntk"), ["nngp", "ntk"], ("nngp", "ntk", "nngp")):
        both = k(X, Y, get=get)
        assert isinstance(both, tuple)
        assert len(both) == len(get)
        assert all(close(K, {"nngp": nngp, "ntk": ntk}[name]) for K, name in zip(both, get, strict=True))
    assert close(np.array(k.diag(X, get=("ntk", "nngp"))), np.array([k.diag(X), k.diag(X, get="nngp")]))


@pytest.mark.parametrize("n", [127, 128, 129, 255, 257, 513])
def test_sizes_around_a_tile(k: CompiledKernel, n: int) -> None:
    """Large matrices are made of the entries of small ones, whatever the tiles."""
    x = np.random.default_rng(n).standard_normal((n, 3))
    whole, other = k(x), k(x, x[1:])
    assert (whole == whole.T).all()
    assert (whole.diagonal() == k.diag(x)).all()
    assert close(other, whole[:, 1:])
    ends = np.r_[:2, n // 2, n - 2 : n]
    assert close(whole[np.ix_(ends, ends)], k(x[ends]))


@pytest.mark.parametrize(("n", "m"), [(0, None), (0, 0), (0, 4), (4, 0), (1, None), (1, 1), (1, 4), (4, 1)])
@pytest.mark.parametrize("name", ["relu-3", "erf-3", "sphere-relu"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_few_rows(name: str, backend: str, n: int, m: int | None) -> None:
    k, x = compiled(name, backend), X[:n]
    y = None if m is None else Y[:m]
    shape = (n, n if m is None else m)
    assert close(k(x, y), k(X, X if y is None else Y)[: shape[0], : shape[1]])
    assert k.diag(x).shape == (n,)
    assert k.matvec(x, y, np.ones(shape[1])).shape == (n,)


def test_one_column(k: CompiledKernel) -> None:
    """On a line there are two angles: K(a, b) = |ab| K(1, ±1), and K(1, 1) = 2 a layer."""
    line = k([[1.0], [2.0], [-3.0]])
    same, opposite = 8, line[0, 2] / 3
    assert close(
        line,
        np.array([[1, 2, 0], [2, 4, 0], [0, 0, 9]]) * same + np.array([[0, 0, 3], [0, 0, 6], [3, 6, 0]]) * opposite,
    )


def test_memory_layout(k: CompiledKernel) -> None:
    wide = np.random.default_rng(2).standard_normal((12, 6))
    x, read_only = wide[::2, ::2].copy(), wide[::2, ::2].copy()
    read_only.flags.writeable = False
    for same in (wide[::2, ::2], np.asfortranarray(x), read_only, x.tolist(), x.astype(">f8"), x.view(np.matrix)):
        assert close(k(same, same), k(x, x))
        assert close(k(same), k(x))
        assert type(k(same)) is np.ndarray
    assert close(k(x[::-1]), k(x)[::-1, ::-1])


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i8", "u8", "f2", "f4", "f8", "g"])
def test_numbers(k: CompiledKernel, dtype: str) -> None:
    x = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1]])
    K = k(x.astype(dtype))
    assert K.dtype == np.float64
    assert np.array_equal(K, k(x.astype(float)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32(backend: str) -> None:
    single, double = (compiled("erf-3", backend, dtype) for dtype in ("float32", "float64"))
    for K in (*single(X, get=("nngp", "ntk")), single.diag(X), single.matvec(X, Y, np.ones(4)), single(X[:0])):
        assert K.dtype == np.float32
    assert np.allclose(single(X), double(X), rtol=0, atol=1e-5 * double.diag(X).max())
    with pytest.raises(InputError, match=r"numbers within the range of float32, found 1e\+300 in row 1, column 2"):
        single([[1, 2, 3], [1, 2, 1e300]])


@pytest.mark.parametrize(("rows", "columns"), [(6, None), (300, None), (300, 150), (1, 300), (0, 3)])
@pytest.mark.parametrize("get", ["nngp", "ntk"])
def test_tiles_products_and_files(k: CompiledKernel, get: str, rows: int, columns: int | None, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((rows, 3)), None if columns is None else rng.standard_normal((columns, 3))
    K = k(x, y, get=get)
    whole, times = np.zeros(K.shape), np.zeros(K.shape, int)
    for i, j, block in k.tiles(x, y, get=get):
        whole[i, j] = block
        times[i, j] += 1
    assert (times == 1).all()
    assert close(whole, K)
    if y is None:
        assert (whole.diagonal() == K.diagonal()).all()
    for v in (rng.standard_normal(K.shape[1]), rng.standard_normal((K.shape[1], 2)), [1] * K.shape[1]):
        assert close(k.matvec(x, y, v, get=get), K @ v)
    if K.size:
        shares: list[float] = []
        out = np.lib.format.open_memmap(tmp_path / "K.npy", "w+", np.float64, K.shape)
        k.fill(out, x, y, get=get, progress=shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1
        assert (np.load(tmp_path / "K.npy") == K).all()


def points(n: int, norm: float = 0.0) -> np.ndarray:
    """Rows of any norms or of one, with pairs that are alike, opposite, or nearly so."""
    x = np.random.default_rng(n).standard_normal((n, 3))
    half = n // 2
    x[half : 2 * half : 3] = x[:half:3]
    x[half + 1 : 2 * half : 3] = -2 * x[1:half:3] + 1e-7
    if norm:
        x *= norm / np.sqrt((x * x).sum(axis=1, keepdims=True))
    elif n > 1:
        x[n // 3] = 0
    return x


def roots(k: CompiledKernel, x: np.ndarray, y: np.ndarray | None = None, get: str = "ntk") -> np.ndarray:
    """sqrt(K_ii K_jj) of every pair."""
    one = k.diag(x, get=get)
    return np.sqrt(np.multiply.outer(one, one if y is None else k.diag(y, get=get)))


def collapses(k: CompiledKernel, x: np.ndarray, y: np.ndarray | None = None, get: str = "ntk") -> bool:
    """Whether the matrix is read off a table in the angle."""
    return k.module.prepared(x, y, {}, (get,)).zonal is not None


def check_cover(k: CompiledKernel, x: np.ndarray, y: np.ndarray | None, get: str) -> None:
    """Blocks cover the matrix with every entry once; a product is that of the whole matrix."""
    K = k(x, y, get=get)
    whole, times = np.full(K.shape, np.nan), np.zeros(K.shape, int)
    for i, j, block in k.tiles(x, y, get=get):
        assert block.shape == (i.stop - i.start, j.stop - j.start)
        whole[i, j] = block
        times[i, j] += 1
    assert (times == 1).all()
    assert (whole == K).all()
    if y is None:
        assert (K == K.T).all()
        assert (K.diagonal() == k.diag(x, get=get)).all()
    v = np.random.default_rng(4).standard_normal((K.shape[1], 2))
    for vector in (v, v[:, 0], v[::-1, 1]):
        assert (abs(k.matvec(x, y, vector, get=get) - K @ vector) <= 1e-14 * (abs(K) @ abs(vector))).all()


def check_threads(k: CompiledKernel, x: np.ndarray, y: np.ndarray | None) -> None:
    """However many threads there are, every bit is the same."""
    found = []
    for count in ("1", "2", "5"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KERNELC_NUM_THREADS", count)
            found.append(np.array(k(x, y, get=("nngp", "ntk"))))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def check_sizes(k: CompiledKernel, x: np.ndarray, y: np.ndarray | None) -> None:
    """Whatever the blocks and tiles, the values are the same but for the rounding of inner products."""
    usual, scale = k(x, y), roots(k, x, y)
    for tile, block in (((8, 32), 64), ((128, 128), 128), ((50, 50), 70), ((1024, 1024), 1024), ((64, 4096), 4096)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(k.module, "TILE", tile)
            patch.setattr(k.module, "ZONAL_TILE", tile)
            patch.setattr(k.module, "BLOCK", block)
            other = k(x, y)
            assert (abs(other - usual) <= 1e-14 * scale).all(), (tile, block)
            check_cover(k, x, y, "ntk")


@pytest.mark.parametrize("n", [1, 1023, 1024, 1025, 2050])
def test_blocks_cover_every_entry_once(k: CompiledKernel, n: int) -> None:
    x = points(n)
    check_cover(k, x, None, "ntk")
    check_cover(k, x, points(1030)[:: 1 + n // 1000], "nngp")


@pytest.mark.parametrize("get", fewer.one_in(2, ["ntk", "nngp"]))
@pytest.mark.parametrize(("name", "norm"), [("relu-3", 0), ("sphere-relu", 0), ("erf-3", 1.7), ("mixed", 1.7)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_tables_in_the_angle_agree_with_the_layers(backend: str, name: str, norm: float, get: str) -> None:
    collapsed, plain = compiled(name, backend), kernelc.compile(name, backend, collapse=False)
    x, y = points(400, norm), points(270, norm)
    if name == "sphere-relu":
        x, y = x[x.any(axis=1)], y[y.any(axis=1)]
    for one, two in ((x, None), (x, y), (y, x)):
        assert collapses(collapsed, one, two, get)
        scale, K = roots(plain, one, two, get), collapsed(one, two, get=get)
        assert (abs(K - plain(one, two, get=get)) <= 1e-14 * scale).all()
        for i, j, block in plain.tiles(one, two, get=get):
            assert (abs(K[i, j] - block) <= 1e-14 * scale[i, j]).all()
        v = np.random.default_rng(5).standard_normal(K.shape[1])
        products = (k.matvec(one, two, v, get=get) for k in (collapsed, plain))
        assert (abs(np.subtract(*products)) <= 1e-14 * (scale @ abs(v))).all()
        few = np.r_[:5, len(one) - 5 : len(one)]
        assert not collapses(collapsed, one[few], two, get)
        assert (abs(collapsed(one[few], two, get=get) - K[few][:, few if two is None else slice(None)]) <= 1e-14
                * (scale[few][:, few] if two is None else scale[few])).all()  # fmt: skip


def test_kernels_that_depend_on_norms_are_not_read_off_a_table() -> None:
    x = points(400)
    assert not collapses(compiled("erf-3"), x)
    assert not collapses(kernelc.compile("relu-3", "numpy", collapse=False), x)
    x = points(400, 1.7)
    x[7] *= 1 + 1e-13
    assert not collapses(compiled("erf-3"), x)


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_change_no_bit(backend: str, collapse: bool) -> None:
    k = kernelc.compile("relu-3", backend, collapse=collapse)
    for y in (None, points(700)):
        assert collapses(k, points(1100), y) == collapse
        check_threads(k, points(1100), y)


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize("backend", fewer.one_in(2, BACKENDS))
def test_blocks_and_tiles_of_any_size(backend: str, collapse: bool) -> None:
    k = kernelc.compile("relu-3", backend, collapse=collapse)
    x = points(390)
    check_sizes(k, x, None)
    check_sizes(k, x, points(301))


@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("backend", BACKENDS)
def test_outputs_of_any_layout(backend: str, symmetric: bool, collapse: bool, tmp_path: Path) -> None:
    k = kernelc.compile("relu-3", backend, collapse=collapse)
    x, y = points(380), None if symmetric else points(333)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(k.module, "TILE", (16, 64))
        patch.setattr(k.module, "ZONAL_TILE", (16, 64))
        patch.setattr(k.module, "BLOCK", 128)
        K = k(x, y)
        n, m = K.shape
        wide = np.full((2 * n, 3 * m), 7.0)
        files = [np.lib.format.open_memmap(tmp_path / f"{f}.npy", "w+", float, K.shape, f) for f in (False, True)]
        outs = [np.empty((n, m), order="F"), np.empty((m, n)).T, wide[::2, 1::3], wide[1::2, ::3][::-1, ::-1], *files]
        for fill in (lambda out: k.fill(out, x, y), lambda out: k.module.ntk(x, y, out=out)):
            for out in outs:
                out[...] = np.nan
                fill(out)
                assert (out == K).all()
    assert (wide[:, 2::3] == 7).all()
    assert (wide[1::2, 1::3] == 7).all()
    assert (wide[::2, ::3] == 7).all()
    for file in tmp_path.iterdir():
        assert (np.load(file) == K).all()
    single = np.empty((n, m), np.float32)
    k.fill(single, x, y)
    assert (single == K.astype(np.float32)).all()


@pytest.mark.parametrize("n", [2, 129, 500, 1025])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "norm"), [("relu-3", 0), ("sphere-relu", 2), ("erf-3", 0), ("erf-3", 2)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_gram_matrices_are_symmetric(backend: str, name: str, norm: float, dtype: str, n: int) -> None:
    k, x = compiled(name, backend, dtype), points(n, norm)
    for get in ("nngp", "ntk"):
        K = k(x, get=get)
        assert (K == K.T).all()
        assert (K.diagonal() == k.diag(x, get=get)).all()


def test_numba_agrees_with_the_rest() -> None:
    """Blocks, threads, layouts and tables of the third backend, whose modules take seconds to compile."""
    k, numpy = compiled("relu-3", "numba"), compiled("relu-3", "numpy")
    x, y = points(1025), points(300)
    for one, two in ((x, None), (y, None), (x, y), (x[:1], None), (x[:0], y)):
        scale = roots(k, one, two)
        assert (abs(k(one, two) - numpy(one, two)) <= 1e-14 * scale).all()
        check_cover(k, one, two, "ntk")
        check_cover(k, one, two, "nngp")
    for one, two in ((y, None), (x, y)):
        assert collapses(k, one, two) == (two is not None)
        check_threads(k, one, two)
        check_sizes(k, one, two)
    out = np.empty((2 * len(y), len(y)), order="F")
    k.fill(out[::-2], y)
    assert (out[::-2] == k(y)).all()


@pytest.mark.parametrize("count", ["1", "3"])
@pytest.mark.parametrize("backend", [*BACKENDS, "numba"])
def test_a_pair_that_overflows_is_named(backend: str, count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever tile and thread it is."""
    k = kernelc.compile("relu-3", backend, collapse=False) if backend != "numba" else compiled("relu-3", backend)
    monkeypatch.setenv("KERNELC_NUM_THREADS", count)
    monkeypatch.setattr(k.module, "collapsed", lambda *arguments: None)
    first = k.module.first_angles

    def broken(rho: np.ndarray, *others: Any) -> tuple[np.ndarray, np.ndarray]:
        gap, side = first(rho, *others)
        i, j = others[2:4]
        for row, column in ((700, 1037), (1037, 700)):
            if i.start <= row < i.stop and j.start <= column < j.stop:
                gap[row - i.start, column - j.start] = np.nan
        return gap, side

    monkeypatch.setattr(k.module, "first_angles", broken)
    x = points(1100)
    calls = (k, k.nngp, lambda x: k(x, x), lambda x: k.matvec(x, None, np.ones(len(x))), lambda x: list(k.tiles(x)))
    for call in (*calls, lambda x: k.fill(np.empty((1100, 1100)), x)):
        with pytest.raises(InputError, match=r"^rows 700 and 1037 of the inputs are out of the domain: .* overflows$"):
            call(x)
    assert np.isfinite(k(x[:700])).all()


def test_frozen_networks_have_tiles_too() -> None:
    """Θ may be a number: no training, or that of the last bias alone."""
    for train, value in (("none", 0), ("bias", 4)):
        k = kernelc.compile(Network([Dense(train="none"), Activation("relu"), Dense(1, 2, train=train)]), "numpy")
        assert (k(X) == value).all()
        assert (k(X, Y) == value).all()
        assert (k.matvec(X, None, np.ones(6)) == 6 * value).all()
        assert all((block == value).all() and block.shape == (6, 4) for _, _, block in k.tiles(X, Y))


def test_parameters() -> None:
    for backend in BACKENDS:
        k = compiled("leaky-relu", backend)
        fixed = kernelc.loads(kernelc.load("leaky-relu").dumps().replace("slope = 0.1", "slope = 0.3"))
        assert close(k(X), k(X, slope=0.1))
        assert close(k(X, slope=0.3), kernelc.compile(fixed, backend)(X))
        assert close(k(X, slope=np.float64(0.3), get="nngp"), k.nngp(X, slope=0.3))
        assert close(k.diag(X, slope=0), k(X, slope=0).diagonal())
        assert close(k.matvec(X, Y, np.ones(4), slope=1), k(X, Y, slope=1).sum(axis=1))
        assert close(next(k.tiles(X, Y, slope=2))[2], k(X, Y, slope=2))
        with pytest.raises(InputError, match="leaky-relu has no parameter alpha; it has slope"):
            k(X, alpha=0.3)
        for value in ("0.3", None, 1j, [0.1], np.nan, np.inf):
            with pytest.raises(InputError, match="slope: expected a finite real number"):
                k(X, slope=value)


NAMES = ["W", "W1", "b", "d", "p", "F", "C1", "D1", "side", "one", "ratio", "row_1", "spread"]


@pytest.mark.parametrize("name", fewer.one_in(3, NAMES))
def test_parameters_of_any_name(name: str) -> None:
    """What a parameter is called does not matter, even if the generated code uses that name too."""

    def kernel(name: str) -> np.ndarray:
        z, phi = Dense(name, name, width=8), Activation(f"sin({name}*x) + {name}")
        net = Network([z, phi, z, Activation("gelu"), z], parameters={name: 1.2}, parameterization="standard")
        return kernelc.compile(net, "numexpr")(X, **{name: 1.1})

    assert close(kernel(name), kernel("gain"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_parameter_changes_no_digit(backend: str) -> None:
    """The Gaussian kernel, by its parameter as by hand: also where rows nearly agree."""
    k, x = compiled("random-fourier-features", backend), np.concatenate([X, X[:3] + 1e-9])
    for gamma in (1e-3, 0.5, 2):
        exact = np.exp(-gamma * ((x[:, None] - x) ** 2).sum(axis=-1) / 3)
        assert np.abs(k.nngp(x, gamma=gamma) - exact).max() < 1e-13


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X * 1j, "expected real numbers, found an array of dtype complex128"),
        (X.astype(object), "expected real numbers, found an array of dtype object"),
        ([["a", "b"]], "expected real numbers, found an array of dtype <U1"),
        (np.array([["2020-01-01"]], "M8[D]"), "expected real numbers"),
        (None, "x1: expected real numbers"),
        ([[1.0, np.nan]], "x1: expected finite numbers, found nan in row 0, column 1"),
        ([[1.0], [-np.inf]], "x1: expected finite numbers, found -inf in row 1, column 0"),
        (3.0, r"expected shape \(n, d\), one row a point, found \(\)"),
        (X[0], r"found \(3,\); one point is x1\[None, :\]"),
        (X[None], r"found \(1, 6, 3\)"),
        (X[:, :0], "expected at least one column"),
        ([[1, 2], [3]], "inhomogeneous"),
        (1e200 * X, "row 0 of the input is out of the domain: its ntk overflows"),
    ],
    ids=str,
)
def test_refused_points(k: CompiledKernel, x: object, message: str) -> None:
    for call in (k, k.diag, lambda x: next(k.tiles(x)), lambda x: k.fill(np.empty((6, 6)), x)):
        with pytest.raises(InputError, match=message.replace("x1", "x1?")):
            call(x)


def test_refused_arguments(k: CompiledKernel) -> None:
    with pytest.raises(InputError, match="as many columns, found 3 and 2"):
        k(X, Y[:, :2])
    with pytest.raises(InputError, match="x2: expected finite numbers"):
        k(X, Y * np.nan)
    for get in ("nkt", "", None, 5, b"ntk", ("nngp", "nkt")):
        for call in (k, k.diag, k.tiles, lambda x, get: k.fill(np.empty((6, 6)), x, get=get)):
            with pytest.raises(InputError, match="get: expected 'nngp'"):
                call(X, get=get)
    for v in (np.ones(5), np.ones((6, 1, 1)), 1.0, 1j * np.ones(6), ["a"] * 6, [None] * 6):
        with pytest.raises(InputError, match="v: expected"):
            k.matvec(X, None, v)
    for out in (np.empty((6, 5)), np.empty((6, 6), int), [[0.0] * 6] * 6):
        with pytest.raises(InputError, match="out: expected"):
            k.fill(out, X)


@pytest.mark.parametrize("backend", BACKENDS)
def test_jumps_have_no_ntk(backend: str) -> None:
    k = jumping(backend)
    assert (k.nngp(X).diagonal() == k.diag(X, get="nngp")).all()
    calls = (k, k.ntk, k.diag, k.tiles, lambda x: k(x, get=("nngp", "ntk")), lambda x: k.matvec(x, None, X[:, 0]))
    for call in calls:
        with pytest.raises(UnsupportedError, match=r"jumps at 0: .* there is no NTK"):
            call(X)
    for call in (k.module.ntk, k.module.kernel, k.module.diag):
        with pytest.raises(ValueError, match="jumps at 0"):
            call(X)


def test_generated_modules_fill_what_they_are_given(k: CompiledKernel) -> None:
    out = np.empty((6, 4))
    assert k.module.ntk(X, Y, out=out) is out
    assert (out == k(X, Y)).all()
    for wrong in (np.empty((4, 6)), np.empty((6, 4), np.float32)):
        with pytest.raises(ValueError, match="out: expected float64"):
            k.module.nngp(X, Y, out=wrong)


def test_save(k: CompiledKernel, tmp_path: Path) -> None:
    k.save(tmp_path / "saved.py")
    k.save(str(tmp_path / "saved.py"))
    assert [path.name for path in tmp_path.iterdir()] == ["saved.py"]
    assert (tmp_path / "saved.py").read_text() == k.source
    with pytest.raises(InputError, match="there is no folder"):
        k.save(tmp_path / "nowhere" / "saved.py")


def test_threads() -> None:
    """Two threads, one kernel; switched often."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for backend in BACKENDS:
            k = compiled("erf-3", backend)
            inputs = [np.random.default_rng(n).standard_normal((130 + n, 3)) for n in range(6)]
            with ThreadPoolExecutor(2) as pool:
                assert all(map(np.array_equal, pool.map(k, inputs), [k(x) for x in inputs]))
    finally:
        sys.setswitchinterval(interval)


# ---- What a reviewer broke


def test_threads_of_the_user_share_a_numexpr_kernel() -> None:
    """Matrices of one block and of several at once, in a process that is given up when it hangs."""
    code = """
import threading, numpy as np, kernelc
k = kernelc.compile("relu-3", backend="numexpr", collapse=False)
x = np.random.default_rng(0).standard_normal((1100, 5))
whole, wrong = k(x), []
def run(n):
    for _ in range(10):
        wrong.extend([n] if abs(k(x[:n]) - whole[:n, :n]).max() > 1e-13 else [])
threads = [threading.Thread(target=run, args=(n,)) for n in (1100, 600, 200)]
[t.start() for t in threads]; [t.join() for t in threads]
assert not wrong
"""
    environment = {**os.environ, "KERNELC_NUM_THREADS": "2", "NUMEXPR_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)


def test_blocks_may_be_changed_by_their_owner() -> None:
    k, x = kernelc.compile("relu-3", "numpy"), points(700)
    whole, found = k(x), np.zeros((700, 700))
    for i, j, block in k.tiles(x):
        block *= 2
        found[i, j] = block
    assert (found == 2 * whole).all()


def test_out_must_be_an_array_of_its_own() -> None:
    k, x = kernelc.compile("relu-3", "numpy"), np.random.default_rng(0).standard_normal((30, 30))
    for out, reason in [(x, "memory of its own"), ([1.0], "an array of floats"), (np.zeros((30, 30), int), "floats")]:
        with pytest.raises(InputError, match=reason):
            k.ntk(x, out=out)
        with pytest.raises(ValueError, match="out: expected"):
            k.module.ntk(x, out=out)


def test_no_kernel_at_all_is_refused() -> None:
    k = kernelc.compile("relu-3", "numpy")
    for n in (5, 400):
        with pytest.raises(InputError, match=r"get: expected 'nngp', 'ntk' or a tuple of them, found \(\)"):
            k(points(n), get=())
