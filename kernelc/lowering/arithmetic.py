"""Arithmetic on builder values for :func:`kernelc.interpret.interpret`: a SymPy expression becomes instructions."""

from collections.abc import Callable
from typing import Any

from sympy import Expr

from kernelc.builder import Builder, Operand, Value


class Instructions:
    """Each operation becomes one instruction."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def number(self, number: Expr) -> Value:
        """A constant."""
        return self.builder.wrap(number)

    def function(self, name: str) -> Callable[..., Any] | None:
        """The primitive of that name, or None."""
        if name not in ("sqrt", "exp", "expm1", "sin", "cos", "atan2"):
            return None

        def apply(*args: Operand) -> Value:
            return self.builder.op(name, *args)

        return apply
