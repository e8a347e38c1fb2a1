"""What φ does at a place where it may be singular: the exponent k of |φ(p ± h)| ~ h⁻ᵏ, and whether it jumps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import mpmath
from mpmath import isfinite, nstr
from sympy import Expr, Rational, log

from kernelc.duals.magnitude import Magnitude
from kernelc.duals.suspects import PLACE_DIGITS, suspects
from kernelc.errors import UnsupportedError
from kernelc.symbols import x

SCALES = (10, 20, 40)  # distances from the place: 10 to minus these
STEP = mpmath.mpf(10) ** -20  # of a difference quotient, relative to the distance
SPREAD = (1, mpmath.mpf("0.83"), mpmath.mpf("0.61"))
HALF = mpmath.mpf("0.5")
STEEP = 0.9  # between two distances: beyond doubt, whatever its logarithms


NO_NTK = "E[φ'(u)φ'(v)] is infinite at u = v, so there is no NTK (the NNGP exists)"


def singularities(phi: Expr) -> tuple[tuple[Expr, ...], str | None]:
    """Where φ is singular, and why there is no NTK, if there is none; refuses φ where it is not square integrable."""
    numbers, singular, reason = sample(phi), [], None
    names = {sign * number: sign * parameter for parameter, number in numbers.items() for sign in (1, -1)}
    numeric = phi.xreplace(numbers)
    for place, node in suspects(numeric):
        local, name = Local(numeric, place), place.xreplace(names)
        order = local.order()
        if not is_square_integrable(order):
            raise no_dual(node.xreplace(names), _infinite(order[0], name, node))
        slope = local.order(derivative=True)
        if not is_square_integrable(slope):
            reason = (
                reason or f"the derivative of {shown(phi)} {_size(slope[0], name)} at x = {_number(name)}: {NO_NTK}"
            )
        elif local.jumps():
            reason = reason or f"{shown(phi)} jumps at x = {_number(name)}: {NO_NTK}"
        elif is_bounded(order) and is_bounded(slope):
            continue
        singular.append(name)
    return tuple(singular), reason


def _infinite(k: Any, place: Expr, node: Expr) -> str:
    advice = "keep what is divided by away from 0, as in x/(1 + x**2)"
    if node.func is log:
        advice = "take the logarithm of what is 0 at single points at most, as in log(abs(x))"
    elif node.is_Pow and node.exp.is_number and node.exp > -1:
        advice = "take a power above -1/2, as in abs(x)**(-1/4)"
    what = f"φ {_size(k, place)} at x = {_number(place)}, and φ² is not integrable there"
    return f"E[φ(u)²] is infinite for every q = E[u²], because {what}; {advice}"


def _size(k: Any, place: Expr) -> str:
    if not (isfinite(k) and k < 100):
        return "is infinite, or grows faster than any power,"
    gap = f"abs({shown(x - place)})" if not place.is_Float else f"abs(x - {_number(place)})".replace("- -", "+ ")
    exponent = nstr(k, 3).removesuffix(".0")
    return f"grows like 1/{gap}" if exponent == "1" else f"grows like {gap}**(-{exponent})"


def _number(place: Expr) -> str:
    return f"{float(place):.6g}" if place.is_Float else shown(place)


def no_dual(node: Expr, reason: str) -> UnsupportedError:
    """The error for an activation whose second moment is infinite for every q."""
    return UnsupportedError(f"no dual activation: {shown(node)}: {reason}")


def shown(e: Expr) -> str:
    """An expression as people write it in a formula.

    >>> from sympy import Max
    >>> shown(1 / (Max(x, 2) - 1))
    '1/(max(2, x) - 1)'
    """
    return re.sub(r"\b(Abs|Max|Min|Heaviside)\(", lambda word: word[0].lower(), str(e))


def sample(phi: Expr, sign: int = 1) -> dict[Expr, Expr]:
    """A number for each parameter of φ, at which nothing special happens."""
    parameters = sorted(phi.free_symbols - {x}, key=str)
    return {p: sign * Rational(7316 + 1000 * i, 9973) for i, p in enumerate(parameters)}


class Local:
    """φ around ``place``."""

    def __init__(self, phi: Expr, place: Expr) -> None:
        self.phi = phi
        with mpmath.workdps(PLACE_DIGITS):
            self.place = mpmath.mpf(place.evalf(PLACE_DIGITS + 10))

    def value(self, h: Any) -> Any:
        """φ(p + h)."""
        return Magnitude({x: self.place + h}).value(self.phi)

    def slope(self, h: Any) -> Any:
        """φ'(p + h)."""
        return (self.value(h * (1 + STEP)) - self.value(h * (1 - STEP))) / (2 * STEP * h)

    def order(self, *, derivative: bool = False) -> tuple[Any, Any]:
        """(k, j) of the steeper side, where φ, or φ', grows like h⁻ᵏ·|log h|ʲ; a bounded one has (0, 0) or less."""
        with mpmath.workdps(PLACE_DIGITS):
            return max(_order(self.slope if derivative else self.value, side) for side in (1, -1))

    def jumps(self) -> bool:
        """Whether φ has two different limits."""
        with mpmath.workdps(PLACE_DIGITS):
            h = mpmath.mpf(10) ** -SCALES[-1]
            one, two = self.value(-h), self.value(h)
            return bool(abs(one - two) > mpmath.mpf("1e-19") * max(1, abs(one), abs(two)))


def is_square_integrable(order: tuple[Any, Any]) -> bool:
    """Whether ∫ h⁻²ᵏ·|log h|²ʲ dh is finite at 0."""
    k, j = order
    if abs(k - HALF) > 1e-6:
        return bool(k < HALF)
    return bool(j < -HALF - 1e-6)


def is_bounded(order: tuple[Any, Any]) -> bool:
    """Whether h⁻ᵏ·|log h|ʲ is bounded, as far as the measured exponents tell."""
    k, j = order
    return bool(k < -0.01 or (k < 0.001 and j < 0.1))


def _order(function: Callable[[Any], Any], side: int) -> tuple[Any, Any]:
    """Solve log|f| = k·λ + j·log λ + const at three distances h = e^{−λ}."""
    rows, logs = [], []
    for power in SCALES:
        distances = [near * mpmath.mpf(10) ** -power for near in SPREAD]
        sizes = [(abs(function(side * h)), h) for h in distances]
        if any(mpmath.isinf(size) for size, _ in sizes):
            return mpmath.inf, mpmath.mpf(0)
        size, h = max((pair for pair in sizes if not mpmath.isnan(pair[0])), default=(mpmath.mpf(0), 1))
        if not size:
            return -mpmath.inf, mpmath.mpf(0)
        depth = -mpmath.log(h)
        rows.append([depth, mpmath.log(depth), 1])
        logs.append(mpmath.log(size))
    steepest = max((logs[i + 1] - logs[i]) / (rows[i + 1][0] - rows[i][0]) for i in range(2))
    if steepest > STEEP:
        return steepest, mpmath.mpf(0)
    k, j, _ = mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix(logs))
    return k, j
