"""Complex numbers whose real and imaginary parts are real SymPy expressions.

The imaginary unit never enters an expression: SymPy's own complex expansion rewrites exponentials and loses digits,
and whatever is purely real or purely imaginary here stays so by itself, because zeros vanish.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sympy import Expr, Integer, cos, exp, sin
from sympy.codegen.cfunctions import expm1

ZERO = Integer(0)


@dataclass(frozen=True)
class Complex:
    """re + i·im."""

    re: Expr
    im: Expr = field(default=ZERO)

    def __add__(self, other: Complex) -> Complex:
        return Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other: Complex) -> Complex:
        return self + -other

    def __neg__(self) -> Complex:
        return Complex(-self.re, -self.im)

    def __mul__(self, other: Complex) -> Complex:
        return Complex(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)

    def __bool__(self) -> bool:
        return bool(self.re != 0 or self.im != 0)

    def scale(self, factor: Expr | int) -> Complex:
        """The product with a real factor."""
        return Complex(self.re * factor, self.im * factor)

    def conjugate(self) -> Complex:
        """The mirror image in the real axis."""
        return Complex(self.re, -self.im)

    def exp(self) -> Complex:
        """e^z."""
        size = exp(self.re)
        return Complex(size * cos(self.im), size * sin(self.im))

    def expm1(self) -> Complex:
        """e^z − 1, without cancellation at small z."""
        turn = 2 * sin(self.im / 2) ** 2
        return Complex(expm1(self.re) * cos(self.im) - turn, exp(self.re) * sin(self.im))


def real(value: Expr | int) -> Complex:
    """A real number as a complex one."""
    return Complex(ZERO + value)
