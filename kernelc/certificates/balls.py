"""SymPy expressions in ball arithmetic: intervals that provably hold the exact values (Johansson 2017).

The values are python-flint's ``arb`` (numbers) and ``arb_series`` (power series cut off at ``flint.ctx.cap`` terms), at
the precision of ``flint.ctx.prec``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sympy as sp
from flint import arb, arb_series, ctx, fmpq
from sympy import Expr, Symbol

from kernelc.errors import UnsupportedError
from kernelc.interpret import interpret

Ball = arb | arb_series


class BallArithmetic:
    """The arithmetic of balls for :func:`kernelc.interpret.interpret`."""

    def number(self, number: Expr) -> arb:
        """A ball around an exact number."""
        if number.is_Rational:
            return arb(fmpq(int(number.p), int(number.q)))
        if number is sp.pi:
            return arb.pi()
        if number is sp.E:
            return arb(1).exp()
        if number.is_Add:
            return sum((self.number(term) for term in number.args), arb(0))
        if number.is_Mul:
            product = arb(1)
            for factor in number.args:
                product *= self.number(factor)
            return product
        if number.is_Pow and number.exp.is_Integer:
            return self.number(number.base) ** int(number.exp)
        if number.is_Pow and number.exp == sp.Rational(1, 2):
            return self.number(number.base).sqrt()
        if number.is_Pow:
            return (self.number(number.exp) * self.number(number.base).log()).exp()
        function = self.function(type(number).__name__)
        if function is None:
            raise UnsupportedError(f"don't know how to enclose the number '{number}'")
        value: arb = function(*(self.number(arg) for arg in number.args))
        return value

    def function(self, name: str) -> Callable[..., Any] | None:
        """The function of SymPy's name."""
        return FUNCTIONS.get(name)


def _phi(z: Ball) -> Ball:
    return (-z / arb(2).sqrt()).erfc() / 2


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{
        name: (lambda z, name=name: getattr(z, name)())
        for name in ("sqrt", "exp", "log", "sin", "cos", "atan", "asin", "acos", "erf", "erfc", "tan")
    },
    "sinh": lambda z: (z.exp() - (-z).exp()) / 2,
    "cosh": lambda z: (z.exp() + (-z).exp()) / 2,
    "tanh": lambda z: ((2 * z).exp() - 1) / ((2 * z).exp() + 1),
    "expm1": lambda z: z.exp() - 1,
    "Phi": _phi,
    "power": lambda z, p: (p * z.log()).exp(),
}


def enclose(expr: Expr, env: Mapping[Symbol, Any]) -> Any:
    """A ball (or a series of balls) that holds the value of ``expr`` with ``env`` for its symbols.

    Raises UnsupportedError or LoweringError for a function that has no ball here; a ball that is not finite says that
    nothing could be proved.
    """
    return interpret(expr, env, BallArithmetic())


@contextmanager
def precision(bits: int, terms: int | None = None) -> Iterator[None]:
    """Work at ``bits`` of precision, with series of ``terms`` terms."""
    before = ctx.prec, ctx.cap
    ctx.prec = bits
    ctx.cap = ctx.cap if terms is None else terms
    try:
        yield
    finally:
        ctx.prec, ctx.cap = before
