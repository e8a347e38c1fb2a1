"""The builder of straight-line code: arithmetic on values becomes instructions.

Equal instructions are one instruction (value numbering, so a common subexpression never arises twice), constants are
folded exactly, and what no output needs is dropped. That is all the optimisation that straight-line code wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import sympy
from sympy import Expr, Symbol

from kernelc.program import Code, Instr

Atom: TypeAlias = "str | Expr"


@dataclass(frozen=True, eq=False)
class Value:
    """A name or an exact number in a builder, with arithmetic."""

    builder: Builder
    atom: Atom
    rate: str

    def __add__(self, other: Operand) -> Value:
        return self.builder.op("add", self, other)

    def __radd__(self, other: Operand) -> Value:
        return self.builder.op("add", other, self)

    def __sub__(self, other: Operand) -> Value:
        return self.builder.op("sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.builder.op("sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self.builder.op("mul", self, other)

    def __rmul__(self, other: Operand) -> Value:
        return self.builder.op("mul", other, self)

    def __truediv__(self, other: Operand) -> Value:
        return self.builder.op("div", self, other)

    def __rtruediv__(self, other: Operand) -> Value:
        return self.builder.op("div", other, self)

    def __neg__(self) -> Value:
        return self.builder.op("neg", self)

    @property
    def number(self) -> Expr | None:
        """The exact number that this is, or None."""
        return None if isinstance(self.atom, str) else self.atom

    def is_number(self, number: int) -> bool:
        """Whether this is that constant."""
        return self.number is not None and bool(self.number == number)


Operand: TypeAlias = "Value | Expr | int"


@dataclass
class Builder:
    """Makes one piece of straight-line code."""

    inputs: dict[str, str] = field(default_factory=dict)
    _instrs: dict[str, Instr] = field(default_factory=dict)
    _numbering: dict[tuple[object, ...], Value] = field(default_factory=dict)
    _labels: dict[str, str] = field(default_factory=dict)

    def input(self, name: str, rate: str) -> Value:
        """An input of the code; asking again gives the same."""
        self.inputs[name] = rate
        return Value(self, name, rate)

    def scalar(self, symbol: Symbol) -> Value:
        """A parameter. Its name ends in _, as no other name does: it may be any word, ``ratio`` or ``C1`` say."""
        return self.input(f"{symbol.name}_", "scalar")

    def wrap(self, value: Operand) -> Value:
        """A value as it is, a number as a constant."""
        return value if isinstance(value, Value) else Value(self, sympy.sympify(value), "scalar")

    def op(self, op: str, *args: Operand, callee: str = "") -> Value:
        """The value of ``op(*args)``: folded, known already, or a new instruction."""
        values = [self.wrap(a) for a in args]
        folded = self._fold(op, values)
        if folded is not None:
            return folded
        atoms = tuple(v.atom for v in values)
        shared = sorted(atoms, key=str) if op in ("add", "mul", "min", "max") else atoms
        key = (op, callee, *shared)
        if key not in self._numbering:
            rate = _join(v.rate for v in values)
            name = f"t_{len(self._instrs) + 1}"
            self._instrs[name] = Instr(name, op, atoms, rate, callee)
            self._numbering[key] = Value(self, name, rate)
        return self._numbering[key]

    def sqrt(self, value: Operand) -> Value:
        """√value."""
        return self.op("sqrt", value)

    def let(self, name: str, value: Operand) -> Value:
        """The same value, to be called ``name`` in the code where it has no name yet."""
        value = self.wrap(value)
        if isinstance(value.atom, str) and value.atom in self._instrs and value.atom not in self._labels:
            taken = {*self.inputs, *self._labels.values()}
            candidates = (name if n == 1 else f"{name}_{n}" for n in range(1, len(taken) + 2))
            self._labels[value.atom] = next(c for c in candidates if c not in taken)
        return value

    def code(self, outputs: Mapping[str, Operand]) -> Code:
        """The finished code, without what no output needs."""
        ends = {name: self.wrap(value).atom for name, value in outputs.items()}
        needed = {atom for atom in ends.values() if isinstance(atom, str)}
        for instr in reversed(self._instrs.values()):
            if instr.name in needed:
                needed.update(a for a in instr.args if isinstance(a, str))
        kept = [i for i in self._instrs.values() if i.name in needed]
        names = {name: self._labels.get(name, name) for name in self._instrs}

        def rename(atom: Atom) -> Atom:
            return names.get(atom, atom) if isinstance(atom, str) else atom

        return Code(
            inputs=tuple((name, rate) for name, rate in self.inputs.items() if name in needed),
            instrs=tuple(replace(i, name=names[i.name], args=tuple(map(rename, i.args))) for i in kept),
            outputs=tuple((name, rename(atom)) for name, atom in ends.items()),
        )

    def _fold(self, op: str, values: list[Value]) -> Value | None:
        """An equal value that needs no instruction of this kind, or None."""
        numbers = [v.number for v in values]
        if op in _EXACT and all(n is not None for n in numbers):
            return self.wrap(_EXACT[op](*numbers))
        rule = getattr(self, f"_fold_{op}", None)
        return None if rule is None else rule(*values)

    def _fold_where(self, condition: Value, yes: Value, no: Value) -> Value | None:
        if condition.number is not None:
            return yes if bool(condition.number) else no
        return yes if yes.atom == no.atom else None

    def _fold_neg(self, value: Value) -> Value | None:
        return self._negative(value) or ((-1 * value) if self._scaled(value) else None)

    def _fold_add(self, left: Value, right: Value) -> Value | None:
        if left.is_number(0) or right.is_number(0):
            return right if left.is_number(0) else left
        if negative := self._negative(right):
            return left - negative
        if negative := self._negative(left):
            return right - negative
        return None

    def _fold_sub(self, left: Value, right: Value) -> Value | None:
        if left.atom == right.atom:
            return self.wrap(0)
        if left.is_number(0) or right.is_number(0):
            return -right if left.is_number(0) else left
        negative = self._negative(right)
        return left + negative if negative else None

    def _fold_mul(self, left: Value, right: Value) -> Value | None:
        if left.number is None:
            return self._product(left, right)
        if left.is_number(0):
            return left
        if left.is_number(1):
            return right
        if left.is_number(-1) and not self._scaled(right):
            return self._negative(right) or -right
        if inner := self._scaled(right):
            return self.wrap(left.number * inner[0]) * inner[1]
        return None

    def _product(self, left: Value, right: Value) -> Value | None:
        """A product whose number, if it has one, comes first; √x·√x is x."""
        if right.number is not None:
            return right * left
        for one, other in ((left, right), (right, left)):
            if scaled := self._scaled(one):
                return self.wrap(scaled[0]) * (scaled[1] * other)
            if negative := self._negative(one):
                return -(negative * other)
        root = self._instrs.get(str(left.atom))
        if left.atom == right.atom and root is not None and root.op == "sqrt":
            return Value(self, root.args[0], left.rate)
        return None

    def _fold_div(self, left: Value, right: Value) -> Value | None:
        if left.is_number(0):
            return left
        return None if right.number is None else self.wrap(1 / right.number) * left

    def _fold_ratio(self, left: Value, right: Value) -> Value | None:
        return None if right.is_number(0) else self._fold_div(left, right)

    def _negative(self, value: Value) -> Value | None:
        """The y that ``value`` is -y of, if it is written so."""
        if value.number is not None:
            return self.wrap(-value.number) if value.number.is_negative else None
        instr = self._instrs.get(str(value.atom))
        if instr is not None and instr.op == "neg":
            return Value(self, instr.args[0], value.rate)
        scaled = self._scaled(value)
        return self.wrap(-scaled[0]) * scaled[1] if scaled and scaled[0].is_negative else None

    def _scaled(self, value: Value) -> tuple[Expr, Value] | None:
        """(number, y) where ``value`` is written number*y."""
        instr = self._instrs.get(value.atom) if isinstance(value.atom, str) else None
        if instr is None or instr.op != "mul" or isinstance(instr.args[0], str):
            return None
        return instr.args[0], Value(self, instr.args[1], value.rate)


def _join(rates: Iterable[str]) -> str:
    found = set(rates) - {"scalar"}
    if not found:
        return "scalar"
    return found.pop() if len(found) == 1 else "pair"


_EXACT = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "ratio": lambda a, b: sympy.Integer(0) if a == 0 else a / b,
    "neg": lambda a: -a,
    "sqrt": sympy.sqrt,
    "exp": sympy.exp,
    "expm1": lambda a: sympy.exp(a) - 1,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "asin": sympy.asin,
    "atan2": sympy.atan2,
    "abs": sympy.Abs,
    "min": sympy.Min,
    "max": sympy.Max,
    "lt": lambda a, b: a < b,
}
