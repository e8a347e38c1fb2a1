"""Directed rounding: floats that are certainly not too small, or not too large.

u = 2^-53 is the unit roundoff of float64 with rounding to nearest: fl(a ∘ b) = (a ∘ b)(1 + δ), |δ| ≤ u, for +, −, ×, /
and √, but for underflow (Higham, Accuracy and Stability of Numerical Algorithms, 2002, § 2.2).
"""

from __future__ import annotations

import math

from flint import arb

U = 2.0**-53
TINY = 2.0**-1000  # above all that underflow can do to a result of fewer than 2^20 operations on numbers up to 2^50


def gamma(k: float) -> float:
    """γ_k = k·u/(1 − k·u), rounded up: the relative error of a product of k factors (1 + δ)^±1 (ibid., Lemma 3.1)."""
    if not k * U < 0.01:
        return math.inf
    return up(k * U / (1 - k * U), 4)


def up(value: float, steps: int = 1) -> float:
    """A float above the result of ``steps`` rounded operations on nonnegative numbers that gave ``value``."""
    return math.nextafter(value * (1 + 2 * steps * U) + 2.0**-1074, math.inf)


def above(ball: arb) -> float:
    """A float that is not below any number in the ball; inf where it is not finite."""
    if not ball.is_finite():
        return math.inf
    top = ball.upper()
    value = float(top)
    while math.isfinite(value) and not arb(value) >= top:
        value = math.nextafter(value, math.inf)
    return value


def below(ball: arb) -> float:
    """A float that is not above any number in the ball; -inf where it is not finite."""
    return -above(-ball)


def nearest(ball: arb) -> tuple[float, float]:
    """A float in the middle of the ball, and a bound for its distance to every number in it."""
    if not ball.is_finite():
        return math.nan, math.inf
    value = float(ball.mid())
    if not math.isfinite(value):
        return math.nan, math.inf
    return value, above(abs(ball - arb(value)))
