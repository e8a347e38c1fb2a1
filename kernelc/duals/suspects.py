"""Where a formula may be singular: the zeros of denominators, of logarithms' arguments, and of what decides a jump."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import mpmath
import sympy as sp
from sympy import Expr, Float, Poly, PolynomialError, Rational, pi, sqrt
from sympy.core.relational import Relational

from kernelc.duals.magnitude import Magnitude
from kernelc.evaluate import NotRealError, evaluate
from kernelc.symbols import x

PLACE_DIGITS = 300
GRID = [k / 4 + 0.013 for k in range(-200, 201)]
MAX_DEGREE = 12
MAX_SUSPECTS = 8

Suspect = tuple[Expr, Expr]
"""A place, exact or to 300 digits, and the node of the formula that is to blame."""


def suspects(phi: Expr) -> list[Suspect]:
    """Where φ may be infinite, jump, or have an infinite slope: the 8 places nearest to 0, from there outwards."""
    found: dict[float, Suspect] = {}
    for node, base in _not_smooth(phi):
        for place in places(base):
            found.setdefault(round(float(place), 9), (place, node))
    return [found[key] for key in sorted(found, key=lambda t: (abs(t), t))][:MAX_SUSPECTS]


def _not_smooth(phi: Expr) -> Iterator[tuple[Expr, Expr]]:
    """A node, and an expression at whose zeros it may not be smooth; first what is 0 itself, then what has a kink."""
    found = [(node, _base(node)) for node in sp.preorder_traversal(phi)]
    bases = [(node, base) for node, base in found if base is not None and base.has(x)]
    yield from bases
    for node, base in bases:
        if isinstance(node, sp.log | sp.Pow):
            yield from ((node, switch) for switch in _switches(base))


def _base(node: Expr) -> Expr | None:
    if isinstance(node, sp.log | sp.sign | sp.Heaviside):
        return node.args[0]
    if isinstance(node, Relational):
        return node.lhs - node.rhs
    is_smooth = not node.is_Pow or (node.exp.is_Integer and node.exp.is_positive)
    return None if is_smooth else node.base


def _switches(g: Expr) -> Iterator[Expr]:
    """What changes sign where ``g`` has a kink: it may vanish on one side of it, as relu(x) does."""
    for node in g.atoms(sp.Abs, sp.Max, sp.Min):
        if isinstance(node, sp.Abs):
            yield node.args[0]
        else:
            yield from (one - two for one, two in combinations(node.args, 2))


def places(g: Expr) -> list[Expr]:
    """The real zeros of ``g``: all of a polynomial's, of anything else the 8 nearest to 0 that a grid on ±50 sees."""
    if isinstance(g, sp.Abs) or (g.is_Pow and g.exp.is_number):
        return places(g.args[0])
    if g.is_Mul:
        return [place for factor in g.args for place in places(factor)]
    if not g.has(x) or isinstance(g, sp.exp | sp.cosh):
        return []
    try:
        poly = Poly(g, x)
    except PolynomialError:
        return _scan(g)
    if poly.degree() == 1:
        return [-poly.nth(0) / poly.nth(1)]
    if poly.degree() > MAX_DEGREE or not all(value.is_Rational for value in poly.all_coeffs()):
        return _scan(g)
    return [root if _is_simple(root) else _digits(root) for root in dict.fromkeys(sp.real_roots(poly))]


def _is_simple(root: Expr) -> bool:
    return not root.has(sp.CRootOf) and root.count_ops() < 8


def _digits(root: Expr) -> Expr:
    return Float(root.evalf(PLACE_DIGITS), PLACE_DIGITS)


def _scan(g: Expr) -> list[Expr]:
    """Zeros by a change of sign, or by a dip of |g| down to 0."""
    values = [_float(g, t) for t in GRID]
    found: list[Expr | None] = []
    for i in sorted(range(1, len(GRID) - 1), key=lambda i: abs(GRID[i])):
        low, here, high = values[i - 1 : i + 2]
        if low * here < 0:
            found.append(_exact(g, _bisect(g, GRID[i - 1], GRID[i]), (g, g.diff(x))))
        elif abs(here) < min(abs(low), abs(high)) and low * high > 0:
            bottom = _lowest(lambda t: abs(_float(g, t)), GRID[i - 1], GRID[i + 1])
            if abs(_float(g, bottom)) < 1e-9 * (1 + abs(here)):
                found.append(_exact(g, bottom, (g.diff(x), g)))
        if len(found) == MAX_SUSPECTS:
            break
    return [place for place in found if place is not None]


def _float(g: Expr, t: float) -> float:
    try:
        return evaluate(g, {x: t})
    except (NotRealError, ArithmeticError, KeyError):
        return float("nan")


def _bisect(g: Expr, low: float, high: float) -> float:
    sign = _float(g, low)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _float(g, middle) * sign > 0 else (low, middle)
    return high


def _lowest(size: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(80):
        third = (high - low) / 3
        low, high = (low, high - third) if size(low + third) < size(high - third) else (low + third, high)
    return (low + high) / 2


def _exact(g: Expr, t: float, equations: tuple[Expr, Expr]) -> Expr | None:
    """The zero of ``g`` near ``t``: a fraction, a root of one, or one of π, if that is it; else to 300 digits."""
    guesses = [Rational(round(24 * t), 24), Rational(round(12 * t / float(pi)), 12) * pi]
    guesses.append(sp.sign(Float(t)) * sqrt(Rational(round(24 * t * t), 24)))
    for guess in guesses:
        if abs(float(guess) - t) < 1e-6 and _vanishes(g, guess):
            return guess
    with mpmath.workdps(PLACE_DIGITS):
        for h in equations:
            try:
                root = mpmath.findroot(lambda s, h=h: _value(h, s), t, tol=mpmath.mpf(10) ** (20 - 2 * PLACE_DIGITS))
            except (ValueError, ZeroDivisionError, TypeError, KeyError):
                continue
            if abs(root - t) < 1e-6 and abs(_value(g, root)) < mpmath.mpf(10) ** -100:
                return Float(root, PLACE_DIGITS)
    return None


def _value(g: Expr, t: Any) -> Any:
    return Magnitude({x: t}).value(g)


def _vanishes(g: Expr, place: Expr) -> bool:
    with mpmath.workdps(60):
        return bool(abs(_value(g, mpmath.mpf(place.evalf(65)))) < mpmath.mpf(10) ** -45)
