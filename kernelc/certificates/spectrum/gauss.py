"""Gauss–Legendre quadrature with a proved error."""

from __future__ import annotations

from functools import lru_cache

from flint import arb, ctx

Rule = tuple[tuple[arb, arb], ...]


def rule(n: int) -> Rule:
    """The n nodes in (−1, 1) and their weights, at the present precision."""
    return _rule(n, ctx.prec)


@lru_cache(maxsize=32)
def _rule(n: int, _prec: int) -> Rule:
    return tuple(arb.legendre_p_root(n, k, weight=True) for k in range(n))


def error(n: int, r: arb, most: arb) -> arb:
    """A bound for the error on [−1, 1] where |f| ≤ ``most`` on the closed ellipse with foci ±1 and half-axes (r ±
    1/r)/2.

    The rule is exact up to degree 2n − 1 and its weights are positive with sum 2, as the integral of 1 is; so the
    error is at most four times that of the best approximation of this degree, 2·most·r^{1−2n}/(r − 1) (Trefethen
    2013, Approximation theory and approximation practice, Theorem 8.2).
    """
    bound: arb = 8 * most * r ** (1 - 2 * n) / (r - 1)
    return bound


def points(r: arb, most: arb, bits: int, start: int = 8) -> int:
    """How many nodes make the error less than 2^−bits; a multiple of 8."""
    n = start
    while not error(n, r, most) < arb(2) ** -bits:
        n += 8
    return n
