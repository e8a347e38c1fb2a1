"""What is known of a support: a set of degrees that it surely has, and a set that it surely stays inside of.

Where everything is decided the two are equal. All operations of the support algebra are monotone, so that they act on
both bounds apart: interval arithmetic for sets. INF as a lower bound says that infinitely many degrees of the parity
are there, as an upper bound that any of them may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kernelc.certificates.structure.support import ALL, INF, ONE, ZERO, Degrees, Support

MAX_DEGREE = 10_000
"""Finite supports with higher degrees are not followed."""


@dataclass(frozen=True)
class Enclosure:
    """``lower`` ⊂ support ⊂ ``upper``."""

    lower: Support
    upper: Support

    def __or__(self, other: Enclosure) -> Enclosure:
        return Enclosure(self.lower | other.lower, self.upper | other.upper)

    def __mul__(self, other: Enclosure) -> Enclosure:
        if self.upper.top + other.upper.top <= MAX_DEGREE:
            return Enclosure(self.lower * other.lower, self.upper * other.upper)
        half = MAX_DEGREE // 2
        return Enclosure(_below(self.lower, half) * _below(other.lower, half), _loose(self.upper) * _loose(other.upper))

    def __matmul__(self, inner: Enclosure) -> Enclosure:
        """The composition self(inner(ρ)), where ``inner`` is not zero."""
        if max(self.upper.top, 1) * max(inner.upper.top, 1) <= MAX_DEGREE:
            return Enclosure(self.lower @ inner.lower, self.upper @ inner.upper)
        lower = _below(self.lower, MAX_DEGREE // max(inner.lower.top, 1)) @ inner.lower
        return Enclosure(lower, _loose(self.upper) @ _loose(inner.upper))

    def derivative(self) -> Enclosure:
        """The bounds of the derivative."""
        return Enclosure(self.lower.derivative(), self.upper.derivative())

    @property
    def zero(self) -> bool:
        """Whether the series is known to be zero."""
        return self.upper.empty

    @property
    def positive(self) -> bool:
        """Whether it is known not to be zero."""
        return not self.lower.empty

    @property
    def even(self) -> Degrees | None:
        """The even degrees, None where they are not all decided."""
        return _decided(self.lower.even, self.upper.even)

    @property
    def odd(self) -> Degrees | None:
        """The odd degrees, None where they are not all decided."""
        return _decided(self.lower.odd, self.upper.odd)

    def highest(self, parity: Literal[0, 1]) -> int | Literal["inf"] | None:
        """The highest even (0) or odd (1) degree; −2 or −1 where there is none, None where it is not decided."""
        lower, upper = (self.lower.odd, self.upper.odd) if parity else (self.lower.even, self.upper.even)
        if lower == INF:
            return INF
        if upper == INF or max(lower, default=-1) != max(upper, default=-1):
            return None
        return max(upper, default=parity - 2)


NOTHING = Enclosure(ZERO, ZERO)
CONSTANT = Enclosure(ONE, ONE)
UNKNOWN = Enclosure(ZERO, ALL)


def exactly(support: Support) -> Enclosure:
    """Everything is known."""
    return Enclosure(support, support)


def possibly(known: Enclosure) -> Enclosure:
    """The same series, or zero."""
    return Enclosure(ZERO, known.upper)


def either(one: Enclosure, two: Enclosure) -> Enclosure:
    """One of two, it is not known which: degrees of both are sure, degrees of either possible."""
    lower = Support(_common(one.lower.even, two.lower.even), _common(one.lower.odd, two.lower.odd))
    return Enclosure(lower, one.upper | two.upper)


def _common(one: Degrees, two: Degrees) -> Degrees:
    if one == INF or two == INF:
        return INF if one == two else frozenset()  # infinitely many degrees need not hold these
    return one & two


def _decided(lower: Degrees, upper: Degrees) -> Degrees | None:
    return lower if lower == upper else None


def _below(lower: Support, most: int) -> Support:
    """A weaker lower bound, without the degrees of finite parts above ``most``."""
    return Support(*(part if part == INF else _low(part, most) for part in (lower.even, lower.odd)))


def _low(part: frozenset[int], most: int) -> frozenset[int]:
    return frozenset(k for k in part if k <= most)


def _loose(upper: Support) -> Support:
    """A weaker upper bound: any degree of the parities that are there."""
    return Support(*(INF if part else part for part in (upper.even, upper.odd)))
