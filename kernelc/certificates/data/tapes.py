"""SymPy expressions as straight-line tapes, run again and again in ball arithmetic.

:func:`kernelc.interpret.interpret` walks a tree in SymPy, which costs a millisecond; a tape costs the arithmetic alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sympy as sp
from flint import arb, ctx
from sympy import Expr, Symbol

from kernelc.certificates.balls import FUNCTIONS, BallArithmetic
from kernelc.errors import UnsupportedError
from kernelc.interpret import interpret

Step = tuple[Callable[..., Any], tuple[int, ...]]


@dataclass
class Tape:
    """A list of operations; slot i holds the value of the i-th input, number or operation."""

    inputs: tuple[Symbol, ...]
    numbers: list[tuple[int, Expr]] = field(default_factory=list)
    steps: list[tuple[int, Callable[..., Any], tuple[int, ...]]] = field(default_factory=list)
    size: int = 0
    result: int = 0
    known: dict[int, list[tuple[int, arb]]] = field(default_factory=dict)

    def run(self, env: Mapping[Symbol, Any]) -> Any:
        """The value with ``env`` for the symbols, at the working precision."""
        slots: list[Any] = [None] * self.size
        for at, symbol in enumerate(self.inputs):
            slots[at] = env[symbol]
        for at, value in self._constants():
            slots[at] = value
        for at, operation, args in self.steps:
            slots[at] = operation(*[slots[i] for i in args])
        return slots[self.result]

    def _constants(self) -> list[tuple[int, arb]]:
        if ctx.prec not in self.known:
            exact = BallArithmetic()
            self.known[ctx.prec] = [(at, exact.number(number)) for at, number in self.numbers]
        return self.known[ctx.prec]


@lru_cache(maxsize=4096)
def tape(expr: Expr) -> Tape:
    """The tape of an expression. Raises UnsupportedError or LoweringError for a function that has no ball."""
    inputs = tuple(sorted(expr.free_symbols, key=str))
    made = Tape(inputs, size=len(inputs))
    recorder = _Recorder(made)
    end = interpret(expr, {s: _Slot(made, at) for at, s in enumerate(inputs)}, recorder)
    made.result = end.at
    return made


@dataclass(frozen=True)
class _Slot:
    """A value that is not there yet: what is done with it goes on the tape."""

    tape: Tape
    at: int

    def _note(self, operation: Callable[..., Any], *others: _Slot) -> _Slot:
        self.tape.steps.append((self.tape.size, operation, (self.at, *(other.at for other in others))))
        self.tape.size += 1
        return _Slot(self.tape, self.tape.size - 1)

    def __add__(self, other: _Slot) -> _Slot:
        return self._note(_add, other)

    def __sub__(self, other: _Slot) -> _Slot:
        return self._note(_sub, other)

    def __mul__(self, other: _Slot) -> _Slot:
        return self._note(_square) if other.at == self.at else self._note(_mul, other)

    def __truediv__(self, other: _Slot) -> _Slot:
        return self._note(_div, other)


@dataclass
class _Recorder:
    """The arithmetic that records."""

    tape: Tape

    def number(self, number: Expr) -> _Slot:
        self.tape.numbers.append((self.tape.size, number))
        self.tape.size += 1
        return _Slot(self.tape, self.tape.size - 1)

    def function(self, name: str) -> Callable[..., Any] | None:
        found = CLAMPED.get(name) or FUNCTIONS.get(name)
        if found is None:
            raise UnsupportedError(f"'{name}' has no ball arithmetic here")
        return lambda first, *rest: first._note(found, *rest)


def _add(a: Any, b: Any) -> Any:
    return a + b


def _sub(a: Any, b: Any) -> Any:
    return a - b


def _mul(a: Any, b: Any) -> Any:
    return a * b


def _square(a: Any) -> Any:
    return a * a


def _div(a: Any, b: Any) -> Any:
    return a / b


def _sqrt(z: Any) -> Any:
    if not isinstance(z, arb) or z > 0:
        return z.sqrt()
    top = z.upper()
    return arb(0).union(top.sqrt()) if top >= 0 else z.sqrt()


def _within(name: str) -> Callable[[Any], Any]:
    def function(z: Any) -> Any:
        if not isinstance(z, arb) or abs(z) < 1:
            return getattr(z, name)()
        low, high = z.lower(), z.upper()
        if not (low <= 1 and high >= -1):  # also where z is not finite
            return arb("nan")
        low, high = (low if low > -1 else arb(-1)), (high if high < 1 else arb(1))
        return getattr(low, name)().union(getattr(high, name)())  # monotone

    return function


CLAMPED: Mapping[str, Callable[..., Any]] = {"sqrt": _sqrt, "acos": _within("acos"), "asin": _within("asin")}
"""√, acos and asin of a ball that reaches over the edge of the domain, where the exact argument cannot be.

|c| ≤ √(q1 q2) holds for every Gaussian pair, so the exact value is in the part of the ball inside the domain; a power
series, whose derivatives would be wrong there, is left as it is and gives nan.
"""


def number(expr: Expr) -> arb:
    """A ball around an exact number."""
    return BallArithmetic().number(sp.sympify(expr))
