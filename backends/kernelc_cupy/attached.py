"""Activations that no straight-line code evaluates: their place in CUDA code, and what is kept of a point for them."""

from __future__ import annotations

import re

from sympy import Expr

from kernelc.errors import UnsupportedError
from kernelc.program import Attachment, Block, Instr, Program
from kernelc.runtime.closed import ClosedDual, PolarDual
from kernelc.runtime.power import PowerDual
from kernelc.runtime.table import DualTable
from kernelc_cupy.evaluated import closed, digits, evaluator, power, table
from kernelc_cupy.printer import CALL, features

PARTS = {  # files of CUDA code that each kind needs, in this order
    DualTable: ("tables",),
    PowerDual: ("power",),
    ClosedDual: ("special", "polar", "closed"),
    PolarDual: ("special", "polar", "closed"),
}


class Attached:
    """The attachments of a program. ``before``: how many parameters come before the tables."""

    def __init__(self, program: Program, dtype: str, before: int) -> None:
        self.duals = {attachment.name: evaluator(attachment) for attachment in program.attachments}
        self.tables = [name for name, dual in self.duals.items() if isinstance(dual, DualTable)]
        self.texts = [self._text(attachment, dtype, before) for attachment in program.attachments]

    def parts(self) -> list[str]:
        """The files of CUDA code that the attachments need."""
        found = {part for dual in self.duals.values() for part in PARTS[type(dual)]}
        return [part for part in ("tables", "power", "special", "polar", "closed") if part in found]

    def digits(self) -> str:
        """The numbers that these files need."""
        return digits() if "special" in self.parts() else ""

    def _text(self, attachment: Attachment, dtype: str, before: int) -> str:
        name, dual = attachment.name, self.duals[attachment.name]
        if isinstance(dual, DualTable):
            return table(name, dual, self.tables.index(name), before, dtype)
        if isinstance(dual, PowerDual):
            return power(name, dual, dtype)
        if isinstance(dual, ClosedDual | PolarDual):
            return closed(attachment, dual)
        raise UnsupportedError(f"the cupy backend does not know what '{name}' is evaluated by: {type(dual).__name__}")

    def sets(self, block: Block) -> dict[str, tuple[str, str | Expr]]:
        """What pairs read of attachments: the name of each set of numbers, its attachment, the standard deviation."""
        calls = [(i, match[1]) for i in block.pair.instrs if (match := _call(i)) and len(i.args) == 4]
        return {features(name, i.args[2]): (name, i.args[2]) for i, name in calls}

    def width(self, block: Block) -> str:
        """How many numbers a block saves for a point, as C++."""
        return _sum(len(block.saved), [name for name, _ in self.sets(block).values()])

    def starts(self, block: Block) -> dict[str, str]:
        """Where the sets begin among them."""
        sets = self.sets(block)
        names = [name for name, _ in sets.values()]
        return {own: _sum(len(block.saved), names[:k]) for k, own in enumerate(sets)}

    def saved(self, program: Program) -> str:
        """How many numbers all layers save for a point, as Python."""
        total = sum(block.count * len(block.saved) for block in program.blocks)
        terms = []
        for name, dual in self.duals.items():
            times = sum(b.count * [n for n, _ in self.sets(b).values()].count(name) for b in program.blocks)
            if isinstance(dual, DualTable):
                terms.append(f"{times} * DUALS[{self.tables.index(name)}].width")
            else:
                total += times * (1 if isinstance(dual, PowerDual) else 4)  # `width` in the CUDA code
        return " + ".join([str(total), *terms])


def _call(instr: Instr) -> re.Match[str] | None:
    return CALL.match(instr.callee) if instr.op == "call" else None


def _sum(numbers: int, names: list[str]) -> str:
    return " + ".join([str(numbers), *(f"{name}::width(p)" for name in names)])
