"""The laws that every kernel obeys, over every activation × architecture × backend.

Kernels come from a grid of small networks; hypothesis draws the architecture, the backend and the points, in which
zero rows, duplicates, near-duplicates and antipodes are common. `-m slow` draws many more.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from zlib import crc32

import fewer
import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import kernelc
from kernelc import Activation, Dense, Network, Normalize, Residual, Sum
from kernelc.activations import ACTIVATIONS
from kernelc.gram import CompiledKernel

OTHERS = {  # in the special and series tiers
    *("gelu_tanh", "quick_gelu", "tanh", "sigmoid", "softplus", "silu", "mish", "softsign"),
    *("elu", "selu", "celu", "hard_tanh", "hard_sigmoid", "hard_swish", "relu6", "softshrink"),
}
JUMPS = {"sign", "step"}
EXACT = [name for name in ACTIVATIONS if name not in OTHERS]
GROWING = {"exp", "relu2", "star_relu", "rectified_monomial", "monomial", "hermite"}  # tame weights keep their domain
DEGREE = {"identity": 1, "relu": 1, "leaky_relu": 1, "prelu": 1, "abrelu": 1, "abs": 1, "relu2": 2, "monomial": 2}
BACKENDS = ("numpy", "numexpr")
ONE_BY_ONE = fewer.but(("numpy",), BACKENDS)  # where every example compiles many networks
DIGITS = 1e-13  # the accuracy contract at depth ≤ 10; two computed values may differ by twice that

KINDS: dict[str, Callable[[Activation, Dense], list]] = {
    "dense-1": lambda phi, z: [z, phi, z],
    "dense-2": lambda phi, z: [z, phi, z, phi, z],
    "dense-3": lambda phi, z: [z, phi, z, phi, z, phi, z],
    "ends in an activation": lambda phi, z: [z, phi],
    "residual": lambda phi, z: [z, Residual([phi, z]), phi, z],
    "sum": lambda phi, z: [Sum([[z, phi, z], [z]]), phi, z],
    "normalize": lambda phi, z: [Normalize(), z, phi, z],
    "frozen": lambda phi, z: [replace(z, train="none"), phi, replace(z, train="bias"), phi, z],
    "standard": lambda phi, z: [z, phi, Dense(0.8, 0.1, width=64), phi, z],
}


SOME_KINDS = fewer.but(("dense-2", "residual"), KINDS)
SOME = ("relu", "leaky_relu", "step", "polynomial", "erf", "gelu", "sin", "gaussian", "exp")  # one of each kind


@cache
def network(name: str, kind: str) -> Network:
    z = Dense(0.2, 0.2) if name in GROWING else Dense(1.3, 0.1)
    parameterization = "standard" if kind == "standard" else "ntk"
    return Network(KINDS[kind](Activation(name), z), name=name, parameterization=parameterization)


@cache
def compiled(net: Network, backend: str, dtype: str = "float64") -> CompiledKernel:
    return kernelc.compile(net, backend=backend, dtype=dtype)


@st.composite
def points(draw: st.DrawFn) -> np.ndarray:
    """Rows of eighths, then some of them again: turned round, doubled, or moved by 1e-9 of themselves."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 4)))
    x = draw(hnp.arrays(np.float64, shape, elements=st.integers(-12, 12).map(lambda k: k / 8)))
    changes = draw(st.lists(st.sampled_from([1, -1, 2, 1 + 1e-9 * np.arange(x.shape[1])]), max_size=3))
    return np.concatenate([x, *(x * change for change in changes)])


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, str, np.ndarray]:
    """(kind, backend, points); a network that normalises has no zero rows."""
    kind, backend, x = draw(st.sampled_from(list(KINDS))), draw(st.sampled_from(BACKENDS)), draw(points())
    return kind, backend, x[x.any(axis=1)] if kind == "normalize" else x


def law(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Hold a function of (name, (kind, backend, points)) for each activation, with few examples and, slowly, many."""

    def hold(check: Callable[..., None]) -> Callable[..., None]:
        @pytest.mark.parametrize("name", names or fewer.but(SOME, EXACT))
        @pytest.mark.parametrize("examples", [2, pytest.param(12, marks=pytest.mark.sweep)])
        def test(name: str, examples: int) -> None:
            rules = settings(max_examples=examples, deadline=None, database=None, report_multiple_bugs=False)
            drawn = seed(crc32(name.encode()))  # the same draw for every law, so that kernels are compiled once
            drawn(rules(given(cases())(lambda case: check(name, *case))))()

        test.__doc__ = check.__doc__
        return test

    return hold


def matrices(name: str, kind: str, backend: str, x: np.ndarray, y: np.ndarray | None = None, **options: str) -> dict:
    """Every kernel that there is, by name."""
    get = ("nngp",) if name in JUMPS else ("nngp", "ntk")
    return dict(zip(get, compiled(network(name, kind), backend, **options)(x, y, get=get), strict=True))


def scales(name: str, kind: str, x: np.ndarray, get: str) -> np.ndarray:
    """√(K_ii K_jj)."""
    root = np.sqrt(compiled(network(name, kind), "numpy").diag(x, get=get))
    return np.outer(root, root)


def is_close(left: np.ndarray, right: np.ndarray, scale: np.ndarray, bound: float = 2 * DIGITS) -> bool:
    return left.shape == right.shape and bool((np.abs(left - right) <= bound * scale).all())


def test_every_activation_is_here_or_in_another_tier() -> None:
    for name in ACTIVATIONS:
        assert (kernelc.dual(name).tier == "exact") == (name not in OTHERS)


@pytest.mark.parametrize("name", fewer.but(SOME, [name for name in EXACT if name not in JUMPS]))
@settings(max_examples=5, deadline=None, derandomize=True, database=None)
@given(q1=st.integers(1, 16), q2=st.integers(1, 16), cosine=st.integers(-7, 7))
def test_price(name: str, q1: int, q2: int, cosine: int) -> None:
    """Price 1958: ∂E[φφ]/∂c = E[φ'φ']."""
    dual = kernelc.dual(name)
    nngp, ntk = (sp.lambdify((kernelc.q1, kernelc.q2, kernelc.c), e, "mpmath") for e in (dual.nngp, dual.ntk))
    with mpmath.workdps(40):
        one, two = mpmath.mpf(q1) / 8, mpmath.mpf(q2) / 8
        at = cosine * mpmath.sqrt(one * two) / 8
        slope = mpmath.diff(lambda c: nngp(one, two, c), at)
        assert abs(slope - ntk(one, two, at)) < 1e-15 * (1 + abs(slope))


@law()
def test_symmetry(name: str, kind: str, backend: str, x: np.ndarray) -> None:
    """K(x, y) = K(y, x)ᵀ, and K(x) is symmetric to the last bit."""
    y = x[::2]
    for get, whole in matrices(name, kind, backend, x).items():
        scale = scales(name, kind, x, get)[:, ::2]
        assert (whole == whole.T).all()
        assert is_close(matrices(name, kind, backend, x, y)[get], matrices(name, kind, backend, y, x)[get].T, scale)


@law()
def test_diagonal(name: str, kind: str, backend: str, x: np.ndarray) -> None:
    """diag(x) is the diagonal of K(x) to the last bit, and K(x, None) is K(x, x)."""
    k = compiled(network(name, kind), backend)
    for get, whole in matrices(name, kind, backend, x).items():
        assert (k.diag(x, get=get) == whole.diagonal()).all()
        assert is_close(whole, k(x, x, get=get), scales(name, kind, x, get), DIGITS)


@law()
def test_rows_are_points(name: str, kind: str, backend: str, x: np.ndarray) -> None:
    """Rows permuted, or fewer of them: the same entries."""
    order = np.random.default_rng(len(x)).permutation(len(x))[: len(x) // 2 + 1]
    for get, whole in matrices(name, kind, backend, x).items():
        part = matrices(name, kind, backend, x[order])[get]
        assert is_close(part, whole[np.ix_(order, order)], scales(name, kind, x[order], get))


@law()
def test_reflection(name: str, kind: str, backend: str, x: np.ndarray) -> None:
    """K(x Q) = K(x) for signed permutations Q of the columns, which round nothing, so that any rows may be turned."""
    rng = np.random.default_rng(x.shape[1])
    turned = x[:, rng.permutation(x.shape[1])] * rng.choice([-1, 1], x.shape[1])
    for get, whole in matrices(name, kind, backend, x).items():
        assert is_close(matrices(name, kind, backend, turned)[get], whole, scales(name, kind, x, get))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", SOME_KINDS)
@pytest.mark.parametrize("name", fewer.but(SOME, EXACT))
def test_rotation(name: str, kind: str, backend: str) -> None:
    """K(x Q) = K(x) for any orthogonal Q; rows far from parallel, for x Q is rounded."""
    rng = np.random.default_rng(4)
    x, turn = rng.standard_normal((4, 4)), np.linalg.qr(rng.standard_normal((4, 4)))[0]
    for get, whole in matrices(name, kind, backend, x).items():
        assert is_close(matrices(name, kind, backend, x @ turn)[get], whole, scales(name, kind, x, get))


@law()
def test_backends_agree(name: str, kind: str, backend: str, x: np.ndarray) -> None:
    """numexpr against NumPy, float32 against float64."""
    rounded = x.astype(np.float32)
    for get, K in matrices(name, kind, "numpy", x).items():
        scale = scales(name, kind, x, get)
        assert is_close(matrices(name, kind, "numexpr", x)[get], K, scale)
        single = matrices(name, kind, backend, rounded, dtype="float32")[get]
        assert single.dtype == np.float32
        assert is_close(single, matrices(name, kind, "numpy", rounded)[get], scale, 1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", SOME_KINDS)
@pytest.mark.parametrize("name", EXACT)
def test_positive_semidefinite(name: str, kind: str, backend: str) -> None:
    """λ_min ≥ −(n·1e-13)·max K_ii: entries are good to 1e-13·√(K_ii K_jj), and eigenvalues move by no more (Weyl)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3))
    x = np.concatenate([x, x[:5], -x[:5], x[:5] + 1e-9, 0.5 * x[:5]])
    for K in matrices(name, kind, backend, x).values():
        assert np.linalg.eigvalsh(K).min() >= -DIGITS * len(K) * K.diagonal().max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EXACT)
def test_text(name: str, kind: str) -> None:
    """loads(dumps(net)) == net, and equal networks give equal text."""
    net = network(name, kind)
    again = kernelc.loads(net.dumps())
    assert again == net
    assert again.dumps() == net.dumps()


@pytest.mark.parametrize("backend", ONE_BY_ONE)
@pytest.mark.parametrize("name", fewer.but(SOME, EXACT))
def test_bytes(name: str, backend: str) -> None:
    """Built twice, from the network and from its text: the same bytes."""
    net = network(name, "sum")
    assert kernelc.compile(kernelc.loads(net.dumps()), backend).source == compiled(net, backend).source


@pytest.mark.parametrize("name", DEGREE)
@pytest.mark.parametrize("depth", [1, 2])
def test_homogeneity(name: str, depth: int) -> None:
    """φ of degree k and no biases: K(a x, b y) = (ab)^(k^depth) K(x, y) for a, b > 0."""
    z = Dense(0.9, train="weights")
    k = compiled(Network([z, *[Activation(name), z] * depth]), "numpy")
    x, y = np.random.default_rng(1).standard_normal((2, 6, 3))
    for get in ("nngp", "ntk"):
        factor = (4 * 0.3) ** (DEGREE[name] ** depth)
        scale = np.sqrt(np.outer(k.diag(4 * x, get=get), k.diag(0.3 * y, get=get)))
        assert is_close(k(4 * x, 0.3 * y, get=get), factor * k(x, y, get=get), scale)


@pytest.mark.parametrize("backend", ONE_BY_ONE)
@pytest.mark.parametrize("name", fewer.but(SOME, [name for name in EXACT if name not in JUMPS]))
def test_branches_add(name: str, backend: str) -> None:
    """The kernels of a sum of independent branches are the sums of theirs; a residual is one with the identity."""
    z, phi = Dense(0.8, 0.3), Activation(name)
    x = np.random.default_rng(2).standard_normal((6, 3))
    alone = [compiled(Network(layers), backend)(x, get=("nngp", "ntk")) for layers in ([z], [z, phi, z])]
    for layers in ([z, Residual([phi, z])], [Sum([[z], [z, phi, z]])]):
        both = compiled(Network(layers), backend)(x, get=("nngp", "ntk"))
        for K, one, two in zip(both, *alone, strict=True):
            assert is_close(K, one + two, np.sqrt(np.outer(K.diagonal(), K.diagonal())))


@pytest.mark.parametrize("backend", ONE_BY_ONE)
@pytest.mark.parametrize("name", fewer.but(SOME, [name for name in EXACT if name not in JUMPS]))
def test_training(name: str, backend: str) -> None:
    """Nothing trained: Θ = 0. The last layer alone: Θ = Σ, and the Θ of all is no less (Arora et al. 2019)."""
    phi, x = Activation(name), np.random.default_rng(3).standard_normal((6, 3))

    def ntk(first: str, last: str) -> np.ndarray:
        return compiled(Network([Dense(0.8, 0.3, train=first), phi, Dense(0.8, 0.3, train=last)]), backend)(x)

    assert (ntk("none", "none") == 0).all()
    nngp = compiled(Network([Dense(0.8, 0.3), phi, Dense(0.8, 0.3)]), backend).nngp(x)
    scale = np.sqrt(np.outer(nngp.diagonal(), nngp.diagonal()))
    assert is_close(ntk("none", "all"), nngp, scale)
    both = ntk("weights", "none") + ntk("bias", "none") + ntk("none", "all")
    whole = ntk("all", "all")
    assert is_close(both, whole, np.sqrt(np.outer(whole.diagonal(), whole.diagonal())))
    assert np.linalg.eigvalsh(whole - nngp).min() > -DIGITS * len(x) * whole.max()
