"""Gaussian integrals of an activation whose kinks, if any, are at the origin: on the line and in the plane.

In the plane (u, v) = (s1 R cos α, s2 R cos(α − θ)) with density R e^{−R²/2}/2π. The circle is cut where u = 0 or v = 0
into two pairs of arcs: one of length π − θ, where u and v have the same sign, and one of length θ. On either, nodes
crowd at both ends, where an activation of large variance has its step; the two factors are mirror images of each
other, so that one evaluation serves both. All pairs of scales share the nodes: a matrix product does the integrals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kernelc.tables.chebyshev import Array

Halves = Callable[[Array], tuple[Array, Array]]
"""A function of the line: its odd and its even part at x > 0."""

BLOCK = 1 << 16  # values of an activation at a time
PLANE, LINE, HIGH = -2.95, -3.6, 2.25  # ends of y: R² in the plane, R on the line, and e^{−R²/2} are below 1e-17


@dataclass(frozen=True)
class Sampled:
    """An activation in numbers: φ and φ' by their odd and even parts on x > 0 (φ_odd' is even, φ_even' odd)."""

    value: Halves
    slope: Halves  # of φ': first the odd part, which is the derivative of φ_even
    at_zero: float
    slope_at_zero: float


def radial(n: int, low: float = PLANE) -> tuple[Array, Array]:
    """Nodes and weights of ∫ H(R) R e^{−R²/2} dR over R > 0: the trapezoidal rule in y, R = exp(y − e^{−y})."""
    y = np.linspace(low, HIGH, n)
    r = np.exp(y - np.exp(-y))
    return r, (HIGH - low) / (n - 1) * r * (1 + np.exp(-y)) * r * np.exp(-r * r / 2)


def half_line(n: int) -> tuple[Array, Array]:
    """Nodes and weights of E[f(|z|)], z ~ N(0, 1)."""
    z, w = radial(n, LINE)
    return z, w / z * np.sqrt(2 / np.pi)


@lru_cache(maxsize=32)
def legendre(n: int) -> tuple[Array, Array]:
    """Gauss–Legendre nodes and weights on (-1, 1)."""
    return np.polynomial.legendre.leggauss(n)


def arc(length: float, n: int) -> tuple[Array, Array]:
    """Sines of the distance from one end of an arc (from the other end: the same, reversed), and weights over π."""
    y, w = legendre(n)
    return np.sin(length * np.sin(np.pi * (1 - y) / 4) ** 2), w * length / 4 * np.cos(np.pi * y / 2)


def plane(f: Halves, s: Array, theta: float, nr: int, na: int) -> tuple[Array, Array]:
    """E[f_P(u) f_P(v)] of the odd and of the even part, shape (n, n): all pairs of the scales ``s`` at one angle."""
    r, wr = radial(nr)
    odd, even = np.zeros((2, len(s), len(s)))
    for length, sign in ((np.pi - theta, 1.0), (theta, -1.0)):
        if length > 0:
            a, wa = arc(length, na)
            one, two = sampled(f, s, (r[:, None] * a).ravel())
            weights = (wr[:, None] * wa).ravel()
            odd += sign * _products(one, weights, na)
            even += _products(two, weights, na)
    return odd, even


def sampled(f: Halves, s: Array, points: Array) -> tuple[Array, Array]:
    """f at every scale times every point, a few scales at a time: what fits into the cache is not paged."""
    odd, even = np.empty((2, len(s), len(points)))
    step = max(1, BLOCK // len(points))
    for i in range(0, len(s), step):
        rows = slice(i, i + step)
        odd[rows], even[rows] = f(s[rows, None] * points)
    return odd, even


def _products(values: Array, weights: Array, na: int) -> Array:
    """Σ w f(u) f(v), v the mirror image of u along the arc."""
    if not values.any():
        return np.zeros((len(values), len(values)))
    mirrored = values.reshape(len(values), -1, na)[:, :, ::-1].reshape(len(values), -1)
    product = (values * weights) @ mirrored.T
    return 0.5 * (product + product.T)
