"""Bounds for formulas on rectangles of the complex plane on which they are proved to be analytic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import acb, arb
from sympy import Expr

from kernelc.certificates.balls import BallArithmetic, enclose, precision
from kernelc.interpret import interpret
from kernelc.symbols import x

LEAST, MOST = 2, 6  # halvings of a rectangle


class UnboundedError(Exception):
    """No bound was found: there may be a pole, or a branch cut."""


class _Analytic(BallArithmetic):
    """Complex balls, with no value where a function is not analytic on the whole ball."""

    def function(self, name: str) -> Callable[..., Any] | None:
        return _FUNCTIONS.get(name) or super().function(name)


def _nowhere(_: acb) -> acb:
    return acb("nan")


def _inverse_tangent(z: acb) -> acb:
    return z.atan() if abs(z.imag) < 1 else acb("nan")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": lambda z: acb(z).sqrt(analytic=True),
    "log": lambda z: acb(z).log(analytic=True),
    "tanh": lambda z: acb(z).tanh(),
    "atan": lambda z: _inverse_tangent(acb(z)),
    "asin": _nowhere,
    "acos": _nowhere,
    "power": lambda z, p: (p * acb(z).log(analytic=True)).exp(),
}


def largest(expr: Expr, left: arb, right: arb, high: arb) -> arb:
    """A bound for |expr| on the rectangle left ≤ Re x ≤ right, |Im x| ≤ high, throughout which it is analytic.

    Raises UnboundedError where none is found.
    """
    with precision(64):
        return _search(expr, left.lower(), right.upper(), (-high).lower(), high.upper(), 0)


def _search(expr: Expr, left: arb, right: arb, low: arb, high: arb, depth: int) -> arb:
    if depth >= LEAST:
        box = acb(left.union(right), low.union(high))
        value = acb(interpret(expr, {x: box}, _Analytic())) if expr.has(x) else acb(enclose(expr, {}))
        if value.is_finite():
            return value.abs_upper()
        if depth == MOST:
            raise UnboundedError
    if right - left > high - low:
        middle = ((left + right) / 2).mid()
        parts = [(left, middle, low, high), (middle, right, low, high)]
    else:
        middle = ((low + high) / 2).mid()
        parts = [(left, right, low, middle), (left, right, middle, high)]
    first, second = (_search(expr, *part, depth + 1) for part in parts)
    return first.max(second).upper()
