"""Which Taylor coefficients of a kernel on the sphere are exactly zero, up to some degree.

A degree that is left out here is zero by proof; one that is in may be zero too. Degrees are the bits of an integer.
Sums, products and compositions of series with coefficients ≥ 0 act on them as on sets, because nothing cancels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import Any

from sympy import Expr, Integer, Rational, Symbol, factorial2, sqrt

from kernelc.certificates.spectrum.sphere import State, walk
from kernelc.certificates.structure.polynomial import Parity, part
from kernelc.certificates.structure.support import INF, LINE, ONE, ZERO, Support
from kernelc.certificates.structure.support import Degrees as Degree
from kernelc.duals import Dual
from kernelc.duals.pieces import pieces
from kernelc.foreign import PythonFunction
from kernelc.steps import INPUT_WIDTH
from kernelc.symbolic import SymbolicKernel
from kernelc.symbols import q1, x


@dataclass(frozen=True)
class Degrees:
    """A set of degrees: the bits of ``bits`` below ``limit``, and all of them, coarser, as ``support``.

    ``+`` is that of a sum, ``*`` of a product, also with an exact constant.
    """

    bits: int
    limit: int
    support: Support

    def __add__(self, other: Any) -> Degrees:
        if not isinstance(other, Degrees):
            return self if other == 0 else self + Degrees(1, self.limit, ONE)
        return Degrees(self.bits | other.bits, self.limit, self.support | other.support)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Degrees:
        if not isinstance(other, Degrees):
            return self if other != 0 else Degrees(0, self.limit, ZERO)
        return Degrees(_sums(self.bits, other.bits, self.limit), self.limit, self.support * other.support)

    __rmul__ = __mul__

    def coefficient(self, k: int) -> bool:
        """Whether b_k, k < ``limit``, may be positive."""
        return bool(self.bits >> k & 1)

    def eigenvalue(self, k: int) -> bool:
        """Whether λ_k = Σ_m b_{k + 2m} A_m, A_m > 0, may be positive."""
        known = self.support.odd if k % 2 else self.support.even
        return known == INF or any(n >= k for n in known)

    def of(self, outer: Hermite) -> Degrees:
        """The degrees of F∘K, K being this: of all powers K^m, m in ``outer``."""
        return Degrees(self._powers(outer.bits), self.limit, outer.support @ self.support)

    def _powers(self, outer: int) -> int:
        total, power = 0, 1
        for m in range(outer.bit_length()):
            if outer >> m & 1:
                total |= power
            after = _sums(power, self.bits, self.limit)
            if after == power:  # and so on
                return total | power if outer >> (m + 1) else total
            power = after
        return total


def _sums(one: int, two: int, limit: int) -> int:
    """All sums of two degrees below ``limit``."""
    total, at = 0, 0
    while two:
        if two & 1:
            total |= one << at
        at, two = at + 1, two >> 1
    return total & ((1 << limit) - 1)


@dataclass(frozen=True)
class Hermite:
    """Where the Hermite coefficients of an activation may not vanish; infinitely many of a parity up to some limit."""

    bits: int
    support: Support

    def derivative(self) -> Hermite:
        """Of φ'."""
        return Hermite(self.bits >> 1, self.support.derivative())


def degrees(kernel: SymbolicKernel, d: int, get: str, limit: int) -> Degrees:
    """The degrees k < ``limit`` whose b_k may be positive; all others are exactly zero."""
    defaults = {Symbol(name, real=True): value for name, value in kernel.parameters} | {INPUT_WIDTH: Integer(d)}
    line = Degrees(2 & ((1 << limit) - 1), limit, LINE)
    start = Degrees(0, limit, ZERO) if get == "ntk" else None

    def activate(dual: Dual, state: State) -> State:
        outer = hermite_degrees(dual.phi.xreplace(defaults), state.q, limit + 3)
        value = state.nngp.of(outer)
        ntk = None if state.ntk is None else state.ntk * state.nngp.of(outer.derivative())
        return State(_second_moment(dual, state.q, defaults), value, ntk)

    def number(value: Expr) -> Expr:
        return value.xreplace(defaults)

    end = walk(kernel.steps, State(_Exact(Integer(1)), line, start), number, activate)
    found = end.nngp if get == "nngp" else end.ntk
    assert isinstance(found, Degrees)
    return found


@dataclass(frozen=True)
class _Exact:
    """An exact number, or None for one that is not rational."""

    value: Expr | None

    def __add__(self, other: Any) -> _Exact:
        return self._join(other, lambda a, b: a + b)

    __radd__ = __add__

    def __mul__(self, other: Any) -> _Exact:
        return self._join(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def _join(self, other: Any, rule: Any) -> _Exact:
        more = other.value if isinstance(other, _Exact) else other
        return _exact(None if self.value is None or more is None else rule(self.value, more))


def _exact(value: Expr | None) -> _Exact:
    return _Exact(value if isinstance(value, Rational) else None)


def _second_moment(dual: Dual, q: _Exact, defaults: Mapping[Symbol, Expr]) -> _Exact:
    """E[φ(z)²] where it is rational, as for ReLU and polynomials."""
    if q.value is None or q.value == 0 or dual.tier != "exact":
        return _Exact(None)
    return _exact(dual.diag.xreplace({**defaults, q1: q.value}))


def hermite_degrees(phi: Expr, q: _Exact, limit: int) -> Hermite:
    """The k at which α_k(q) = E[φ(√q z) h_k(z)] may not be zero; if there are infinitely many, those below ``limit``.

    No k beyond adds to the degrees of F∘K below limit − 2: a sum of elements of K needs no more than that many, for
    those that are 0 can be left out, or added.
    """
    even, odd = (_parity_degrees(phi, parity, q.value, limit) for parity in (0, 1))
    return Hermite(even[0] | odd[0], Support(even[1], odd[1]))


@lru_cache(maxsize=512)
def _parity_degrees(phi: Expr, parity: Parity, q: Expr | None, limit: int) -> tuple[int, Degree]:
    """The bits, and the set, of the degrees of one parity."""
    found = part(phi, parity)
    if found.kind == "unknown" and phi.has(x) and not isinstance(phi, PythonFunction) and len(pieces(phi)) == 1:
        return _from_derivative(phi.diff(x), parity, q, limit)
    if found.kind != "polynomial":
        return sum(1 << k for k in range(parity, limit, 2)), INF
    powers = dict(found.coefficients)
    known = [k for k in range(parity, max(powers, default=-1) + 1, 2) if not _is_zero(powers, k, q)]
    return sum(1 << k for k in known), frozenset(known)


def _from_derivative(slope: Expr, parity: Parity, q: Expr | None, limit: int) -> tuple[int, Degree]:
    """√k·α_k of φ is √q·α_{k−1} of φ', where φ is smooth; α_0 may be anything."""
    other: Parity = 0 if parity else 1
    found = part(slope, other)
    if found.kind != "polynomial":
        return sum(1 << k for k in range(parity, limit, 2)), INF
    bits, known = _parity_degrees(slope, other, q, limit)
    assert known != INF
    return bits << 1 | (1 - parity), frozenset({k + 1 for k in known} | ({0} if parity == 0 else set()))


def _is_zero(powers: Mapping[int, Expr], k: int, q: Expr | None) -> bool:
    """Whether E[p⁽ᵏ⁾(√q z)] is proved to be 0 for a polynomial p; for k its degree it never is."""
    if q is None or k == max(powers):
        return False
    terms = [
        coefficient * (factorial(n) // factorial(n - k)) * factorial2(n - k - 1) * sqrt(q) ** (n - k)
        for n, coefficient in powers.items()
        if n >= k and (n - k) % 2 == 0
    ]
    value = sum(terms, Integer(0)).expand()
    return value == 0 or bool(value.is_zero)
