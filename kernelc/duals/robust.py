"""Real functions of one argument that have robust code, and that SymPy would write in functions that have not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
from sympy import Expr, Function, exp, pi, sqrt, tanh


class Robust(Function):  # type: ignore[misc]
    """A real function of one real argument that SymPy leaves as it is."""

    nargs = 1

    def _eval_is_real(self) -> bool | None:
        return True if self.args[0].is_real else None


class Expit(Robust):
    """1/(1 + exp(-a))."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The slope Expit(a) Expit(-a)."""
        return Expit(self.args[0]) * Expit(-self.args[0])

    def _eval_is_positive(self) -> bool:
        return True


class Softplus(Robust):
    """log(1 + exp(a))."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The slope Expit(a)."""
        return Expit(self.args[0])

    def _eval_is_positive(self) -> bool:
        return True


class Sech(Robust):
    """1/cosh(a)."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The slope -Sech(a) tanh(a)."""
        return -Sech(self.args[0]) * tanh(self.args[0])

    def _eval_is_positive(self) -> bool:
        return True


class LogCosh(Robust):
    """log(cosh(a))."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The slope tanh(a)."""
        return tanh(self.args[0])


class Expm1(Robust):
    """exp(a) - 1."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The slope exp(a)."""
        return exp(self.args[0])


class Log1p(Robust):
    """log(1 + a)."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The slope 1/(1 + a)."""
        return 1 / (1 + self.args[0])


class Erfc(Robust):
    """erfc(a), which SymPy would write as 2 - erfc(-a)."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The slope of erfc."""
        return -2 * exp(-(self.args[0] ** 2)) / sqrt(pi)


class Ndtr(Robust):
    """The distribution function of the standard normal."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """The density."""
        return exp(-(self.args[0] ** 2) / 2) / sqrt(2 * pi)

    def _eval_is_positive(self) -> bool:
        return True


PRECISE: dict[str, Callable[[Any], Any]] = {
    "Expit": lambda a: 1 / (1 + mpmath.exp(-a)),
    "Softplus": lambda a: mpmath.log1p(mpmath.exp(a)),
    "Sech": mpmath.sech,
    "LogCosh": lambda a: mpmath.log(mpmath.cosh(a)),
    "Expm1": mpmath.expm1,
    "Log1p": mpmath.log1p,
    "Erfc": mpmath.erfc,
    "Ndtr": mpmath.ncdf,
}
"""The functions in mpmath."""
