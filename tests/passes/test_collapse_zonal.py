"""When a kernel is read off a table in the angle, and when not."""

from functools import cache

import numpy as np
import pytest

import kernelc
from kernelc import Activation, Dense, Network, Residual, Sum

BOTH = ("nngp", "ntk")
NEVER = 10**12
RNG = np.random.default_rng(5)
X = RNG.standard_normal((7, 4))
Y = RNG.standard_normal((5, 4))
UNIT = 2 * X / np.linalg.norm(X, axis=1, keepdims=True)  # |x|² = d
BIASED = {"W_std": "1.3", "b_std": "0.2"}


def network(*layers, **settings):
    return Network([Activation(f) if isinstance(f, str) else f for f in layers], name="n", **settings)


@cache
def plain(net):
    return kernelc.compile(net, "numpy", collapse=False)


def kernel(net, backend="numpy", dtype="float64"):
    k = kernelc.compile(net, backend, dtype)
    k.module.COLLAPSE_FROM = 0
    return k


def tables(k, *args, **options):
    """The values of a call, and how many tables it built."""
    k.module.TABLES.clear()
    values = k(*args, **options)
    return values, sum(table is not None for table in k.module.TABLES.values())


def relative(k, found, exact, x1, x2=None, get="ntk", **parameters):
    rows, columns = (k.diag(x, get, **parameters) for x in (x1, x1 if x2 is None else x2))
    return np.max(np.abs(found - exact) / np.outer(np.sqrt(rows), np.sqrt(columns)))


ONE, BIAS, FROZEN = Dense(W_std="1.3"), Dense(**BIASED), Dense(W_std="1.3", train="none")
WEIGHTS, NEVER_BIASED = Dense(W_std="1.3", train="weights"), Dense(W_std="1.3", train="bias")
HOMOGENEOUS = {
    "relu": (network(ONE, "relu", ONE, "relu", ONE), BOTH),
    "affine": (network(ONE, ONE), BOTH),
    "affine with bias": (network(ONE, BIAS), ()),
    "of degree two": (network(ONE, "relu2", ONE), BOTH),
    "of degrees one and two": (network(ONE, "relu2", ONE, "abs", ONE, Activation("monomial", k=3), ONE), BOTH),
    "bias at the end": (network(ONE, "relu", BIAS), ()),
    "bias at the start": (network(BIAS, "relu", ONE), ()),
    "no degree": (network(ONE, "erf", ONE), ()),
    "sign": (network(ONE, "sign", ONE), ()),
    "step": (network(ONE, "relu", ONE, "step", ONE), ()),
    "constant": (network(ONE, Activation("polynomial", coefficients=["2"]), ONE), ()),
    "polynomial": (network(ONE, Activation("polynomial", coefficients=["0", "1", "1"]), ONE), ()),
    "residual": (network(ONE, Residual([Activation("relu"), ONE])), BOTH),
    "residual of degree two": (network(ONE, Residual([Activation("relu2"), ONE])), ()),
    "sum of one degree": (network(ONE, Sum([[Activation("relu"), ONE], [Activation("abs"), ONE], []])), BOTH),
    "sum of two degrees": (network(ONE, Sum([[Activation("relu"), ONE], [Activation("relu2"), ONE]])), ()),
    "sum with a bias": (network(ONE, Sum([[Activation("relu"), ONE], [Activation("relu"), BIAS]])), ()),
    "all frozen": (network(FROZEN, "relu", FROZEN), ("nngp",)),
    "frozen at first": (network(FROZEN, "relu2", FROZEN, "relu", ONE), BOTH),
    "frozen at last": (network(ONE, "relu2", FROZEN), BOTH),
    "weights alone": (network(WEIGHTS, "relu", WEIGHTS), BOTH),
    "a zero bias learns at rate 0": (network(NEVER_BIASED, "relu", ONE), BOTH),
    "standard": (network(ONE, "relu", ONE, parameterization="standard"), ("nngp",)),
    "standard, weights alone": (network(WEIGHTS, "relu", WEIGHTS, parameterization="standard"), BOTH),
    "standard, of degree two": (network(WEIGHTS, "relu2", WEIGHTS, parameterization="standard"), BOTH),
    "standard, frozen before a bias": (network(FROZEN, "relu", ONE, parameterization="standard"), ("nngp",)),
    "no weights": (network(ONE, "relu", Dense(W_std=0, b_std=1)), ()),
}


OF_DEGREE_ZERO = ("sign", "step", "constant", "no weights")


@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_homogeneous(name):
    """The names of the kernels with K(λx, λ'x') = (λλ')ᵏ K(x, x'): those alone, none that jumps at the origin."""
    net, names = HOMOGENEOUS[name]
    k = kernel(net)
    assert names == k.module.HOMOGENEOUS
    layers = plain(net)
    scales = np.geomspace(0.3, 4, len(X))[:, None]
    for get in BOTH if not k.ntk_reason else ("nngp",):
        diagonal, scaled = layers.diag(X, get), layers.diag(scales * X, get)
        if not diagonal.all():
            continue  # a kernel that is 0
        whole = layers(X, Y, get) / np.sqrt(np.outer(diagonal, layers.diag(Y, get)))
        apart = layers(scales * X, Y, get) / np.sqrt(np.outer(scaled, layers.diag(Y, get)))
        degree = np.log(scaled / diagonal) / np.log(scales[:, 0])
        same = np.abs(whole - apart).max() < 1e-12 and np.ptp(degree) < 1e-9
        assert same or get not in names
        assert not same or get in names or name in OF_DEGREE_ZERO
        found, count = tables(k, scales * X, Y, get=get)
        assert count == (get in names)
        exact = layers(scales * X, Y, get)
        if not count:
            assert (found == exact).all()
        assert relative(layers, found, exact, scales * X, Y, get) < 1e-13


def test_one_homogeneous_kernel_does_not_collapse_both():
    k = kernel(HOMOGENEOUS["standard"][0])
    assert tables(k, X, get="nngp")[1] == 1
    assert tables(k, X, get="ntk")[1] == 0
    found, count = tables(k, X, get=BOTH)
    assert count == 0
    for K, exact in zip(found, plain(HOMOGENEOUS["standard"][0])(X, get=BOTH), strict=True):
        assert (exact == K).all()
    assert tables(k, UNIT, get=BOTH)[1] == 1


@pytest.mark.parametrize("get", ["nngp", "ntk", BOTH, BOTH[::-1], ("ntk", "ntk")])
def test_spheres(get):
    net = network(BIAS, "relu", BIAS, "erf", BIAS)
    k, layers = kernel(net), plain(net)
    names = (get,) if isinstance(get, str) else get
    for x1, x2 in [(UNIT, None), (UNIT, -UNIT[::2]), (0.7 * UNIT, None), (UNIT[:1], None)]:
        found, count = tables(k, x1, x2, get=get)
        assert count == 1
        exact = layers(x1, x2, get=get)
        for name, K, true in zip(names, *((v,) if isinstance(get, str) else v for v in (found, exact)), strict=True):
            assert relative(layers, K, true, x1, x2, name) < 1e-13


def one_row_at(scale):
    x = UNIT.copy()
    x[3] *= scale
    return x


@pytest.mark.parametrize("x", [X, *map(one_row_at, (2, 1 + 1e-9, 1 + 1e-14, 0))], ids=str)
@pytest.mark.parametrize("backend", ["numpy", "numexpr"])
def test_rows_of_several_norms_go_through_the_layers(x, backend):
    net = network(BIAS, "relu", BIAS, "erf", BIAS)
    k, layers = kernel(net, backend), kernelc.compile(net, backend, collapse=False)
    for rows, columns in [(x, None), (UNIT, x), (x, UNIT)]:
        found, count = tables(k, rows, columns, get=BOTH)
        assert count == 0
        for K, exact in zip(found, layers(rows, columns, get=BOTH), strict=True):
            assert (exact == K).all()


def test_two_spheres_go_through_the_layers():
    k = kernel(network(BIAS, "erf", BIAS))
    assert tables(k, UNIT, 2 * UNIT)[1] == 0
    assert tables(k, 2 * UNIT, 2 * UNIT)[1] == 1


def test_few_pairs_go_through_the_layers():
    net = network(ONE, "relu", ONE)
    k = kernelc.compile(net, "numpy")
    assert (k(X, Y) == plain(net)(X, Y)).all()
    assert not k.module.TABLES
    k(np.resize(X, (500, 4)), np.resize(Y, (300, 4)))
    assert len(k.module.TABLES) == 1


def spec(head, dense, layers):
    return kernelc.loads(
        f'schema = 1\nname = "p"\n[parameters]\n{head}\n[defaults.dense]\n{dense}\n[network]\nlayers = {layers}\n'
    )


@pytest.mark.parametrize("get", ["nngp", "ntk", BOTH])
def test_parameters_have_tables_of_their_own(get):
    leaky = '["dense", { activation = "leaky_relu", alpha = "slope" }, "dense"]'
    k = kernel(spec("slope = 0.1", "W_std = 1.4", leaky))
    assert k.module.HOMOGENEOUS == BOTH
    k.module.TABLES.clear()
    names = (get,) if isinstance(get, str) else get
    for slope in (0.1, 0.4, 0.1, -0.3):
        fixed = plain(network(Dense(W_std="1.4"), Activation("leaky_relu", alpha=str(slope)), Dense(W_std="1.4")))
        found, exact = k(X, Y, get, slope=slope), fixed(X, Y, get)
        for name, K, true in zip(names, *((v,) if isinstance(get, str) else v for v in (found, exact)), strict=True):
            assert relative(fixed, K, true, X, Y, name) < 1e-13
    assert len(k.module.TABLES) == 3


def test_a_bias_that_is_a_parameter_is_no_homogeneous_one():
    """Its default may be 0."""
    layers = '["dense", "relu", "dense"]'
    k = kernel(spec("b = 0", 'W_std = 1.4\nb_std = "b"', layers))
    assert k.module.HOMOGENEOUS == ()
    fixed = plain(network(Dense(W_std="1.4", b_std="0.5"), "relu", Dense(W_std="1.4", b_std="0.5")))
    found, count = tables(k, X, Y, b=0.5)
    assert count == 0
    assert relative(fixed, found, fixed(X, Y), X, Y) < 1e-14
    k.module.TABLES.clear()
    for b in (0.0, 0.5, 0.2):
        fixed = plain(network(*[Dense(W_std="1.4", b_std=str(b)), "relu"], Dense(W_std="1.4", b_std=str(b))))
        assert relative(fixed, k(UNIT, b=b), fixed(UNIT), UNIT) < 1e-13
    assert len(k.module.TABLES) == 3


def test_the_input_width_is_part_of_a_table():
    """In the standard parameterization the first layer's gain is its width."""
    net = HOMOGENEOUS["standard, weights alone"][0]
    k, layers = kernel(net), plain(net)
    k.module.TABLES.clear()
    for width in (1, 2, 4):
        assert relative(layers, k(X[:, :width]), layers(X[:, :width]), X[:, :width]) < 1e-13


@pytest.mark.parametrize("name", ["all frozen", "frozen at first", "frozen at last"])
@pytest.mark.parametrize("x", [X, UNIT], ids=["norms", "sphere"])
def test_frozen_layers(name, x):
    net = HOMOGENEOUS[name][0]
    k, layers = kernel(net), plain(net)
    for get in (*BOTH, BOTH):
        for K, exact in zip(np.atleast_3d(k(x, get=get)), np.atleast_3d(layers(x, get=get)), strict=True):
            assert np.abs(K - exact).max() <= 1e-13 * max(exact.max(), 1e-300)


def test_a_kernel_without_weights_is_constant():
    for last in (Dense(W_std=0, b_std=1), Dense(W_std=0)):
        net = network(BIAS, "relu", last)
        k = kernel(net)
        for get in BOTH:
            np.testing.assert_allclose(k(UNIT, get=get), plain(net)(UNIT, get=get), rtol=1e-13)


@pytest.mark.parametrize("W_std", ["1e6", "1e-6"])
def test_kernels_that_overflow_or_vanish_at_norm_one(W_std):
    """Homogeneous kernels are tabulated at norm 1; the data may be far from it."""
    dense = Dense(W_std=W_std)
    net = network(dense, *["relu", dense] * 30)
    x = X * (1e-100 if W_std == "1e6" else 1e100)
    for get in BOTH:
        exact = plain(net)(x, get=get)
        assert (np.isfinite(exact) & (exact.diagonal() > 0)).all()
        assert relative(plain(net), kernel(net)(x, get=get), exact, x, get=get) < 1e-12


@pytest.mark.parametrize(
    ("dtype", "W_std", "depth", "norm", "bound"),
    [("float32", "0.1", 17, 1e10, 1e-5), ("float64", "1e-4", 37, 1e60, 1e-12)],
)
def test_kernels_that_are_subnormal_at_norm_one(dtype, W_std, depth, norm, bound):
    """There they have few digits left: the table must not be taken from them."""
    dense = Dense(W_std=W_std)
    net = network(dense, *["relu", dense] * depth)
    layers = kernelc.compile(net, "numpy", dtype, collapse=False)
    at_one = float(layers.diag(UNIT, "nngp")[0])
    assert 0 < at_one < np.finfo(dtype).tiny, at_one
    k, x = kernel(net, dtype=dtype), (norm * X).astype(dtype)
    for get in BOTH:
        assert relative(layers, k(x, get=get), layers(x, get=get), x, get=get) < bound


@pytest.mark.parametrize("backend", ["numpy", "numexpr", "numba"])
def test_without_collapse_there_is_no_table(backend):
    net = network(ONE, "relu", ONE)
    k, source = kernel(net), kernelc.compile(net, backend, collapse=False).source
    for word in ("Zonal", "TABLES", "HOMOGENEOUS", "COLLAPSE", "read off a table"):
        assert word not in source
        assert word in k.source
    assert not hasattr(plain(net).module, "TABLES")
    found, count = tables(k, X, Y)
    assert count == 1
    assert relative(plain(net), found, plain(net)(X, Y), X, Y) < 1e-14


def test_few_tables_are_kept():
    leaky = '["dense", { activation = "leaky_relu", alpha = "slope" }, "dense"]'
    k = kernel(spec("slope = 0.1", "W_std = 1.4\nb_std = 0.1", leaky))
    for n in range(12):
        k(UNIT, slope=n / 20)
        k((1 + n) * UNIT)
        assert len(k.module.TABLES) <= k.module.KEPT == 8


def test_tiles_and_products_are_read_off_the_table_as_well():
    net = network(ONE, "relu", ONE)
    k, v = kernel(net), np.arange(5.0)
    k.module.TABLES.clear()
    out = np.empty((7, 5))
    for rows, columns, block in k.tiles(X, Y):
        out[rows, columns] = block
    assert len(k.module.TABLES) == 1
    assert (out == k(X, Y)).all()
    assert k.matvec(X, Y, v) == pytest.approx(out @ v, rel=1e-13)
    filled = np.empty((7, 5))
    k.fill(filled, X, Y)
    assert (filled == out).all()
