"""The base printer: straight-line code → statements of Python text. What it does not know, it refuses.

Instructions that are used once are printed inside their user, so that code reads like formulas; an instruction stands
on a line of its own when it has a name, is used twice, or must be computed at another rate than its user (a row's
value inside a pair's formula).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import mpmath
from sympy import Expr, Float, Integer, Rational

from kernelc.errors import LoweringError
from kernelc.program import CALLS, Code, Instr

Atom: TypeAlias = "str | Expr"

# operators: text and precedence; everything else is a function call
OPERATORS = {"add": (" + ", 1), "sub": (" - ", 1), "mul": ("*", 2), "div": (" / ", 2), "lt": (" < ", 0)}
ATOMIC = 9


@dataclass(frozen=True)
class Statement:
    """``name = text`` at a rate; ``uses`` are the names that the text mentions; ``plain``: Python in any backend;
    ``logical``: true or false.
    """

    name: str
    text: str
    rate: str
    uses: tuple[str, ...]
    plain: bool = False
    logical: bool = False


class Constants:
    """The named constants of a module: exact numbers with no short decimal of their own."""

    def __init__(self, prefix: str, digits: str) -> None:
        self.prefix, self.digits = prefix, digits
        self.names: dict[Expr, str] = {}

    def name(self, number: Expr) -> str:
        """The name of a constant."""
        return self.names.setdefault(number, f"{self.prefix}{len(self.names) + 1}")

    def lines(self) -> list[str]:
        """One definition a line, with the exact value as comment."""
        return [f"{name} = {self._value(number)}  # {number}" for number, name in self.names.items()]

    def _value(self, number: Expr) -> str:
        high, low = double_double(number)
        if not math.isfinite(high):
            raise LoweringError(f"the constant {number.evalf(6)} is beyond the range of floating-point numbers")
        return self.digits.format(hi=repr(high), lo=repr(low))


def double_double(number: Expr) -> tuple[float, float]:
    """The two float64 whose sum is nearest to an exact real number."""
    with mpmath.workdps(60):
        value = mpmath.mpf(number.p) / number.q if isinstance(number, Rational) else mpmath.mpf(number.evalf(55))
        high = float(value)
        return high, float(value - high)


class Printer:
    """Prints code; a subclass says how functions are called and how constants look."""

    functions: ClassVar[Mapping[str, str]] = {}
    python: ClassVar[frozenset[str]] = frozenset()  # primitives of pairs that are Python whatever the backend
    fuses = False  # whether values that have a name, but one use, are printed inside their user
    longest = 90  # characters of an expression before its parts get lines of their own
    short = 12  # characters of an expression that may as well be printed several times

    def __init__(self, constants: Constants, dtype: str = "float64") -> None:
        self.constants, self.dtype = constants, dtype

    def constant(self, number: Expr, op: str = "") -> str:
        """The text of an exact number, an argument of the primitive ``op`` or by itself."""
        if isinstance(number, Rational) and abs(number.p) < 2**31 and number.q in (1, 2, 4, 8, 16, 32, 64):
            return str(number) if isinstance(number, Integer) else repr(float(number))
        if isinstance(number, Float) or not number.is_real:
            raise LoweringError(f"don't know how to print the constant '{number}'")
        return self.constants.name(number)

    def call(self, instr: Instr, args: list[str]) -> str:
        """The text of an instruction that is no operator."""
        if instr.op == "call":
            return instr.callee.format(*args)
        if instr.op not in self.functions:
            raise LoweringError(f"don't know how to print '{instr.op}'")
        return self.functions[instr.op].format(*args)

    def inlines(self, instr: Instr, text: str) -> bool:
        """Whether to print an unnamed value at each of its uses, rather than give it a line when it has several."""
        return instr.op == "neg" and len(text) < self.short

    def statements(self, code: Code) -> tuple[list[Statement], dict[str, Statement]]:
        """The statements of a piece of code, and each output as one more."""
        return _Writer(self, code).write()


@dataclass
class _Text:
    text: str
    precedence: int
    uses: tuple[str, ...]


class _Writer:
    def __init__(self, printer: Printer, code: Code) -> None:
        self.printer, self.code = printer, code
        self.texts = {name: _Text(name, ATOMIC, (name,)) for name, _ in code.inputs}
        self.done: list[Statement] = []
        self.times = Counter(a for i in code.instrs for a in i.args if isinstance(a, str))
        self.times.update(value for _, value in code.outputs if isinstance(value, str))
        self.rates: dict[str, set[str]] = {a: set() for a in self.times}  # of those who use a value
        for instr in code.instrs:
            for a in instr.args:
                if isinstance(a, str):
                    self.rates[a].add(instr.rate)
        self.passed = {a for i in code.instrs if self.is_plain(i) for a in i.args}
        self.taken = {name for name, _ in code.inputs} | {i.name for i in code.instrs}

    def write(self) -> tuple[list[Statement], dict[str, Statement]]:
        for instr in self.code.instrs:
            text = self.expression(instr)
            if self.own_line(instr, text):
                name = self.fresh() if instr.name.startswith("t_") else instr.name
                logical = instr.op in ("lt", "and")
                self.done.append(Statement(name, text.text, instr.rate, text.uses, self.is_plain(instr), logical))
                text = _Text(name, ATOMIC, (name,))
            self.texts[instr.name] = text
        rates = dict(self.code.inputs) | {i.name: i.rate for i in self.code.instrs}
        ends = {}
        for name, value in self.code.outputs:
            text = self.atom(value)
            rate = "scalar" if text.uses == (text.text,) or not isinstance(value, str) else rates[value]
            ends[name] = Statement(name, text.text, rate, text.uses)
        return self.done, ends

    def own_line(self, instr: Instr, text: _Text) -> bool:
        """Named values, what several use, what is passed to Python, and what has another rate than its user."""
        named = not instr.name.startswith("t_")
        if self.is_plain(instr) or instr.name in self.passed or (named and not self.printer.fuses):
            return True
        if self.rates[instr.name] - {instr.rate} or len(text.text) > self.printer.longest:
            return True
        return self.times[instr.name] > 1 and not self.printer.inlines(instr, text.text)

    def is_plain(self, instr: Instr) -> bool:
        """Whether it is Python in any backend: a call, or what the printer leaves to NumPy."""
        return instr.op in CALLS or (instr.op in self.printer.python and instr.rate == "pair")

    def fresh(self) -> str:
        n = 1
        while f"t{n}" in self.taken:
            n += 1
        self.taken.add(f"t{n}")
        return f"t{n}"

    def atom(self, atom: Atom, op: str = "") -> _Text:
        if isinstance(atom, str):
            return self.texts[atom]
        text = self.printer.constant(atom, op)
        uses = (text,) if text in self.printer.constants.names.values() else ()
        return _Text(text, 1 if text.startswith("-") else ATOMIC, uses)

    def expression(self, instr: Instr) -> _Text:
        args = [self.atom(a, instr.op) for a in instr.args]
        uses = tuple(dict.fromkeys(name for a in args for name in a.uses))
        if instr.op == "neg":
            return _Text("-" + _wrapped(args[0], 2), 1, uses)
        if instr.op in OPERATORS:
            sign, precedence = OPERATORS[instr.op]
            number = not isinstance(instr.args[0], str)  # -2*x needs no brackets on the left
            left = args[0].text if number else _wrapped(args[0], precedence + (instr.op == "lt"))
            # a + (b - c) keeps its brackets: floating point does not associate
            right = _wrapped(args[1], precedence + 1)
            return _Text(left + sign + right, min(precedence, 1) if left.startswith("-") else precedence, uses)
        return _Text(self.printer.call(instr, [a.text for a in args]), ATOMIC, uses)


def _wrapped(text: _Text, least: int) -> str:
    return text.text if text.precedence >= least else f"({text.text})"
