"""Elementary functions in the forms that have a limit where ρ = ±1: public closed forms are finite there.

``ExpRatio(n, d)`` = e^{n/d}, ``Arcsine(n, d)`` = asin(n/√d), ``Root(w)`` = √w: of numbers that are floats, n² > d and
w < 0 are rounding errors. Each prints as the formula that it is.
"""

from __future__ import annotations

from typing import Any

from sympy import Expr, asin, exp, pi, sqrt

from kernelc import orthants
from kernelc.functions import ONE, ZERO, SpecialFunction, powered, quotient


class ExpRatio(SpecialFunction):
    """e^{n/d} for n ≤ 0 ≤ d; at d = 0 it is 0, but 1 where n = 0 too."""

    nargs = 2

    @classmethod
    def eval(cls, n: Expr, d: Expr) -> Expr | None:
        """1 at n = 0, an exponential where d is a positive number, and the limit at d = 0."""
        if n == 0:
            return ONE
        if d == 0 or (d.is_Float and d.is_negative):
            return ZERO if n.is_nonzero else None
        return exp(n / d) if d.is_number and d.is_positive else None

    def fdiff(self, argindex: int = 1) -> Expr:
        """The exponential times the derivative of n/d."""
        n, d = self.args
        return self * (1 / d if argindex == 1 else -n / d**2)

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _value(self, *args: Any) -> Any:
        return orthants.exp_ratio(*args)

    def _sympystr(self, printer: Any) -> str:
        return f"exp({printer._print(quotient(*self.args))})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return powered(rf"e^{{{printer._print(quotient(*self.args))}}}", exp, product=True)


class Arcsine(SpecialFunction):
    """asin(n/√d), π/2 in size where n² = d."""

    nargs = 2

    @classmethod
    def eval(cls, n: Expr, d: Expr) -> Expr | None:
        """0 at n = 0, an arcsine of numbers without a rounding error at ±1."""
        if n == 0:
            return ZERO
        if d == 1:
            return asin(n)
        if not (n.is_number and d.is_number and d.is_positive):
            return None
        w = d - n**2
        if w == 0 or (w.is_Float and w.is_negative):
            return pi / 2 if n.is_positive else -pi / 2
        return None if w.is_Float else asin(n / sqrt(d))

    def fdiff(self, argindex: int = 1) -> Expr:
        """1/√(d − n²), and that times −n/(2d)."""
        n, d = self.args
        return (1 if argindex == 1 else -n / (2 * d)) / Root(d - n**2)

    def _value(self, *args: Any) -> Any:
        return orthants.arcsine(*args)

    def _sympystr(self, printer: Any) -> str:
        return str(printer._print(self._shown()))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return powered(str(printer._print(self._shown())), exp, product=True)

    def _shown(self) -> Expr:
        return asin(self.args[0] / sqrt(self.args[1]))


class Root(SpecialFunction):
    """√w."""

    nargs = 1

    @classmethod
    def eval(cls, w: Expr) -> Expr | None:
        """The root of a number."""
        if w.is_Float and w.is_negative:
            return ZERO
        return sqrt(w) if w.is_number else None

    def fdiff(self, argindex: int = 1) -> Expr:
        """1/(2√w)."""
        return 1 / (2 * self)

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _eval_power(self, power: Expr) -> Expr | None:
        return self.args[0] ** (power / 2) if power.is_even else None

    def _value(self, *args: Any) -> Any:
        return orthants.root(*args)

    def _sympystr(self, printer: Any) -> str:
        return str(printer._print(sqrt(self.args[0])))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return powered(str(printer._print(sqrt(self.args[0]))), exp)
