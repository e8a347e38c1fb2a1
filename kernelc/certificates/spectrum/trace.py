"""A computation recorded once and played back on any values: numbers, power series, complex numbers.

SymPy's trees are slow to walk; what a kernel needs at thousands of points is walked once, with a :class:`Node` for the
point, and the few operations on it that remain are played back.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flint import arb

Operation = tuple[Callable[..., Any], tuple[Any, ...]]

METHODS = frozenset({"sqrt", "exp", "log", "sin", "cos", "tan", "atan", "asin", "acos", "erf", "erfc"})


@dataclass(eq=False)
class Trace:
    """The operations so far, each on constants and on the results of earlier ones; result 0 is the variable."""

    operations: list[Operation] = field(default_factory=list)
    known: dict[Any, Node] = field(default_factory=dict)

    def start(self) -> Node:
        """The variable."""
        self.operations = [(_identity, ())]
        self.known = {}
        return Node(self, 0)

    def record(self, function: Callable[..., Any], *args: Any) -> Node:
        """Record ``function(*args)``; the same operation on the same results is recorded once."""
        key = (function, *((arg.index,) if isinstance(arg, Node) else _constant(arg) for arg in args))
        if key not in self.known:
            self.operations.append((function, args))
            self.known[key] = Node(self, len(self.operations) - 1)
        return self.known[key]

    def play(self, value: Any) -> list[Any]:
        """The results of all operations, the variable being ``value``."""
        results = [value]
        for function, args in self.operations[1:]:
            results.append(function(*[results[arg.index] if isinstance(arg, Node) else arg for arg in args]))
        return results


def _identity() -> None:
    """Stands for the variable."""


def _constant(value: Any) -> Any:
    """What tells two constants apart; equal balls give equal results, whichever numbers they stand for."""
    if isinstance(value, arb) and value.is_finite():
        return value.mid().man_exp(), value.rad().man_exp()
    return value if isinstance(value, int) else id(value)


@dataclass(frozen=True, eq=False)
class Node:
    """A result of a trace, to compute with like a number."""

    trace: Trace
    index: int

    def __add__(self, other: Any) -> Node:
        return self.trace.record(operator.add, self, other)

    def __radd__(self, other: Any) -> Node:
        return self.trace.record(operator.add, self, other)

    def __sub__(self, other: Any) -> Node:
        return self.trace.record(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Node:
        return self.trace.record(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        return arb(0) if is_zero(other) else self.trace.record(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __truediv__(self, other: Any) -> Node:
        return self.trace.record(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return arb(0) if is_zero(other) else self.trace.record(operator.truediv, other, self)

    def __neg__(self) -> Node:
        return self.trace.record(operator.neg, self)

    def __getattr__(self, name: str) -> Callable[[], Node]:
        if name not in METHODS:
            raise AttributeError(name)
        return lambda: self.trace.record(_CALLS[name], self)


_CALLS: dict[str, Callable[[Any], Any]] = {name: operator.methodcaller(name) for name in METHODS}


def is_zero(value: Any) -> bool:
    """Whether a constant is exactly 0."""
    return (isinstance(value, int) and value == 0) or (isinstance(value, arb) and bool(value == 0))
