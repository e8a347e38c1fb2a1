"""Where a smooth function of x is zero: exactly where it is a polynomial or made of them, else to 40 digits.

The numeric search covers −1000 ≤ x ≤ 1000: signs on a grid (steps of 1/100 up to |x| = 40, then of 0.1 %), each change
of sign bracketed and bisected in multiple precision. The grid is dense beside 0, beside the ends of the interval asked
for, and beside the zeros and extrema of polynomials inside of the function, and holds the bottom of every dip towards
0: two zeros between the same two points are found that way. A zero that is a fraction is recognised. A zero at which
the sign does not change is not found, and a polynomial's is: it matters for branch points alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from sympy import (
    Add,
    Expr,
    Float,
    Function,
    Integer,
    Poly,
    PolynomialError,
    Pow,
    Rational,
    asinh,
    atan,
    cosh,
    erf,
    exp,
    factor_terms,
    lambdify,
    oo,
    real_roots,
    roots,
    sinh,
    tanh,
)  # fmt: skip

from kernelc.duals.refusal import refuse
from kernelc.errors import UnsupportedError
from kernelc.symbols import x

REACH = 1000
DIGITS = 40
MOST = 32
"""More changes of sign than this are taken for infinitely many."""

ODD = (erf, sinh, tanh, atan, asinh)
"""Functions that have the sign of their argument."""

NEAR = np.geomspace(1e-15, 0.01, 46)
"""How far from a point beside which the grid is dense its neighbours lie."""

MARGIN = 0.011
"""How far beyond the ends of an interval its zeros are looked for, so that those at the ends are found."""

_dense = np.arange(0.005, 40, 0.01)
_sparse = np.exp(np.arange(np.log(40.0), np.log(float(REACH)), 1e-3))
GRID = np.concatenate([-_sparse[::-1], -_dense[::-1], _dense, _sparse])


def zeros(f: Expr, lo: Expr = -oo, hi: Expr = oo) -> list[Expr]:
    """Where ``f`` may change its sign for lo ≤ x ≤ hi, in any order, each real number once; it may list more points."""
    if not f.has(x) or isinstance(f, exp | cosh):
        return []
    if f.is_Mul:
        return _distinct(root for factor in f.args for root in zeros(factor, lo, hi))
    if f.is_Pow and f.exp.is_number:
        return zeros(f.base, lo, hi)  # of a negative power as well: the sign may change at a pole
    if isinstance(f, ODD):
        return zeros(f.args[0], lo, hi)
    if f.free_symbols - {x}:
        return _parametric(f, lo, hi)
    try:
        poly = Poly(f, x)
    except PolynomialError:
        return _numeric(f, lo, hi)
    return _polynomial(poly, f, lo, hi)


def position(root: Expr) -> Any:
    """A zero as an mpmath number."""
    with mpmath.workdps(2 * DIGITS):
        return mpmath.mpf(root.p) / root.q if root.is_Rational else mpmath.mpf(root.evalf(DIGITS + 10))


def _distinct(candidates: Iterable[Expr]) -> list[Expr]:
    found: list[Expr] = []
    for root in candidates:
        if all(abs(position(root) - position(other)) > mpmath.mpf(10) ** (5 - DIGITS) for other in found):
            found.append(root)
    return found


def _parametric(f: Expr, lo: Expr, hi: Expr) -> list[Expr]:
    """A zero of a function that has parameters: only where none moves it."""
    factored = f.factor() if f.is_rational_function(x) else factor_terms(f)  # factor may take for ever on others
    front, rest = factored.as_independent(x, as_Add=False) if f.is_Add else (Integer(1), f)
    if front != 1 and not rest.free_symbols - {x}:
        return zeros(rest, lo, hi)
    raise symbolic(f)


def symbolic(f: Expr) -> UnsupportedError:
    """The refusal of a switch that depends on a parameter."""
    if f.xreplace({x: Integer(0)}) != 0:
        return refuse(f, "a symbolic kink position: where this changes sign depends on a parameter; write a number")
    advice = "write the slopes outside of the switch, as in max(0, x) + a*min(0, x)"
    return refuse(f, f"the sign of a parameter decides a branch; {advice}")


def _polynomial(poly: Poly, f: Expr, lo: Expr, hi: Expr) -> list[Expr]:
    if poly.degree() == 1:
        return [-poly.nth(0) / poly.nth(1)]
    if poly.degree() == 2:
        return [root for root in roots(poly) if root.is_real or (root.is_real is None and _is_real(root))]
    if poly.domain.is_ZZ or poly.domain.is_QQ:
        return _distinct(real_roots(poly))
    return _numeric(f, lo, hi)


def _is_real(root: Expr) -> bool:
    return abs(complex(root.evalf(20)).imag) < 1e-15


def _numeric(f: Expr, lo: Expr, hi: Expr) -> list[Expr]:
    terms = [lambdify(x, term, ["scipy", "numpy"]) for term in Add.make_args(f)]
    points = _grid(f, *(None if abs(end) is oo else float(position(end)) for end in (lo, hi)))
    points = np.union1d(points, _dips(terms, points))
    signs, function = _values(terms, points)[1], lambdify(x, f, "mpmath")
    known = signs != 0
    signs, points = signs[known], points[known]
    brackets = []
    with mpmath.workdps(2 * DIGITS):
        for i in np.flatnonzero(signs[1:] != signs[:-1]):
            for wider in (0, 1):  # float64 may be wrong about a sign beside a zero
                at = points[max(i - wider, 0)], points[min(i + 1 + wider, len(points) - 1)]
                low, high = (mpmath.mpf(float(point)) for point in at)
                below, above = _sign_at(function, low), _sign_at(function, high)
                if below != above:
                    brackets.append((low, high, below))
                    break
            if len(brackets) > MOST:
                how = f"it changes sign more than {MOST} times, so there are too many kinks, or infinitely many"
                raise refuse(f, how)
        return _distinct(_zero(function, *bracket) for bracket in brackets)


def _grid(f: Expr, low: float | None, high: float | None) -> Any:
    """Where to look at the signs of ``f`` between two ends, or everywhere."""
    inner = [arg for node in f.atoms(Function, Pow) for arg in node.args if arg.has(x) and arg.is_polynomial(x)]
    marks = [0.0, *(end for end in (low, high) if end is not None)]
    for poly in [Poly(arg, x) for arg in {*inner}][:8]:
        coefficients = [complex(value) for value in poly.all_coeffs()] if poly.degree() <= 8 else []
        roots_ = np.concatenate([np.roots(coefficients), np.roots(np.polyder(coefficients))])
        marks += [float(r.real) for r in roots_ if abs(r.imag) < 1e-6 * abs(r) and abs(r) < REACH]
    around = np.add.outer(marks, np.concatenate([-NEAR, [0.0], NEAR])).ravel()
    points = np.concatenate([GRID, around])
    if low is not None and high is not None:
        points = np.concatenate([points, np.linspace(low, high, 200)])
    inside = points >= (-np.inf if low is None else low - MARGIN)
    return np.unique(points[inside & (points <= (np.inf if high is None else high + MARGIN))])


def _values(terms: Sequence[Any], points: Any) -> tuple[Any, Any]:
    """The values of a sum of terms, and their signs −1, 0, 1: 0 where float64 cannot tell."""
    with np.errstate(all="ignore"):
        values = [np.broadcast_to(np.asarray(term(points), dtype=complex), points.shape) for term in terms]
        total, size = np.sum(values, axis=0), np.sum(np.abs(values), axis=0)
        clear = np.isfinite(size) & (np.abs(total) > 1e-11 * size)
        return total.real, np.where(clear, np.sign(total.real), 0)


def _dips(terms: Sequence[Any], points: Any) -> Any:
    """The bottoms of the dips towards 0, by golden section between the neighbours of the lowest points of the grid."""
    value, sign = _values(terms, points)
    with np.errstate(all="ignore"):
        left, here, right = (sign[1:-1] * value[k : value.size - 2 + k] for k in range(3))
        dip = (here > 0) & (left >= here) & (right >= here) & ((left > here) | (right > here))
    at = np.flatnonzero(dip) + 1
    low, high, sign, ratio = points[at - 1], points[at + 1], sign[at], (5**0.5 - 1) / 2
    if not at.size:
        return low
    one, two = high - ratio * (high - low), low + ratio * (high - low)
    first, second = (sign * _values(terms, t)[0] for t in (one, two))
    for _ in range(44):
        to_left = first < second
        low, high = np.where(to_left, low, one), np.where(to_left, two, high)
        step = ratio * (high - low)
        one, two = np.where(to_left, high - step, two), np.where(to_left, one, low + step)
        fresh = sign * _values(terms, np.where(to_left, one, two))[0]
        first, second = np.where(to_left, fresh, second), np.where(to_left, first, fresh)
    return (low + high) / 2


def _zero(function: Any, low: Any, high: Any, below: Any) -> Expr:
    """The zero in a bracket: a fraction if it is one, else to 40 digits."""
    root = _closest(function, low, high, below)
    near = Fraction(str(mpmath.nstr(root, DIGITS))).limit_denominator(1000)
    exact = Rational(near.numerator, near.denominator)
    if abs(position(exact) - root) < mpmath.mpf(10) ** (5 - DIGITS):
        return exact
    return Float(mpmath.nstr(root, DIGITS + 5), DIGITS)


def _sign_at(function: Any, t: Any) -> Any:
    """The sign at t; next to it where t is a pole, at which a change of sign is a cut as well."""
    for shift in (0, mpmath.mpf(10) ** -DIGITS):
        with suppress(ZeroDivisionError):
            return mpmath.sign(mpmath.re(function(t + shift)))
    return mpmath.mpf(0)


def _closest(function: Any, low: Any, high: Any, below: Any) -> Any:
    """The zero in a bracket: bisection to 10 digits, then the secant method, and bisection where that leaves it."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _sign_at(function, middle) == below else (low, middle)
    try:
        root = mpmath.findroot(lambda t: mpmath.re(function(t)), (low, high), solver="secant", maxsteps=30)
        if low <= root <= high:
            return root
    except (ValueError, ZeroDivisionError):
        pass
    for _ in range(240):
        middle = (low + high) / 2
        low, high = (middle, high) if _sign_at(function, middle) == below else (low, middle)
    return low
