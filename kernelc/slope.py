"""Slope arithmetic: the difference of an expression between two points, without cancellation.

A :class:`Slope` carries an expression's value at a base point, its value at another point, and the difference
base - value, each to working precision: differences of products, quotients, roots, exponentials and arctangents are
computed from the differences of their arguments, never by subtracting results. See Krawczyk & Neumaier 1985.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sympy import Expr, Rational


class Operations(Protocol):
    """Where the values come from: a builder of code, or SymPy. Their operators +, -, *, / are used too."""

    def wrap(self, value: Any) -> Any:
        """A value as it is, a number as a value."""

    def op(self, op: str, *args: Any) -> Any:
        """The value of a primitive (see :data:`kernelc.program.PRIMITIVES`)."""


@dataclass(frozen=True)
class Slope:
    """Values at two points, ``base`` and ``value``, and ``diff`` = base - value."""

    base: Any
    value: Any
    diff: Any

    def __add__(self, other: Slope) -> Slope:
        return Slope(self.base + other.base, self.value + other.value, self.diff + other.diff)

    def __sub__(self, other: Slope) -> Slope:
        return Slope(self.base - other.base, self.value - other.value, self.diff - other.diff)

    def __mul__(self, other: Slope) -> Slope:
        diff = self.diff * other.value + self.base * other.diff
        return Slope(self.base * other.base, self.value * other.value, diff)

    def __truediv__(self, other: Slope) -> Slope:
        base = self.base / other.base  # of one point alone; points far apart have the larger denominator
        return Slope(base, self.value / other.value, (self.diff - base * other.diff) / other.value)


class SlopeArithmetic:
    """The arithmetic of slopes for :func:`kernelc.interpret.interpret`."""

    def __init__(self, builder: Operations) -> None:
        self.builder = builder

    def number(self, number: Expr) -> Slope:
        """A constant: no difference."""
        return self.constant(number)

    def constant(self, value: Any) -> Slope:
        """What is the same at both points."""
        value = self.builder.wrap(value)
        return Slope(value, value, self.builder.wrap(0))

    def function(self, name: str) -> Callable[..., Any] | None:
        """The rule for a function."""
        rule: Callable[..., Any] | None = getattr(self, f"_{name}", None)
        return rule

    def _sqrt(self, a: Slope) -> Slope:
        base, value = self.builder.op("sqrt", a.base), self.builder.op("sqrt", a.value)
        return Slope(base, value, a.diff / (base + value))

    def _exp(self, a: Slope) -> Slope:
        base, value = self.builder.op("exp", a.base), self.builder.op("exp", a.value)
        # the larger exponential times expm1 of a negative number: nothing overflows that is not infinite
        size = self.builder.op("max", base, value) * self.builder.op("expm1", -self.builder.op("abs", a.diff))
        return Slope(base, value, self.builder.op("where", self.builder.op("lt", a.diff, 0), size, -size))

    def _expm1(self, a: Slope) -> Slope:
        diff = self._exp(a).diff
        return Slope(self.builder.op("expm1", a.base), self.builder.op("expm1", a.value), diff)

    def _sin(self, a: Slope) -> Slope:
        half = Rational(1, 2)
        base, value = self.builder.op("sin", a.base), self.builder.op("sin", a.value)
        middle, apart = half * (a.base + a.value), half * a.diff
        return Slope(base, value, 2 * self.builder.op("cos", middle) * self.builder.op("sin", apart))

    def _cos(self, a: Slope) -> Slope:
        half = Rational(1, 2)
        base, value = self.builder.op("cos", a.base), self.builder.op("cos", a.value)
        middle, apart = half * (a.base + a.value), half * a.diff
        return Slope(base, value, -(2 * self.builder.op("sin", middle) * self.builder.op("sin", apart)))

    def _atan2(self, y: Slope, x: Slope) -> Slope:
        base, value = self.builder.op("atan2", y.base, x.base), self.builder.op("atan2", y.value, x.value)
        across = y.diff * x.value - x.diff * y.value
        along = x.base * x.value + y.base * y.value
        return Slope(base, value, self.builder.op("atan2", across, along))
