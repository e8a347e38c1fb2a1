"""How large a formula is at a point, however large: mpmath numbers, whose exponents know no bounds.

Growth is read off far out, where float64 has long overflowed and where sums cancel. Both are told, never guessed: what
a sum loses to rounding is replaced by a bound, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import sympy as sp
from sympy import Expr, Symbol
from sympy.core.relational import Relational

HUGE_BITS = 2_000  # an argument of exp, or of sin, beyond 2 to this power counts as infinite
FAR = mpmath.mpf(10) ** 15  # an argument of sin beyond which only the extremes of a wave count


class Magnitude:
    """The value of formulas at one point, in mpmath's working precision.

    ``waves``: what stands in for a sin or cos of an argument beyond 10¹⁵. ``floored`` counts the sums that vanished by
    rounding, for which a bound on what was lost stands in, and ``doubtful`` says that a quotient or a logarithm was
    taken of one.
    ``unreal`` is the node that is not a real number there, if there is one.
    """

    def __init__(self, values: Mapping[Symbol, Any], waves: Mapping[Expr, float] | None = None) -> None:
        self.known: dict[Expr, Any] = dict(values)
        self.waves, self.floored, self.doubtful = waves or {}, 0, False
        self.unreal: Expr | None = None

    def value(self, e: Expr) -> Any:
        """The value of ``e``: a real number, ±inf beyond all bounds, or nan where it is not real."""
        if e not in self.known:
            self.known[e] = self._visit(e)
        return self.known[e]

    def _visit(self, e: Expr) -> Any:
        if e.is_Rational:
            return mpmath.mpf(e.p) / e.q
        if e.is_number:
            return self._number(e)
        if isinstance(e, sp.Piecewise):
            return next((self.value(arm) for arm, condition in e.args if self.holds(condition)), mpmath.nan)
        before = self.floored
        args = [self.value(arg) for arg in e.args]
        if any(mpmath.isnan(arg) for arg in args):
            return mpmath.nan
        if e.is_Add:
            return self._sum(args)
        if e.is_Mul:
            return mpmath.fprod(args)
        self.doubtful |= self.floored > before and (isinstance(e, sp.log) or (e.is_Pow and not _is_power_up(e)))
        if e.is_Pow:
            return self._power(e, *args)
        if isinstance(e, sp.sin | sp.cos):
            return self._oscillation(e, args[0])
        if isinstance(e, sp.log):
            return self._log(e, args[0])
        return FUNCTIONS[type(e)](*args)

    def holds(self, condition: Any) -> bool:
        """Whether a condition is true at the point."""
        if isinstance(condition, Relational):
            return bool(_RELATIONS[type(condition)](self.value(condition.lhs), self.value(condition.rhs)))
        if isinstance(condition, sp.And | sp.Or):
            return (all if isinstance(condition, sp.And) else any)(self.holds(arg) for arg in condition.args)
        return not self.holds(condition.args[0]) if isinstance(condition, sp.Not) else bool(condition)

    def _number(self, e: Expr) -> Any:
        value = e.evalf(mpmath.mp.dps + 5)
        if value.is_extended_real:
            return mpmath.mpf(value)
        self.unreal = e
        return mpmath.nan

    def _sum(self, terms: list[Any]) -> Any:
        total, largest = sum(terms), max(map(abs, terms))
        if mpmath.isnan(total) or mpmath.isinf(largest) or abs(total) > mpmath.ldexp(largest, 8 - mpmath.mp.prec):
            return total
        self.floored += 1
        return mpmath.ldexp(largest, -mpmath.mp.prec)

    def _power(self, e: Expr, base: Any, exponent: Any) -> Any:
        if base < 0 and not mpmath.isint(exponent):
            self.unreal = e
            return mpmath.nan
        return _power(base, exponent)

    def _log(self, e: Expr, value: Any) -> Any:
        if value < 0:
            self.unreal = e
            return mpmath.nan
        if value == 1:  # log(1 + what rounding lost)
            self.floored += 1
            return mpmath.ldexp(1, -mpmath.mp.prec)
        return mpmath.log(value) if value else -mpmath.inf

    def _oscillation(self, e: Expr, value: Any) -> Any:
        if e in self.waves and abs(value) > FAR:
            return mpmath.mpf(self.waves[e])
        if _is_huge(value):
            return mpmath.mpf(1)
        return mpmath.sin(value) if isinstance(e, sp.sin) else mpmath.cos(value)


def _is_power_up(e: Expr) -> bool:
    return bool(e.exp.is_number and e.exp.is_nonnegative)


def _is_huge(value: Any) -> bool:
    return bool(mpmath.isinf(value) or mpmath.mag(value) > HUGE_BITS)


def _power(base: Any, exponent: Any) -> Any:
    if base == 0 and exponent < 0:
        return mpmath.inf
    if mpmath.isint(exponent):
        return base ** int(exponent) if abs(exponent) <= 1000 or base <= 0 else _exp(exponent * mpmath.log(base))
    return _exp(exponent * mpmath.log(base)) if base else mpmath.mpf(0)


def _exp(value: Any) -> Any:
    if _is_huge(value):
        return mpmath.inf if value > 0 else mpmath.mpf(0)
    return mpmath.exp(value)


def _cosh(value: Any) -> Any:
    return mpmath.inf if _is_huge(value) else mpmath.cosh(value)


def _sinh(value: Any) -> Any:
    return mpmath.sign(value) * mpmath.inf if _is_huge(value) else mpmath.sinh(value)


def _tanh(value: Any) -> Any:
    return mpmath.sign(value) if abs(value) > FAR else mpmath.tanh(value)


def _erf(value: Any) -> Any:
    return mpmath.sign(value) if abs(value) > FAR else mpmath.erf(value)


def _atan(value: Any) -> Any:
    return mpmath.sign(value) * mpmath.pi / 2 if _is_huge(value) else mpmath.atan(value)


def _erfc(value: Any) -> Any:
    if value < -FAR:
        return mpmath.mpf(2)
    return _exp(-(value**2)) if value > 1000 else mpmath.erfc(value)


def _step(value: Any, at_zero: Any = 0) -> Any:
    return mpmath.mpf(value > 0) if value else mpmath.mpf(at_zero)


FUNCTIONS: dict[type, Callable[..., Any]] = {
    sp.exp: _exp, sp.cosh: _cosh, sp.sinh: _sinh, sp.erfc: _erfc, sp.erf: _erf, sp.tanh: _tanh,
    sp.atan: _atan, sp.Abs: abs, sp.sign: mpmath.sign, sp.Heaviside: _step, sp.Max: max, sp.Min: min,
}  # fmt: skip

_RELATIONS: dict[type, Callable[[Any, Any], Any]] = {
    sp.StrictGreaterThan: lambda a, b: a > b,
    sp.GreaterThan: lambda a, b: a >= b,
    sp.StrictLessThan: lambda a, b: a < b,
    sp.LessThan: lambda a, b: a <= b,
    sp.Equality: lambda a, b: a == b,
    sp.Unequality: lambda a, b: a != b,
}
