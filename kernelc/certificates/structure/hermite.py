"""Which Hermite coefficients of a polynomial vanish, at a given variance."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial

from sympy import Expr, Rational

from kernelc.certificates.structure.signs import sign_of
from kernelc.certificates.structure.variance import Variance, value_sign


def hermite_degrees(
    coefficients: Sequence[tuple[int, Expr]], q: Variance | None
) -> tuple[frozenset[int], frozenset[int]]:
    """The k for which E[p(√q z) He_k(z)] ≠ 0 for sure, and those for which that may be.

    ``coefficients`` are the pairs (n, c_n ≠ 0) of a polynomial p. By xⁿ = Σ_j n!/(2^j j! (n−2j)!) He_{n−2j}(x) it is
    k!·q^{k/2} Σ_j c_{k+2j} (k+2j)!/(2^j j! k!) q^j, so that the highest coefficient is never zero, and none whose
    terms have one sign, whatever q is.
    """
    sure, possible = set(), set()
    for k in range(max((n for n, _ in coefficients), default=-1) + 1):
        terms = [(n, c) for n, c in coefficients if n >= k and (n - k) % 2 == 0]
        if not terms:
            continue
        sign = _sign(k, terms, q)
        if sign != 0:
            possible.add(k)
        if sign:
            sure.add(k)
    return frozenset(sure), frozenset(possible)


def _sign(k: int, terms: Sequence[tuple[int, Expr]], q: Variance | None) -> int | None:
    signs = {sign_of(c) for _, c in terms}
    if len(signs) == 1:
        return signs.pop()
    if q is None:
        return None
    weights = [
        ((n - k) // 2, c * Rational(factorial(n), 2 ** ((n - k) // 2) * factorial((n - k) // 2))) for n, c in terms
    ]
    return value_sign(weights, q)
