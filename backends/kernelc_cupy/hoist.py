"""What depends on one point only leaves the pairs: the row computes it once, in its own precision, and saves it.

Pair code has the same function of a point twice, once for each of the two; it is saved once, and both are read from
there. What takes few operations stays where it is: reading a number costs as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeAlias

from sympy import Expr

from kernelc.program import PRIMITIVES, Block, Code, Instr, Program

Atom: TypeAlias = "str | Expr"

SIMPLE = ("add", "sub", "mul", "neg", "abs", "min", "max", "lt", "and", "where")  # one operation; others are many
MANY = 8
ENOUGH = 4  # operations that are worth a number saved
POINTS = ("one", "two")
COMMUTE = ("add", "mul", "min", "max")


def hoist(program: Program) -> Program:
    """The program, its pairs without what a row can compute."""
    return replace(program, blocks=tuple(_Hoister(block).run() for block in program.blocks))


@dataclass
class _Hoister:
    block: Block
    names: dict[str, str] = field(default_factory=dict)  # of values of one point in pair code: what they become

    def run(self) -> Block:
        pair = self.block.pair
        self.instrs = {i.name: i for i in pair.instrs}
        self.rates = dict(pair.inputs)
        self.row = _Row(self.block)
        for name in self._shown():
            if self._costs(name) > ENOUGH:
                own = self.row.saved(self._in_row(name))
                self.names[name] = own + "12"[POINTS.index(self.instrs[name].rate)]
        if not self.names:
            return self.block
        instrs = [replace(i, args=tuple(map(self._renamed, i.args))) for i in pair.instrs if i.name not in self.names]
        outputs = tuple((name, self._renamed(value)) for name, value in pair.outputs)
        needed = _needed(instrs, outputs)
        points = {name: POINTS["12".index(name[-1])] for name in self.names.values()}
        inputs = self.rates | {name: points[name] for name in sorted(points) if name in needed}
        code = Code(
            tuple((name, rate) for name, rate in inputs.items() if name in needed or name in ("gap", "side", "ntk")),
            tuple(i for i in instrs if i.name in needed),
            outputs,
        )
        return replace(self.block, row=self.row.code(), pair=code, saved=tuple(self.row.names))

    def _shown(self) -> list[str]:
        """The values of one point that pairs use, and that the row can compute, in order."""
        used = {a for i in self.block.pair.instrs if i.rate == "pair" for a in i.args}
        used |= {value for _, value in self.block.pair.outputs}
        own = [i.name for i in self.block.pair.instrs if i.rate in POINTS and i.name in used]
        return [name for name in own if self._is_plain(name)]

    def _is_plain(self, atom: Atom) -> bool:
        """Whether it is straight-line code of parameters and of what the row saved."""
        if instr := self.instrs.get(atom) if isinstance(atom, str) else None:
            return instr.op in PRIMITIVES and all(map(self._is_plain, instr.args))
        return not isinstance(atom, str) or self.rates[atom] == "scalar" or atom[:-1] in self.block.saved

    def _costs(self, name: str) -> int:
        """How many operations it takes, from what is saved."""
        found: dict[str, int] = {}

        def visit(atom: Atom) -> None:
            if isinstance(atom, str) and atom in self.instrs and not {atom} & (self.names.keys() | found.keys()):
                instr = self.instrs[atom]
                found[atom] = 1 if instr.op in SIMPLE else MANY
                for a in instr.args:
                    visit(a)

        visit(name)
        return sum(found.values())

    def _in_row(self, atom: Atom) -> Atom:
        """The same value in row code."""
        if not isinstance(atom, str):
            return atom
        if instr := self.instrs.get(atom):
            return self.row.value(instr.op, tuple(map(self._in_row, instr.args)), instr.rate)
        return self.row.parameter(atom) if self.rates[atom] == "scalar" else self.row.outputs[atom[:-1]]

    def _renamed(self, atom: Atom) -> Atom:
        return self.names.get(atom, atom) if isinstance(atom, str) else atom


class _Row:
    """Row code that grows. The same operation on the same values is one instruction."""

    def __init__(self, block: Block) -> None:
        self.inputs, self.outputs = dict(block.row.inputs), dict(block.row.outputs)
        self.instrs = {i.name: i for i in block.row.instrs}
        self.names = {name: self.outputs[name] for name in block.saved}
        self.numbers = {_key(i.op, i.args): i.name for i in block.row.instrs if not i.callee}
        codes = block.row, block.pair
        self.taken = {
            *self.outputs,
            *(name for c in codes for name, _ in c.inputs),
            *(i.name for c in codes for i in c.instrs),
        }

    def value(self, op: str, args: tuple[Atom, ...], rate: str) -> Atom:
        """The name of an operation's value; the square of a root is what the root is of."""
        if op == "mul" and args[0] == args[1] and (root := self.instrs.get(str(args[0]))) and root.op == "sqrt":
            return root.args[0]
        key = _key(op, args)
        if key not in self.numbers:
            name = f"t_once_{len(self.instrs)}"
            self.instrs[name] = Instr(name, op, args, "scalar" if rate == "scalar" else "one")
            self.numbers[key] = name
        return self.numbers[key]

    def parameter(self, name: str) -> str:
        self.inputs.setdefault(name, "scalar")
        return name

    def saved(self, value: Atom) -> str:
        """The name under which a value is saved: a new one, unless it is saved already."""
        for name, known in self.names.items():
            if known == value:
                return name
        name = next(own for own in map("h{}_".format, count(1)) if not self.taken & {own, own + "1", own + "2"})
        self.taken.add(name)
        self.names[name] = self.outputs[name] = value
        return name

    def code(self) -> Code:
        return Code(tuple(self.inputs.items()), tuple(self.instrs.values()), tuple(self.outputs.items()))


def _key(op: str, args: tuple[Atom, ...]) -> tuple[str, tuple[Atom, ...]]:
    return op, tuple(sorted(args, key=str)) if op in COMMUTE else args


def _needed(instrs: Iterable[Instr], outputs: Iterable[tuple[str, Atom]]) -> set[str]:
    """The names that the outputs use."""
    found = {value for _, value in outputs if isinstance(value, str)}
    for i in reversed(tuple(instrs)):
        if i.name in found:
            found |= {a for a in i.args if isinstance(a, str)}
    return found
