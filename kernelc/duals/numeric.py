"""Values of a dual in float64: from its formula, or by quadrature pair by pair where it has none.

It shares nothing with the tables (:mod:`kernelc.tables`) but the activation itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Lambda

from kernelc.duals.numpy_code import Numeric, numeric
from kernelc.runtime.polar import Polar
from kernelc.symbols import x

NODES = 24


@lru_cache(maxsize=64)
def polar(phi: Expr) -> Polar:
    """Quadrature for φ and φ'."""
    return of_numeric(numeric(phi))


def of_numeric(phi: Numeric, nodes: int = NODES) -> Polar:
    """Quadrature for an activation in numbers."""
    return Polar(phi.value, phi.slope if phi.has_ntk else None, phi.kinks, nodes, phi.steep)


def moments(phi: Expr, q1: float, q2: float, gap: Any, side: Any, with_ntk: bool = True) -> tuple[Any, Any, Any, Any]:
    """E[φ(u)²], E[φ(v)²], E[φ(u)φ(v)], E[φ'(u)φ'(v)] at correlations side·(1 − 2·gap), an array of them; float64."""
    at = polar(phi)
    shape = np.broadcast_shapes(np.shape(gap), np.shape(side))
    gap, side = (np.broadcast_to(v, shape).astype(float).ravel() for v in (gap, side))
    s1, s2 = np.full(gap.shape, np.sqrt(q1)), np.full(gap.shape, np.sqrt(q2))
    own, other = (float(at.moment(s[:1])[0]) for s in (s1, s2))
    near, far = at.angle(gap, side, s1, s2)
    nngp = np.sqrt(own * other) * np.where(near < far, 1 - 2 * near, 2 * far - 1)
    ntk = None
    if with_ntk and at.slope is not None:
        size = np.sqrt(at.slope_moment(s1) * at.slope_moment(s2))
        ntk = (size * at.dot(gap, side, s1, s2)).reshape(shape)
    return own, other, nngp.reshape(shape), ntk


def mean(f: Lambda, q1: float, q2: float, c: float) -> float:
    """E[f(u)f(v)] for (u, v) ~ N(0, [[q1, c], [c, q2]])."""
    rho = min(max(c / (q1 * q2) ** 0.5, -1.0), 1.0)
    return float(moments(f(x), q1, q2, np.array([0.5 * (1 - abs(rho))]), 1.0 if rho >= 0 else -1.0, False)[2][0])


def values(dual: Any, q1: float, q2: float, rho: Any) -> tuple[Any, Any]:
    """(nngp, ntk) of a Dual of the special or series tier at an array of correlations; ntk is None where φ jumps."""
    rho = np.asarray(rho, dtype=float)
    found = moments(dual.phi, q1, q2, 0.5 * (1 - np.abs(rho)), np.where(rho < 0, -1.0, 1.0), not dual.ntk_reason)
    return found[2], found[3]


def mp_moments(phi: Expr, q1: Any, q2: Any, c: Any, with_ntk: bool) -> tuple[Any, Any, Any, Any]:
    """The same four moments as mpmath numbers, from mpmath moments; good to float64."""
    rho = c / mpmath.sqrt(q1 * q2)
    gap, side = float((1 - abs(rho)) / 2), 1.0 if rho >= 0 else -1.0
    found = moments(phi, float(q1), float(q2), np.array([max(gap, 0.0)]), side, with_ntk)
    cross, dot = (mpmath.mpf(0 if v is None else float(v[0])) for v in found[2:])
    return mpmath.mpf(found[0]), mpmath.mpf(found[1]), cross, dot
