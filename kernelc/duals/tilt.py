"""Completing the square: under the factor e^{a1 u² + a2 v²} the pair (u, v) is Gaussian still, with another covariance.

In units of s1 and s2 that covariance is T = [[n1, ρ], [ρ, n2]] / d, with det T = κ²/d, and the factor itself has the
mean 1/√d. All are positive sums where a1, a2 ≤ 0, so nothing cancels, and all are 1 where a1 = a2 = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Integer

from kernelc.symbols import kappa, s1, s2


@dataclass(frozen=True)
class Tilt:
    """The numbers d, n1 and n2 of a pair of tilts."""

    d: Expr
    n1: Expr
    n2: Expr


def tilt(a1: Expr, a2: Expr) -> Tilt:
    """The tilted covariance for e^{a1 u² + a2 v²}; it exists where d > 0, for every κ."""
    t1, t2 = 2 * a1 * s1**2, 2 * a2 * s2**2
    return Tilt(1 - t1 - t2 + t1 * t2 * kappa**2, Integer(1) - t2 * kappa**2, Integer(1) - t1 * kappa**2)
