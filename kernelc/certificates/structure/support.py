"""The support algebra: which Taylor coefficients of a power series with coefficients ≥ 0 are positive.

On the sphere |x|² = d every covariance and tangent kernel is K(ρ) = Σ b_k ρ^k with b_k ≥ 0. Its support {k : b_k > 0}
is kept for even and odd k apart, as a finite set of degrees or as INF, infinitely many. What networks do to kernels
acts on supports exactly, because nonnegative coefficients never cancel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Literal

INF: Literal["inf"] = "inf"

Degrees = frozenset[int] | Literal["inf"]

NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Support:
    """The even and the odd degrees of the positive coefficients, each a finite set or INF.

    ``|`` is the support of a sum, ``*`` of a product, ``f @ g`` of the composition f(g(ρ)), and ``derivative()`` of the
    derivative. All of them are monotone: larger supports give larger ones.
    """

    even: Degrees = NONE
    odd: Degrees = NONE

    def __or__(self, other: Support) -> Support:
        return Support(_union(self.even, other.even), _union(self.odd, other.odd))

    def __mul__(self, other: Support) -> Support:
        even = _union(_sumset(self.even, other.even), _sumset(self.odd, other.odd))
        return Support(even, _union(_sumset(self.even, other.odd), _sumset(self.odd, other.even)))

    def __matmul__(self, inner: Support) -> Support:
        """f(g(ρ)) = Σ f_k g(ρ)^k: the union of the supports of g^k over the k with f_k > 0.

        Infinitely many k of parity p, and g has both parities: g^k has degrees of both that grow with k. g is odd: g^k
        has the parity of k. g is even: so is g^k; its degrees grow unless g is a constant.
        """
        total = _powers([k for part in (self.even, self.odd) if part != INF for k in part], inner)
        for part, parity in ((self.even, 0), (self.odd, 1)):
            if part == INF:
                total |= _infinitely_many(parity, inner)
        return total

    def derivative(self) -> Support:
        """The support of the derivative: degrees fall by one."""
        return Support(_shift(self.odd), _shift(self.even))

    @property
    def empty(self) -> bool:
        """Whether the series is zero."""
        return not self.even and not self.odd

    @property
    def top(self) -> int:
        """The highest degree of the finite parts, −1 if there is none."""
        return max((max(part) for part in (self.even, self.odd) if part and part != INF), default=-1)


ZERO = Support()
ONE = Support(frozenset({0}))
LINE = Support(NONE, frozenset({1}))
ALL = Support(INF, INF)


def of_degrees(degrees: frozenset[int]) -> Support:
    """The support with these degrees."""
    return Support(frozenset(k for k in degrees if k % 2 == 0), frozenset(k for k in degrees if k % 2))


def _union(one: Degrees, two: Degrees) -> Degrees:
    return INF if one == INF or two == INF else one | two


def _sumset(one: Degrees, two: Degrees) -> Degrees:
    if not one or not two:
        return NONE
    if one == INF or two == INF:
        return INF
    mask = sum(1 << k for k in two)
    bits = reduce(lambda total, k: total | mask << k, one, 0)
    return frozenset(k for k in range(bits.bit_length()) if bits >> k & 1)


def _shift(part: Degrees) -> Degrees:
    return INF if part == INF else frozenset(k - 1 for k in part if k)


def _powers(exponents: list[int], inner: Support) -> Support:
    """The union of the supports of g^k."""
    total, power, at = ZERO, ONE, 0
    for k in sorted(exponents):
        while at < k:
            power, at = power * inner, at + 1
        total |= power
    return total


def _infinitely_many(parity: int, inner: Support) -> Support:
    """The union of the supports of g^k over infinitely many k of one parity; a finite g is not taken to any power."""
    if inner.empty:
        return ZERO
    if inner.even and inner.odd:
        return ALL
    if inner.odd:
        return Support(NONE, INF) if parity else Support(INF, NONE)
    return ONE if inner.even == frozenset({0}) else Support(INF, NONE)
