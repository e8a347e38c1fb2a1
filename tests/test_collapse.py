"""The accuracy contract where the layers are replaced by a table in the angle, against 120-digit arithmetic.

Homogeneous networks on rows of any norm, all others on spheres; every backend; on inputs that hurt.
"""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from oracle.cases import HE, Case, spec, stack, with_parameters
from oracle.networks import reference, relative_error

import kernelc
from kernelc.exact import kernel_values

SPECS = Path(__file__).parents[1] / "specs"
BACKENDS = ("numpy", "numexpr")
EVERYWHERE = ("relu-3", "residual-relu", "erf-bias-3", "mixed", "sphere-relu")
BOTH = ("nngp", "ntk")
D = 6


def directions():
    """Rows and their companions: equal, near, opposite, nearly opposite, orthogonal, at many angles."""
    x, y, z, n, m = np.random.default_rng(7).standard_normal((5, D))
    across = y - (x @ y) / (x @ x) * x  # orthogonal, to rounding
    near = [x + step * n for step in (1e-14, 1e-9, 1e-6, 1e-3, 0.05, 0.1, 0.3)]
    return np.array([x, y, z, x, *near, -x, -x + 1e-9 * n, -x + 1e-14 * m, -x + 0.1 * m, across, -across + 1e-9 * x])


def on_sphere(x, radius=1.0):
    """Rows with x.x/d = radius², to rounding."""
    return radius * np.sqrt(x.shape[1]) * x / np.linalg.norm(x, axis=1, keepdims=True)


def scaled(tiny=1e-100):
    """The same directions, some at other norms, and zero rows."""
    x = directions()
    return np.concatenate([x, 0.3 * x[:1], 3 * x[4:6], -3 * x[1:2], tiny * x[1:3], -tiny * x[:1], 0 * x[:2]])


def bundled(name, depth, homogeneous=False, slow=False):
    text = (SPECS / f"{name}.toml").read_text(encoding="utf-8")
    return Case(name, depth, text.replace('weights = "rademacher", ', ""), homogeneous, slow=slow)


def one(*args, **settings):
    """One case of a stack of layers."""
    (case,) = stack(*args, **settings)
    return case


LEAKY = with_parameters("leaky_relu", alpha=0.1)
HOMOGENEOUS = [
    *stack("relu", '"relu"', (3, 10, 30), homogeneous=True, W_std=HE, slow=(30,)),
    bundled("relu-1", 1, homogeneous=True),
    one("relu-100", '"relu"', (100,), slow=(100,), homogeneous=True, W_std=HE),
    *stack("leaky", LEAKY, (3,), homogeneous=True, W_std=1.4),
    *stack("abs", '"abs"', (3,), homogeneous=True),
    *stack("identity", '"identity"', (2,), homogeneous=True),
    *stack("standard", '"relu"', (3,), homogeneous=True, W_std=HE, train="weights", parameterization="standard"),
    bundled("residual-relu", 5, homogeneous=True),
    bundled("relu-frozen-output", 1, homogeneous=True),
]
OF_DEGREE_TWO = [*stack("relu2", '"relu2"', (1, 3), W_std=0.8)]
ON_SPHERES = [
    *stack("relu-bias", '"relu"', (1, 10), W_std=1.5, b_std=0.1),
    *stack("erf-bias", '"erf"', (3, 10), W_std=1.5, b_std=0.1, slow=(10,)),
    *stack("erf", '"erf"', (3,), W_std=1.5, slow=(3,)),
    *stack("gelu-bias", '"gelu"', (2,), W_std=1.5, b_std=0.1),
    *stack("sin-bias", '"sin"', (2,), W_std=1.2, b_std=0.1),
    *stack("sin", '"sin"', (2,), W_std=1.2, slow=(2,)),
    *stack("cos-bias", '"cos"', (2,), W_std=1.2, b_std=0.1, slow=(2,)),
    *stack("gaussian", '"gaussian"', (2,), W_std=1.2, b_std=0.1, slow=(2,)),
    *stack("standard-bias", '"relu"', (3,), W_std=1.5, b_std=0.1, parameterization="standard", slow=(3,)),
    bundled("mixed", 3),
    bundled("sphere-relu", 3),
]
CHAOTIC = [
    *stack("chaotic-erf", '"erf"', (10, 30), W_std=3, b_std=0.2, slow=(30,)),
    *stack("chaotic-odd", '"erf"', (30,), W_std=3, slow=(30,)),
]


def parametrized(cases):
    """Cases on NumPy, some on every backend: those that differ in what a table is built from."""
    found = []
    for case in cases:
        for backend in ("numpy", "numexpr", "numba"):
            marks = [pytest.mark.slow] if case.slow or backend == "numba" else []
            if backend == "numpy" or case.name in EVERYWHERE[: 5 if backend == "numexpr" else 2]:
                found.append(pytest.param(case, backend, id=f"{case.name}-{backend}", marks=marks))
    return pytest.mark.parametrize(("case", "backend"), found)


@cache
def compiled(toml, backend, dtype="float64"):
    return kernelc.compile(kernelc.loads(toml), backend, dtype)


@cache
def truth(case, kind):
    x = points(kind)
    return reference(case.network, x, None, case.parameterization, case.kernels)


@cache
def points(kind):
    """Input rows by the name of their kind: "scaled" or "moderate", or the radius of their sphere."""
    kinds = {"scaled": scaled, "moderate": lambda: scaled(1e-6)}
    return kinds[kind]() if kind in kinds else on_sphere(directions(), kind)


def collapsed(k, x1, x2=None, get=BOTH):
    """The kernels, read off a table even though the matrix is small."""
    k.module.COLLAPSE_FROM = 0
    k.module.TABLES.clear()
    values = k(x1, x2, get=get)
    assert [table is not None for table in k.module.TABLES.values()] == [True], "there was no table"
    return values


def assert_close(got, exact, bound, rows=slice(None), columns=slice(None)):
    for name, K, (values, scale) in zip(BOTH, got, exact, strict=True):
        error = relative_error(K, values[rows, columns], scale[rows, columns])
        i, j = np.unravel_index(np.argmax(error), error.shape)
        assert error[i, j] <= bound, f"{name}: entry ({i}, {j}) is off by {error[i, j]:.2e}"


def check(case, kind, backend, bound):
    """K(x) and K(x1, x2), each kernel alone and both at once."""
    x, exact, k = points(kind), truth(case, kind), compiled(case.toml, backend)
    both = collapsed(k, x)
    assert_close(both, exact, bound)
    for K, diagonal in zip(both, k.diag(x, BOTH), strict=True):
        assert (K == K.T).all()
        assert (K.diagonal() == diagonal).all()
    rows, columns = slice(0, None, 2), slice(None, None, -1)
    assert_close(collapsed(k, x[rows], x[columns]), exact, bound, rows, columns)
    alone = [collapsed(k, x, get=get) for get in BOTH]
    assert_close(alone, exact, bound)
    assert_close(collapsed(k, x, x, get=BOTH[::-1])[::-1], exact, bound)


@parametrized(HOMOGENEOUS)
def test_homogeneous_at_any_norms(case, backend):
    check(case, "scaled", backend, case.bound)


@parametrized(OF_DEGREE_TWO)
def test_homogeneous_of_degree_two(case, backend):
    """Rows of norm 1e-6: at depth 3 their kernels are 1e-96."""
    check(case, "moderate", backend, case.bound)


@parametrized(ON_SPHERES)
def test_on_the_unit_sphere(case, backend):
    check(case, 1.0, backend, case.bound)


@pytest.mark.parametrize("radius", [0.2, 3.0])
@pytest.mark.parametrize("name", ["relu-bias-1", "erf-bias-3", "mixed"])
def test_on_other_spheres(name, radius):
    (case,) = (case for case in ON_SPHERES if case.name == name)
    check(case, radius, "numpy", case.bound)


@parametrized(CHAOTIC)
def test_chaotic(case, backend):
    """The table costs nothing beyond the contract; Π√χ, which may be stated, is 4e1 at depth 10 and 8e4 at 30."""
    check(case, 1.0, backend, case.bound)


@pytest.mark.parametrize("backend", BACKENDS)
def test_normalized_at_any_norms(backend):
    """A network that puts its inputs on the sphere takes rows of any norm but 0."""
    (case,) = (case for case in ON_SPHERES if case.name == "sphere-relu")
    x = points("scaled")[:-2]
    exact = reference(case.network, x, None, case.parameterization, case.kernels)
    assert_close(collapsed(compiled(case.toml, backend), x), exact, case.bound)


SINGLE = [
    *stack("relu", '"relu"', (1, 3, 30), homogeneous=True, W_std=HE, slow=(30,)),
    *stack("residual-relu-unbiased", '"relu"', (10,), homogeneous=True, W_std=1.1, slow=(10,)),
    *stack("erf-bias", '"erf"', (3,), W_std=1.5, b_std=0.1),
    *stack("gelu-bias", '"gelu"', (2,), W_std=1.5, b_std=0.1),
]


@parametrized(SINGLE)
def test_float32(case, backend):
    """The rows are rounded first. Homogeneous networks take norms 1e±15, whose squares end at 1e±38."""
    if case.homogeneous:
        x = scaled()
        x = x[np.linalg.norm(x, axis=1) > 1e-50].astype(np.float32)
        x = np.concatenate([x, 1e-15 * x[:2], 1e15 * x[1:3], 0 * x[:1]], dtype=np.float32)
    else:
        x = on_sphere(directions()).astype(np.float32)
    exact = reference(case.network, x, None, case.parameterization, case.kernels)
    k = compiled(case.toml, backend, "float32")
    for got in (collapsed(k, x), collapsed(k, x, x)):
        assert all(K.dtype == np.float32 for K in got)
        assert_close(got, exact, 2e-6 * max(1, case.depth / 10))


def relative(found, exact):
    scale = np.sqrt(np.diag(exact))
    return np.max(np.abs(found - exact) / np.outer(scale, scale))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("activation", "depth"), [("tanh", 1), ("tanh", 2), ("elu", 1)])
def test_activations_without_straight_line_code(activation, depth, backend):
    """To the error that the module states of its duals, layer by layer; where exact values take minutes, the layers."""
    dense = kernelc.Dense(W_std="1.5", b_std="0.1")
    net = kernelc.Network([dense, *[kernelc.Activation(activation), dense] * depth], name=activation)
    k, layers = kernelc.compile(net, backend), kernelc.compile(net, "numpy", collapse=False)
    x = on_sphere(directions())
    some = [0, 1, 2, 9, 14]  # far apart
    exact = kernel_values(kernelc.derive(net), x[some].tolist(), BOTH, {})
    stated = float(re.search(r": tier \w+, by \w+, error (\S+) of", k.source)[1])
    for get in BOTH:
        found = collapsed(k, x, get=get)
        assert relative(found[np.ix_(some, some)], np.array(exact[get], dtype=float)) <= 3 * depth * stated
        assert relative(found, layers(x, get=get)) <= 1e-13


@pytest.mark.parametrize("backend", [*BACKENDS, pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize("shape", [(None, 1100), (130, 1100), (1100, 97)])
def test_large_matrices_agree_with_the_layers(shape, backend):
    """By default, where there are many pairs: more than a block, more than a tile, and a tile that is not full."""
    k = compiled(HOMOGENEOUS[0].toml, backend)
    k.module.COLLAPSE_FROM = 100_000
    k.module.TABLES.clear()
    rng, (n, m) = np.random.default_rng(1), shape
    x1 = rng.standard_normal((m if n is None else n, 5)) * rng.uniform(0.1, 10, m if n is None else n)[:, None]
    x2 = None if n is None else rng.standard_normal((m, 5))
    found = k(x1, x2, get=BOTH)
    assert len(k.module.TABLES) == 1
    k.module.COLLAPSE_FROM = 10**9
    for name, K, exact in zip(BOTH, found, k(x1, x2, get=BOTH), strict=True):
        scale = np.sqrt(np.outer(k.diag(x1, name), k.diag(x1 if x2 is None else x2, name)))
        assert (np.abs(K - exact) / scale).max() < 1e-14
        if x2 is None:
            assert (K == K.T).all()
            assert (K.diagonal() == k.diag(x1, name)).all()


def test_zero_rows_are_exactly_zero():
    k = compiled(HOMOGENEOUS[0].toml, "numpy")
    x = points("scaled")
    for K in collapsed(k, x):
        assert (K[-2:] == 0).all()
        assert (K[:, -2:] == 0).all()


def test_odd_kernels_stay_odd():
    """erf without bias: K(x, -x') = -K(x, x'), to rounding."""
    k = compiled(spec("odd", '["dense", "erf", "dense", "erf", "dense"]', W_std=1.5), "numpy")
    x = on_sphere(directions())
    for name, plus, minus in zip(BOTH, collapsed(k, x, x), collapsed(k, x, -x), strict=True):
        assert np.abs(plus + minus).max() <= 1e-14 * k.diag(x, name).max()


@pytest.mark.parametrize("radius", [1.0, 3.0, 1e-9, 1e5])
@pytest.mark.parametrize("spec", ["erf-3", "gelu-2", "mixed"])
def test_rows_of_one_sphere_share_their_recursion_and_lose_no_digit(spec, radius):
    """In batches of any size; fewer rows than 100 go through the layers one by one."""
    k = kernelc.compile(spec, "numpy")
    k.module.SPHERES.clear()
    x = on_sphere(np.random.default_rng(1).standard_normal((330, D)), radius)
    alone = {name: np.concatenate([k.diag(part, get=name) for part in np.split(x, 5)]) for name in BOTH}
    assert not k.module.SPHERES
    for part in (x, x[:200], x[::-1], x[100:]):
        for name in BOTH:
            shared = dict(zip(map(bytes, part), k.diag(part, get=name), strict=True))
            expected = dict(zip(map(bytes, x), alone[name], strict=True))
            assert all(abs(shared[row] - expected[row]) <= 5e-16 * expected[row] for row in shared)
    assert len(k.module.SPHERES) <= 2  # two neighbours, where their boundary runs through the rounding


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_rows_share_has_the_dtype_of_the_module(dtype):
    k = kernelc.compile("erf-3", "numpy", dtype)
    x = on_sphere(np.random.default_rng(1).standard_normal((120, D))).astype(dtype)
    rows = k.module.Rows(x, {}, BOTH)
    assert k.module.SPHERES
    assert {v.dtype for saved in rows.saved for v in saved} == {np.dtype(dtype)}
    assert k(x).dtype == dtype


def test_few_spheres_are_kept_and_tiny_ones_are_not_shared():
    k = kernelc.compile("erf-3", "numpy")
    x = on_sphere(np.random.default_rng(2).standard_normal((120, D)))
    for radius in np.linspace(1, 2, 12):
        k.diag(radius * x)
    assert len(k.module.SPHERES) == k.module.KEPT
    k.module.SPHERES.clear()
    assert np.array_equal(k.diag(1e-300 * x), np.concatenate([k.diag(1e-300 * part) for part in np.split(x, 2)]))
    assert not k.module.SPHERES
