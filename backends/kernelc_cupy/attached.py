"""Activations that an object of the module evaluates: their place in CUDA code. Only tables have one."""

from __future__ import annotations

import math
import re

from sympy import Expr

from kernelc.errors import UnsupportedError
from kernelc.program import Attachment, Block, Instr, Program
from kernelc.runtime.table import DualTable
from kernelc_cupy.printer import CALL, features, literal

TABLE = """\
struct {name} {{ // the table of {label}
    static constexpr int tables = {tables}, number = {number}; // where in p the tables are, and which it is
    static constexpr bool odd = {odd}, even = {even}; // its parts
    static constexpr double low = {low!r}, high = {high!r}; // the range of log s
    static constexpr double value = {value!r}, slope = {slope!r}; // φ(0) and φ'(0)
    static constexpr F zoom = {zoom}, stretch = {stretch}; // of the angle
}};"""


class Attached:
    """The attachments of a program. ``before``: how many parameters come before the tables."""

    def __init__(self, program: Program, dtype: str, before: int) -> None:
        for attachment in program.attachments:
            if attachment.runtime != ("table",):
                raise UnsupportedError(
                    f"the cupy backend runs the exact tier, and activations by a table: '{attachment.name}' is "
                    "evaluated otherwise; take duals='table', or, where no table serves it, another backend, such as "
                    "numba"
                )
        self.names = [attachment.name for attachment in program.attachments]
        self.texts = [_struct(n, a, dtype, before) for n, a in enumerate(program.attachments)]

    def sets(self, block: Block) -> dict[str, tuple[str, str | Expr]]:
        """What pairs read of tables: the name of each set of features, its table, and the standard deviation."""
        calls = [(i, match[1]) for i in block.pair.instrs if (match := _call(i)) and len(i.args) == 4]
        return {features(name, i.args[2]): (name, i.args[2]) for i, name in calls}

    def width(self, block: Block) -> str:
        """How many numbers a block saves for a point, as C++."""
        return _sum(len(block.saved), [name for name, _ in self.sets(block).values()])

    def starts(self, block: Block) -> dict[str, str]:
        """Where the sets of features begin among them."""
        sets = self.sets(block)
        tables = [name for name, _ in sets.values()]
        return {own: _sum(len(block.saved), tables[:k]) for k, own in enumerate(sets)}

    def saved(self, program: Program) -> str:
        """How many numbers all layers save for a point, as Python."""
        total = [str(sum(block.count * len(block.saved) for block in program.blocks))]
        for k, table in enumerate(self.names):
            times = sum(b.count * [name for name, _ in self.sets(b).values()].count(table) for b in program.blocks)
            total.append(f"{times} * DUALS[{k}].width")
        return " + ".join(total)


def _call(instr: Instr) -> re.Match[str] | None:
    return CALL.match(instr.callee) if instr.op == "call" else None


def _sum(numbers: int, tables: list[str]) -> str:
    return " + ".join([str(numbers), *(f"table_width<{name}>(p)" for name in tables)])


def _struct(number: int, attachment: Attachment, dtype: str, before: int) -> str:
    defined: dict[str, DualTable] = {}
    exec(attachment.text, {"DualTable": DualTable}, defined)  # our own text, never the user's
    dual = defined[attachment.name]
    return TABLE.format(
        name=attachment.name,
        label=" ".join(dual.name.split()).replace("\\", ""),  # a comment of one line
        tables=before,
        number=number,
        odd=str("odd" in dual.parts).lower(),
        even=str("even" in dual.parts).lower(),
        low=float(dual.low),
        high=float(dual.high),
        value=float(dual.at_zero[0]),
        slope=float(dual.at_zero[1]),
        zoom=literal(2 / dual.delta, dtype),
        stretch=literal(4 / math.asinh(0.5 * math.pi / dual.delta), dtype),
    )
