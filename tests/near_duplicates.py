"""Θ of |x|**0.7 between a point and what is almost a multiple of it: it feels every digit of the angle."""

import mpmath
import numpy as np

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
    """E[φ(u)φ(v)] + E[uv] E[φ'(u)φ'(v)]: moments of products of powers of Gaussians by ₂F₁ of ρ²."""
    x, y = ([mp.mpf(float(v)) for v in row] for row in (x, y))
    d, a, b = len(x), mp.norm(x), mp.norm(y)
    rho = mp.fdot(x, y) / (a * b)
    half, beta = mp.mpf(1) / 2, ALPHA - 1
    even = mp.hyp2f1(-ALPHA / 2, -ALPHA / 2, half, rho**2) * 2**ALPHA * mp.gamma((ALPHA + 1) / 2) ** 2 / mp.pi
    odd = mp.hyp2f1((1 - beta) / 2, (1 - beta) / 2, 3 * half, rho**2) * 2 ** (beta + 1) * mp.gamma(beta / 2 + 1) ** 2
    return (a * b / d) ** ALPHA * (even + ALPHA**2 * rho * rho * odd / mp.pi)


def worst(backend: str) -> float:
    """The largest error, relative to the kernel."""
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
