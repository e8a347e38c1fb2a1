"""The value of a SymPy expression of the formula language in plain floats: cheap, bounded, and never a hang.

It serves the front end only: is this constant a finite real number, is this formula real where it is used?
"""

import math
import operator
from collections.abc import Callable, Mapping

import sympy as sp
from sympy import Expr


class NotRealError(ValueError):
    """The expression is not a real number there; ``args[0]`` is the part that is to blame."""


_FUNCTIONS: dict[type, Callable[..., float]] = {
    sp.exp: math.exp,
    sp.sin: math.sin,
    sp.cos: math.cos,
    sp.sinh: math.sinh,
    sp.cosh: math.cosh,
    sp.tanh: math.tanh,
    sp.atan: math.atan,
    sp.erf: math.erf,
    sp.erfc: math.erfc,
    sp.Abs: abs,
    sp.sign: lambda v: float((v > 0) - (v < 0)),
    sp.Heaviside: lambda v, at_zero=0.5: 1.0 if v > 0 else at_zero if v == 0 else 0.0,
    sp.Max: max,
    sp.Min: min,
    sp.StrictGreaterThan: operator.gt,
    sp.GreaterThan: operator.ge,
    sp.StrictLessThan: operator.lt,
    sp.LessThan: operator.le,
    sp.Equality: operator.eq,
    sp.Unequality: operator.ne,
}


def evaluate(expr: Expr, values: Mapping[Expr, float] | None = None) -> float:
    """The value of ``expr`` with its symbols replaced by ``values``.

    Raises :class:`NotRealError` where a logarithm or a power is complex, ``ArithmeticError`` where a float cannot hold
    the value, and ``KeyError`` for a symbol or a function that it does not know.
    """
    return _value(expr, values or {})


def _value(expr: Expr, values: Mapping[Expr, float]) -> float:
    if expr.is_Rational:
        return int(expr.p) / int(expr.q)
    if expr.is_Symbol:
        return values[expr]
    if expr is sp.pi or expr is sp.E:
        return math.pi if expr is sp.pi else math.e
    if expr in (sp.true, sp.false):
        return bool(expr)
    if isinstance(expr, sp.Piecewise):
        return next((_value(arm, values) for arm, condition in expr.args if _value(condition, values)), math.nan)
    if isinstance(expr, sp.And):
        return all(_value(arg, values) for arg in expr.args)
    if isinstance(expr, sp.Or):
        return any(_value(arg, values) for arg in expr.args)
    if isinstance(expr, sp.Not):
        return not _value(expr.args[0], values)
    args = [_value(arg, values) for arg in expr.args]
    if expr.is_Add:
        return _finite(math.fsum(args))
    if expr.is_Mul:
        return _finite(math.prod(args))
    if expr.is_Pow:
        base, exponent = args
        if base < 0 and not exponent.is_integer():
            raise NotRealError(expr)
        return _finite(base**exponent)
    if isinstance(expr, sp.log):
        if args[0] < 0:
            raise NotRealError(expr)
        return math.log(args[0]) if args[0] else _finite(-math.inf)
    return _finite(_FUNCTIONS[type(expr)](*args))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise OverflowError("beyond the range of a float")
    return value
