"""Chebyshev interpolation: nodes, the transform, and the two maps that a table uses.

A table has three coordinates: σ1 = log s1, σ2 = log s2 on an interval, and the angle θ in [0, π/2] through

    θ = δ·sinh(a·τ),  τ in [0, 1],  a = asinh(π/(2δ)),

which resolves what happens at angles of the size δ ~ 1/s: an activation of large variance is nearly a step there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def nodes(n: int) -> Array:
    """The zeros of the Chebyshev polynomial of degree n, in (-1, 1), descending."""
    return np.cos(np.pi * (np.arange(n) + 0.5) / n)


def transform(values: Array, axis: int) -> Array:
    """Values at the nodes along an axis → coefficients of the interpolating Chebyshev series."""
    n = values.shape[axis]
    matrix = 2 / n * np.cos(np.outer(np.arange(n), np.pi * (np.arange(n) + 0.5) / n))
    matrix[0] /= 2
    series: Array = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    return series


def basis(x: Array, n: int) -> Array:
    """T_0 ... T_{n-1} at points of [-1, 1], one row a point."""
    values: Array = np.cos(np.outer(np.arccos(np.clip(x, -1, 1)), np.arange(n)))
    return values


def length(coefficients: Array, axis: int, floor: float) -> int:
    """How many leading coefficients along an axis exceed ``floor`` times the largest, at least 1."""
    others = tuple(k for k in range(coefficients.ndim) if k != axis % coefficients.ndim)
    size = np.abs(coefficients).max(axis=others)
    return int(np.max(np.flatnonzero(size >= floor * size.max()), initial=0)) + 1


def angle(tau: Array, delta: float) -> Array:
    """θ(τ)."""
    theta: Array = delta * np.sinh(math.asinh(math.pi / 2 / delta) * tau)
    return theta


def angle_rate(tau: Array, delta: float) -> Array:
    """dθ/dτ."""
    a = math.asinh(math.pi / 2 / delta)
    return delta * a * np.cosh(a * tau)
