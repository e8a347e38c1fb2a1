"""SymPy expressions, run in any arithmetic.

One walk over the tree serves the compiler (arithmetic on :class:`kernelc.builder.Value`), slope arithmetic
(:mod:`kernelc.slope`) and exact values (mpmath): each says what a number is and what the named functions do;
+, -, *, / are the operators of its values. The unknown is refused, never guessed.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sympy import Add, Expr, Integer, Mul, Pow, Rational, Symbol

from kernelc.errors import LoweringError


class Arithmetic(Protocol):
    """What :func:`interpret` needs: numbers, and functions by SymPy's name (sqrt, exp, expm1, sin, cos, atan2 ...)."""

    def number(self, number: Expr) -> Any:
        """The value of an exact number."""

    def function(self, name: str) -> Callable[..., Any] | None:
        """The function of that name, or None."""


def interpret(expr: Expr, env: Mapping[Symbol, Any], arithmetic: Arithmetic) -> Any:
    """The value of ``expr`` with ``env`` for its symbols; equal subexpressions are computed once.

    Raises LoweringError for a node that the arithmetic does not know.
    """
    return _Walk(env, arithmetic).value(expr)


class _Walk:
    def __init__(self, env: Mapping[Symbol, Any], arithmetic: Arithmetic) -> None:
        self.known: dict[Expr, Any] = dict(env)
        self.arithmetic = arithmetic

    def value(self, e: Expr) -> Any:
        if e not in self.known:
            self.known[e] = self.visit(e)
        return self.known[e]

    def visit(self, e: Expr) -> Any:
        if not e.free_symbols:
            return self.arithmetic.number(e)
        if isinstance(e, Add):
            return self.add(e)
        if isinstance(e, Mul):
            return self.mul(e)
        if isinstance(e, Pow):
            return self.power(e)
        return self.function(type(e).__name__)(*(self.value(a) for a in e.args))

    def function(self, name: str) -> Callable[..., Any]:
        function = self.arithmetic.function(name)
        if function is None:
            raise LoweringError(f"don't know how to compile '{name}'")
        return function

    def add(self, e: Add) -> Any:
        negative = [t for t in e.args if t.could_extract_minus_sign()]
        positive = [t for t in e.args if not t.could_extract_minus_sign()]
        first, *rest = positive or [negative.pop(0)]
        total = self.value(first)
        for term in rest:
            total = total + self.value(term)
        for term in negative:
            total = total - self.value(-term)
        return total

    def mul(self, e: Mul) -> Any:
        constant, factors = Integer(1), []
        for f in e.args:
            if f.free_symbols:
                factors.append(f)
            else:
                constant *= f
        under = [f for f in factors if isinstance(f, Pow) and f.exp.is_Rational and f.exp.is_negative]
        above = [f for f in factors if f not in under]
        below = [1 / f for f in under]
        if not above:
            return self.arithmetic.number(constant) / self.product(below)
        value = self.product(above)
        if constant != 1:
            value = self.arithmetic.number(constant) * value
        return value / self.product(below) if below else value

    def product(self, factors: list[Expr]) -> Any:
        first, *rest = factors
        value = self.value(first)
        for f in rest:
            value = value * self.value(f)
        return value

    def power(self, e: Pow) -> Any:
        base, exponent = e.as_base_exp()
        if not isinstance(exponent, Rational) or exponent.q > 2:
            power = self.arithmetic.function("power")
            if power is None:
                raise LoweringError(f"don't know how to compile the power '{e}'")
            return power(self.value(base), self.value(exponent))
        if exponent.is_negative:
            return self.arithmetic.number(Integer(1)) / self.value(base ** (-exponent))
        value = self.value(base) if exponent.q == 1 else self.function("sqrt")(self.value(base))
        return _repeated(value, exponent.p)


def _repeated(value: Any, n: int) -> Any:
    if n == 1:
        return value
    half = _repeated(value, n // 2)
    return half * half * value if n % 2 else half * half
