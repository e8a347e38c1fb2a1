"""Hermite expansions in float64, for activations that cannot be enclosed: two rules that share no node must agree.

Nothing here is proved.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from flint import arb
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from sympy import Expr

from kernelc.certificates.spectrum.expansion import Coefficients, Expansion
from kernelc.duals.numpy_code import Real, numeric

Array = NDArray[np.float64]

RULES = ((0.25, 24), (0.19, 17))  # the width of panels, and the nodes on each
ROUNDING = 1e-14


def approximate(phi: Expr, q: arb, terms: int, slope: bool) -> Expansion:
    """The expansions of an activation at E[u²] = E[v²] = q; the radii are the difference of two rules, and rounding."""
    s = math.sqrt(float(q))
    found = numeric(phi)
    one, two = (_expansion(found.value, found.slope, found.kinks, s, terms, slope, *rule) for rule in RULES)
    squares = _balls(one[0], two[0])
    nngp = Coefficients(tuple(squares[:terms]), _ball(one[1], two[1]))
    if not slope:
        return Expansion(nngp, None)
    slopes = tuple(k * f / q for k, f in enumerate(squares) if k)
    return Expansion(nngp, Coefficients(slopes, _ball(one[2], two[2])))


def _balls(one: Array, two: Array) -> list[arb]:
    size = float(one.sum())
    return [
        arb(a, abs(a - b) + ROUNDING * math.sqrt(a * size) + ROUNDING**2 * size) for a, b in zip(one, two, strict=True)
    ]


def _ball(a: float, b: float) -> arb:
    return arb(a, abs(a - b) + 10 * ROUNDING * abs(a))


def _expansion(
    value: Real, derivative: Real, kinks: tuple[float, ...], s: float, terms: int, slope: bool, width: float, n: int
) -> tuple[Array, float, float]:
    """α_k² for k ≤ terms, E[φ²] and E[φ'²]."""
    end = 2 * math.sqrt(terms) + 12
    cuts = [-end, *(kink / s for kink in kinks if abs(kink / s) < end), end]
    edges = np.concatenate([np.linspace(a, b, int((b - a) / width) + 2)[:-1] for a, b in pairwise(cuts)])
    edges = np.append(edges, end)
    x, w = leggauss(n)
    half = np.diff(edges) / 2
    z = ((edges[:-1] + half)[:, None] + half[:, None] * x).ravel()
    weight = (half[:, None] * w).ravel()
    root = np.exp(-z * z / 4) / (2 * math.pi) ** 0.25
    phi = value(s * z) * root * weight
    before, now = np.zeros_like(z), root
    squares = []
    for k in range(terms + 1):
        squares.append(float(phi @ now) ** 2)
        before, now = now, (z * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    density = root * root * weight
    steep = float(density @ derivative(s * z) ** 2) if slope else 0.0
    return np.array(squares), float(density @ value(s * z) ** 2), steep
