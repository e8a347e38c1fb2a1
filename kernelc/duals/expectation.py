"""A dual without a closed form, as a SymPy node: E[f(u) f(v)] for (u, v) ~ N(0, [[q1, c], [c, q2]])."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Float, Function, Lambda, Symbol
from sympy.core.function import ArgumentIndexError

from kernelc.duals.dag import length
from kernelc.symbols import c, q1, q2, x

LONGEST = 5000
"""A formula with more nodes than this has tens of pages."""

_u, _v = Symbol("u", real=True), Symbol("v", real=True)


class Expectation(Function):  # type: ignore[misc]
    """``Expectation(Lambda(x, f), q1, q2, c)``; it prints as the mean that it is, and ``evalf`` integrates it.

    >>> from sympy import tanh
    >>> expectation(tanh(x))
    E[tanh(u)*tanh(v); q1, q2, c]
    """

    nargs = (4,)

    @property
    def integrand(self) -> Expr:
        """f(u)·f(v)."""
        f = self.args[0]
        return f(_u) * f(_v)

    def fdiff(self, argindex: int = 1) -> Expr:
        """∂/∂c = E[f'(u)f'(v)] (Price 1958); there is none of this form for q1 and q2."""
        if argindex != 4:
            raise ArgumentIndexError(self, argindex)
        return Expectation(Lambda(x, self.args[0](x).diff(x)), *self.args[1:])

    def _eval_is_extended_real(self) -> bool:
        return True

    def _sympystr(self, printer: Any) -> str:
        given = ", ".join(printer._print(arg) for arg in self.args[1:])
        return f"E[{printer._print(self.integrand)}; {given}]"

    _sympyrepr = _sympystr

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        a, b, cross = (printer._print(arg) for arg in self.args[1:])
        law = rf"N\left(0, \left(\begin{{smallmatrix}} {a} & {cross} \\ {cross} & {b} \end{{smallmatrix}}\right)\right)"
        text = rf"\mathbb{{E}}_{{(u, v) \sim {law}}}\left[{printer._print(self.integrand)}\right]"
        return text if exp is None else rf"{text}^{{{exp}}}"

    def _eval_evalf(self, prec: int) -> Expr | None:
        from kernelc.duals.numeric import mean

        values = [arg.evalf(30) for arg in self.args[1:]]
        if not all(value.is_Float or value.is_Integer for value in values):
            return None
        return Float(mean(self.args[0], *map(float, values)), 15)


def expectation(f: Expr) -> Expr:
    """E[f(u)f(v)] in q1, q2 and c."""
    return Expectation(Lambda(x, f), q1, q2, c)


def readable(value: Expr, f: Expr) -> Expr:
    """A closed form of E[f(u)f(v)]; the mean itself where that is too long to be read, or printed."""
    return value if length(value) <= LONGEST else expectation(f)
