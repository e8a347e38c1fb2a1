"""Proved growth: an exponent g with |φ(x)| ≤ C·|x|^g for all large |x|, read off the formula.

Each rule is an inequality that holds for all x beyond some point on one side of the line. The exponent need not be the
best one. Formulas that grow like exponentials have none, and where no rule applies none is claimed.
"""

from __future__ import annotations

from sympy import (
    Abs,
    Add,
    Expr,
    Heaviside,
    Integer,
    Max,
    Min,
    Mul,
    Piecewise,
    Poly,
    PolynomialError,
    Rational,
    atan,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    sign,
    sin,
    sinh,
    tanh,
)
from sympy.core.relational import Ge, Gt, Le, Lt, Relational

from kernelc.certificates.structure.signs import sign_of
from kernelc.symbols import x

SUP: dict[type, Expr] = {
    **dict.fromkeys((sin, cos, tanh, erf, sign, Heaviside), Integer(1)),
    **dict.fromkeys((erfc, atan), Integer(2)),
}
"""Bounds of the absolute values of bounded functions."""

ZERO = Integer(0)


def power_bound(phi: Expr) -> Rational | None:
    """g ≥ 0 with φ(x) = O(|x|^g) as x → ±∞, proved; None where no rule proves one.

    >>> from sympy import sqrt
    >>> power_bound(x**2 * tanh(x) + sqrt(1 + x**2)), power_bound(exp(x))
    (2, None)
    """
    bounds = [_bound(phi, side) for side in (1, -1)]
    return _largest(bounds)


def _bound(e: Expr, side: int) -> Rational | None:
    """g with e(x) = O(|x|^g) as side·x → ∞."""
    if not e.has(x):
        return ZERO if sign_of(e) is not None else None
    if e == x:
        return Integer(1)
    if type(e) in SUP:
        return ZERO
    if isinstance(e, Add | Max | Min):
        return _largest([_bound(arg, side) for arg in e.args])
    if isinstance(e, Mul):
        return _total([_bound(arg, side) for arg in e.args])
    if isinstance(e, Abs):
        return _bound(e.args[0], side)
    if isinstance(e, Piecewise):
        return _largest([_bound(branch, side) for branch in _eventual(e, side)])
    if isinstance(e, exp):
        return ZERO if _bounded_above(e.args[0], side) else None
    if isinstance(e, sinh | cosh):
        return ZERO if _bound(e.args[0], side) == 0 else None
    if isinstance(e, log):
        return _log_bound(e.args[0], side) if _away_from_zero(e.args[0], side) else None
    if e.is_Pow and e.exp.is_Rational:
        if e.exp < 0:
            return ZERO if _away_from_zero(e.base, side) else None
        inner = _bound(e.base, side)
        return None if inner is None else inner * e.exp
    return None


def _largest(bounds: list[Rational | None]) -> Rational | None:
    return None if None in bounds else max((b for b in bounds if b is not None), default=None)


def _total(values: list[Expr | None]) -> Expr | None:
    return None if None in values else sum((v for v in values if v is not None), ZERO)


def _log_bound(e: Expr, side: int) -> Rational | None:
    """The growth of log|e|, where |e| ≥ c > 0: log Σ|eᵢ| ≤ log n + max log|eᵢ|, and log|x|^g = O(|x|)."""
    if isinstance(e, exp):
        return _bound(e.args[0], side)
    if isinstance(e, Add | Mul):
        return _largest([_log_bound(arg, side) for arg in e.args])
    if not e.has(x):
        return ZERO
    return None if _bound(e, side) is None else Integer(1)


def _polynomial(e: Expr) -> Poly | None:
    try:
        poly = Poly(e, x)
    except PolynomialError:
        return None
    return None if poly.is_zero or poly.free_symbols_in_domain or sign_of(poly.LC()) in (0, None) else poly


def _eventual_sign(e: Expr, side: int) -> int | None:
    """The sign of a polynomial as side·x → ∞."""
    poly = _polynomial(e)
    if poly is None:
        return None
    lead = sign_of(poly.LC())
    return None if lead is None else lead * side ** poly.degree()


def _eventual(e: Piecewise, side: int) -> list[Expr]:
    """The branches that may hold as side·x → ∞."""
    found = []
    for branch, condition in e.args:
        holds = _eventually(condition, side)
        if holds is not False:
            found.append(branch)
        if holds is True:
            break
    return found


def _eventually(condition: Expr, side: int) -> bool | None:
    if condition == True or condition == False:  # noqa: E712
        return bool(condition)
    if isinstance(condition, Relational):
        end = _eventual_sign(condition.lhs - condition.rhs, side)
        if end and isinstance(condition, Gt | Ge):
            return end > 0
        if end and isinstance(condition, Lt | Le):
            return end < 0
    return None


def _bounded_above(e: Expr, side: int) -> bool:
    """Whether e ≤ C as side·x → ∞ is proved."""
    poly = _polynomial(e)
    if poly is not None:
        return poly.degree() <= 0 or _eventual_sign(e, side) == -1
    if e.is_nonpositive or _bound(e, side) == 0:
        return True
    if isinstance(e, Add | Max):
        return all(_bounded_above(arg, side) for arg in e.args)
    if isinstance(e, Min):
        return any(_bounded_above(arg, side) for arg in e.args)
    number, rest = e.as_coeff_Mul()
    return bool(number != 1 and number > 0 and _bounded_above(rest, side))


def _away_from_zero(e: Expr, side: int) -> bool:
    """Whether |e| ≥ c > 0 as side·x → ∞ is proved."""
    if not e.has(x):
        return sign_of(e) in (1, -1)
    if _polynomial(e) is not None or isinstance(e, cosh):
        return True
    if isinstance(e, exp):
        return _bounded_above(-e.args[0], side)
    if isinstance(e, Abs):
        return _away_from_zero(e.args[0], side)
    if isinstance(e, Mul):
        return all(_away_from_zero(arg, side) for arg in e.args)
    if isinstance(e, Max):
        return any(arg.is_nonnegative and _away_from_zero(arg, side) for arg in e.args)
    if e.is_Pow and e.exp.is_Rational:
        return _away_from_zero(e.base, side) if e.exp > 0 else _bound(e.base, side) == 0
    if isinstance(e, Add):
        nonnegative = all(arg.is_nonnegative for arg in e.args)
        return (nonnegative and any(_away_from_zero(arg, side) for arg in e.args)) or _outweighed(e)
    return False


def _outweighed(e: Add) -> bool:
    """A number plus bounded terms that are smaller together."""
    number, rest = e.as_independent(x)
    most = _total([_sup(term) for term in Add.make_args(rest)])
    return most is not None and sign_of(abs(number) - most) == 1


def _sup(e: Expr) -> Expr | None:
    """A bound of |e| on the whole line."""
    number, rest = e.as_independent(x, as_Add=False)
    return abs(number) * SUP[type(rest)] if type(rest) in SUP else None
