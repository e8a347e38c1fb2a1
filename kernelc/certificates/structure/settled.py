"""An activation on a whole interval: the formula without switches that it is equal to there, if that is proved.

A switch is settled where what it compares is a polynomial without a zero of odd order inside of the interval, found
exactly; or, on a half-line from 0, where its sign follows from its form (:mod:`kernelc.duals.branches`).
"""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations

from sympy import (
    Abs,
    Expr,
    Heaviside,
    Integer,
    Max,
    Min,
    Piecewise,
    Poly,
    PolynomialError,
    Rational,
    log,
    oo,
    real_roots,
    sign,
)
from sympy.core.relational import Ge, Gt, Le, Lt, Relational
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from kernelc.certificates.structure.signs import sign_of
from kernelc.duals.branches import switch
from kernelc.errors import UnsupportedError
from kernelc.symbols import x

_TRUTH = {Gt: (1,), Ge: (0, 1), Lt: (-1,), Le: (-1, 0)}


def settled(phi: Expr, lo: Expr, hi: Expr) -> Expr | None:
    """The analytic formula that ``phi`` is equal to for lo < x < hi, but for finitely many points; None if not proved.

    >>> from sympy import Max
    >>> settled(Max(x, 0) + Abs(x - 1), Integer(0), Integer(1))
    1
    """
    try:
        return _visit(phi, lo, hi)
    except (_OpenError, UnsupportedError):
        return None


def turning_points(phi: Expr) -> list[Expr]:
    """Zeros of the polynomials that switches compare, found exactly where they can be: hints where to cut the line."""
    compared = [node.lhs - node.rhs for node in phi.atoms(Relational)]
    compared += [node.args[0] for node in phi.atoms(Abs, sign, Heaviside)]
    compared += [one - two for node in phi.atoms(Max, Min) for one, two in combinations(node.args, 2)]
    found: list[Expr] = []
    for f in compared:
        with suppress(NotImplementedError, PolynomialError):
            poly = Poly(f, x)
            if poly.degree() > 0:
                found += [-poly.nth(0) / poly.nth(1)] if poly.degree() == 1 else real_roots(poly, multiple=True)
    return found


class _OpenError(Exception):
    """A switch is not settled."""


def _visit(node: Expr, lo: Expr, hi: Expr) -> Expr:
    if not node.args or not node.has(x):
        return node
    if isinstance(node, Piecewise):
        for branch, condition in node.args:
            if _holds(condition, lo, hi):
                return _visit(branch, lo, hi)
        raise _OpenError
    args = [_visit(arg, lo, hi) for arg in node.args]
    if isinstance(node, Max | Min):
        want = 1 if isinstance(node, Max) else -1
        best = args[0]
        for arg in args[1:]:
            best = arg if _sign(arg - best, lo, hi) == want else best
        return best
    if isinstance(node, Abs):
        return args[0] * _sign(args[0], lo, hi)
    if isinstance(node, sign):
        return Integer(_sign(args[0], lo, hi))
    if isinstance(node, Heaviside):
        return Integer(1 + _sign(args[0], lo, hi)) / 2
    if (node.is_Pow and not node.exp.is_integer) or isinstance(node, log):
        if not args[0].is_positive and _sign(args[0], lo, hi) != 1:
            raise _OpenError
    elif node.is_Pow and not node.exp.is_nonnegative and not args[0].is_nonzero:
        _sign(args[0], lo, hi)
    return node.func(*args)


def _holds(condition: Expr, lo: Expr, hi: Expr) -> bool:
    if isinstance(condition, BooleanTrue | BooleanFalse):
        return bool(condition)
    if isinstance(condition, Relational) and type(condition) in _TRUTH:
        compared = _visit(condition.lhs, lo, hi) - _visit(condition.rhs, lo, hi)
        return _sign(compared, lo, hi) in _TRUTH[type(condition)]
    raise _OpenError


def _sign(f: Expr, lo: Expr, hi: Expr) -> int:
    """The sign of an analytic formula on an interval, but for finitely many points; 0 where it vanishes."""
    f = f.expand()
    if f == 0:
        return 0
    if not f.has(x):
        found = sign_of(f)
    elif f.is_polynomial(x):
        found = _polynomial_sign(f, lo, hi)
    elif lo.is_nonnegative or hi.is_nonpositive:
        found = switch(f, 1 if lo.is_nonnegative else -1)
    else:
        found = None
    if found is None:
        raise _OpenError
    return found


def _polynomial_sign(f: Expr, lo: Expr, hi: Expr) -> int | None:
    try:
        poly = Poly(f, x)
        roots = [-poly.nth(0) / poly.nth(1)] if poly.degree() == 1 else real_roots(poly, multiple=False)
    except (NotImplementedError, PolynomialError):
        return None
    odd = roots if poly.degree() == 1 else [root for root, times in roots if times % 2]
    for root in odd:
        left = 1 if lo is -oo else sign_of(root - lo)
        right = 1 if hi is oo else sign_of(hi - root)
        if left is None or right is None or (left > 0 and right > 0):
            return None
    points = (_between(lo, hi, Rational(k, 7)) for k in range(1, 7))
    return next((s for s in (sign_of(f.xreplace({x: point})) for point in points) if s), None)


def _between(lo: Expr, hi: Expr, share: Rational) -> Expr:
    if lo is -oo:
        return (Integer(0) if hi is oo else hi) - share
    return lo + share * (1 if hi is oo else hi - lo)
