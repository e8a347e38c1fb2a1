"""Kernels that feel the last digits of an angle, or of terms that cancel, against 19 digits or 60; for all backends."""

from collections.abc import Callable
from functools import cache

import mpmath
import numpy as np
from oracle.activations import ACTIVATIONS
from oracle.networks import relative_error
from oracle.numeric import network

import kernelc
from kernelc import Activation, Dense, Network

mp = mpmath.mp.clone()
mp.dps = 60
ALPHA = mp.mpf(7) / 10


def near_multiples() -> tuple[np.ndarray, np.ndarray]:
    """A point, and points at angles from 1e-2 to 1e-15 to it, of norms like its own and unlike it."""
    rng = np.random.default_rng(3)
    x, *away = rng.standard_normal((45, 6))
    factors, distances = [1, -1, 1.3, -0.4, 3e-5, -7e60], 10.0 ** np.arange(-15, -1)
    return x[None], np.array([f * (x + t * n) for f in factors for t, n in zip(distances, away, strict=False)])


def true_ntk(x: np.ndarray, y: np.ndarray) -> mpmath.mpf:
    """Of |x|**0.7: E[φ(u)φ(v)] + E[uv] E[φ'(u)φ'(v)]: moments of products of powers of Gaussians by ₂F₁ of ρ²."""
    x, y = ([mp.mpf(float(v)) for v in row] for row in (x, y))
    d, a, b = len(x), mp.norm(x), mp.norm(y)
    rho = mp.fdot(x, y) / (a * b)
    half, beta = mp.mpf(1) / 2, ALPHA - 1
    even = mp.hyp2f1(-ALPHA / 2, -ALPHA / 2, half, rho**2) * 2**ALPHA * mp.gamma((ALPHA + 1) / 2) ** 2 / mp.pi
    odd = mp.hyp2f1((1 - beta) / 2, (1 - beta) / 2, 3 * half, rho**2) * 2 ** (beta + 1) * mp.gamma(beta / 2 + 1) ** 2
    return (a * b / d) ** ALPHA * (even + ALPHA**2 * rho * rho * odd / mp.pi)


def near_multiples_error(backend: str) -> float:
    """The largest error of Θ of |x|**0.7, relative to it."""
    net = Network([Dense(), Activation("abs(x)**0.7"), Dense()], name="rough")
    x, y = near_multiples()
    found = kernelc.compile(net, backend)(x, y)[0]
    truth = [true_ntk(x[0], row) for row in y]
    return float(max(abs(mp.mpf(float(k)) / t - 1) for k, t in zip(found, truth, strict=True)))


def exact_multiples(backend: str) -> np.ndarray:
    """Σ of three layers of signs between points and multiples of them, over its true value."""
    x = np.random.default_rng(5).integers(-(2**26), 2**26, (1, 1000)).astype(float)
    factors = np.array([1, -1, 2, -0.5, 3, -7, 94617015 / 2**20, -123456791 / 2**30])
    sign = Activation("sign")
    net = Network([Dense(), sign, Dense(), sign, Dense(), sign, Dense()], name="signs")
    return kernelc.compile(net, backend).nngp(x, factors[:, None] * x)[0] * np.sign(factors)


CANCELLING = {  # φ, φ'
    "erf(x) - x": (lambda z: mp.erf(z) - z, lambda z: 2 * mp.exp(-z * z) / mp.sqrt(mp.pi) - 1),
    "cos(x) - exp(-x**2)/2": (
        lambda z: mp.cos(z) - mp.exp(-z * z) / 2,
        lambda z: z * mp.exp(-z * z) - mp.sin(z),
    ),
    "cos(x) - 1 + x**2/2": (lambda z: mp.cos(z) - 1 + z * z / 2, lambda z: z - mp.sin(z)),
    "erf(x) - 2*x/sqrt(pi)": (
        lambda z: mp.erf(z) - 2 * z / mp.sqrt(mp.pi),
        lambda z: 2 * (mp.exp(-z * z) - 1) / mp.sqrt(mp.pi),
    ),
    "erf(x) - x + x**2/1000": (
        lambda z: mp.erf(z) - z + z * z / 1000,
        lambda z: 2 * mp.exp(-z * z) / mp.sqrt(mp.pi) - 1 + z / 500,
    ),
}


def cancelling_error(backend: str, formula: str, dtype: str = "float64") -> float:
    """The largest error of both kernels on points of a line, relative to √(K_ii K_jj)."""
    points = np.array([0.05, 0.0501, 1, 8, -0.05, -0.7, -8], dtype)
    net = Network([Dense(), Activation(formula), Dense()], name="cancelling")
    found = kernelc.compile(net, backend, dtype=dtype)(points[:, None], get=("nngp", "ntk"))
    return max(
        float(abs(mp.mpf(float(K[i, j])) - true[i][j]) / mp.sqrt(true[i][i] * true[j][j]))
        for K, true in zip(found, on_a_line(formula, tuple(map(float, points))), strict=True)
        for i, j in np.ndindex(K.shape)
    )


@cache
def on_a_line(formula: str, points: tuple[float, ...]) -> tuple[list, list]:
    """Both kernels, by the trapezoid rule: for what is analytic times a Gaussian it is exact to e**-(π/step)²/128."""
    step = mp.mpf(1) / 64
    nodes = [step * k for k in range(-13 * 64, 13 * 64 + 1)]
    weights = [step * mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi) for z in nodes]

    def means(f: Callable) -> list:
        values = [[f(mp.mpf(x) * z) for z in nodes] for x in points]
        return [[mp.fsum(w * a * b for w, a, b in zip(weights, u, v, strict=True)) for u in values] for v in values]

    nngp, dot = map(means, CANCELLING[formula])
    at = list(enumerate(points))
    return nngp, [[nngp[i][j] + mp.mpf(a) * mp.mpf(b) * dot[i][j] for j, b in at] for i, a in at]


GATES = ("hard_tanh", "relu", "relu")


def gated_error(backend: str, dtype: str) -> float:
    """The largest error of Θ of a closed form before kinks, which feel the root of what 1 - ρ' is off by, at points
    that are 1e-3 to 1e-2 apart.
    """
    layers = [layer for name in GATES for layer in (Activation(name), Dense("1.5", "0.1"))]
    kernel = kernelc.compile(
        Network([Dense("1.5", "0.1"), *layers], name="gated"), backend, dtype=dtype, collapse=False
    )
    return max(
        float(relative_error(kernel(pair.astype(dtype)), truth, np.sqrt(np.outer(*[truth.diagonal()] * 2))).max())
        for pair, truth in near_pairs()
    )


@cache
def near_pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of points in float32, and Θ of the network with gates, in 80 bits."""
    found = []
    for seed in (1, 2, 10):
        rng = np.random.default_rng(seed)
        x, n = rng.standard_normal((2, 4))
        pair = np.array([x, x + 10 ** rng.uniform(-3, -1.5) * n]).astype(np.float32).astype(float)
        found.append((pair, network(pair, [ACTIVATIONS[name] for name in GATES], "1.5", "0.1", (3,))[3][1]))
    return found
