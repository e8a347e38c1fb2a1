"""The pair code of one layer as loops over a tile.

Where it calls NumPy in between (double-double for flagged entries, an activation's table), there is a loop before and
a loop after, and the values that cross are kept in tiles. Gap, side and Θ are overwritten, by the last loop.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field

from kernelc.emit import function, needed, pair_opening
from kernelc.printing import Constants, Statement
from kernelc.program import Block
from kernelc.templates import PAIR_SIGNATURE
from kernelc_numba.printer import NumbaPrinter

CALL = re.compile(r"\w\(")
STATE = ("gap", "side", "ntk")


@dataclass
class Stage:
    """One loop: its statements, and the calls of NumPy that follow it."""

    statements: list[Statement] = field(default_factory=list)
    calls: list[Statement] = field(default_factory=list)


class Layer:
    """Prints the pair code of block ``n``."""

    def __init__(self, n: int, title: str, block: Block, constants: Constants, dtype: str) -> None:
        self.n, self.title, self.block = n, title, block
        self.statements, self.ends = NumbaPrinter(constants, dtype).statements(block.pair)
        self.outputs = dict(block.pair.outputs)
        self.by_name = {s.name: s for s in self.statements}
        self.rates = dict(block.pair.inputs) | {s.name: s.rate for s in self.statements}
        self.cheap = self._cheap()
        self.always = needed(self.statements, self.ends["gap"].uses + self.ends["side"].uses)
        self.changed = [name for name in STATE if self._is_computed(self.ends[name])]
        self.stages = self._staged()

    def text(self) -> list[str]:
        """The loops, then the function that runs them."""
        lines = [*pair_opening(self.block), *(f"{s.name} = {s.text}" for s in self.statements if s.rate != "pair")]
        lines += self._tiles()
        loops = []
        for k, stage in enumerate(self.stages):
            last = stage is self.stages[-1]
            if body := self._body(stage, last):
                name = f"loop_{self.n}" + (f"_{k + 1}" if len(self.stages) > 1 else "")
                names = self._names(stage, last)
                loops.append(self._loop(name, names, self._read(stage, last), body))
                lines.append(wrapped(f"{name}(", [*map(_variable, names), "ntk is not None"], 4))
            lines += [self._call(s) for s in stage.calls]
        lines.append(f"return {', '.join(self._returned(name) for name in STATE)}")
        return [*loops, function(PAIR_SIGNATURE.format(self.n), self.title, lines)]

    def _is_computed(self, end: Statement) -> bool:
        """Whether a loop computes this end of the layer: it is not what came in, nor a number, nor from NumPy."""
        if end.text == end.name or not {"pair", "one", "two"} & {self.rates.get(name) for name in end.uses}:
            return False
        return not (end.text in self.by_name and self.by_name[end.text].plain)

    def _staged(self) -> list[Stage]:
        """The statements about pairs by loop, each in the first that can have it; call k follows loop k.

        What costs next to nothing is computed again in every loop that uses it: the fewer tiles a loop has, the surer
        it becomes vector code, for LLVM compares all their places in memory first.
        """
        ready = dict.fromkeys(self.rates, 0)  # the first loop that can use a value
        calls: dict[str, int] = {}
        loops: dict[str, int] = {}
        for s in (s for s in self.statements if s.rate == "pair"):
            at = max((ready[name] - (s.plain and self._is_called(name)) for name in s.uses if name in ready), default=0)
            ready[s.name] = at + s.plain
            (calls if s.plain else loops)[s.name] = at
        stages = [Stage() for _ in range(max([-1, *calls.values()]) + 2)]
        ends = [self.by_name[name] for end in self.changed for name in self.ends[end].uses if name in self.by_name]
        for k, stage in enumerate(stages):
            own = [s for s in self.statements if loops.get(s.name) == k and s.name not in self.cheap]
            stage.calls = [s for s in self.statements if calls.get(s.name) == k]
            users = [name for s in [*own, *stage.calls] for name in s.uses]
            users += [s.name for s in ends if stage is stages[-1]]
            again = needed([s for s in self.statements if s.name in self.cheap], tuple(users))
            stage.statements = [s for s in self.statements if s in own or (s.name in again & self.cheap)]
        return stages

    def _cheap(self) -> set[str]:
        """Products and differences of rows and columns, and comparisons of one tile with them."""
        cheap: set[str] = set()
        for s in self.statements:
            tiles = [name for name in s.uses if self.rates.get(name) == "pair" and name not in cheap]
            if s.rate == "pair" and not CALL.search(s.text) and len(tiles) <= s.logical:
                cheap.add(s.name)
        return cheap

    def _is_called(self, name: str) -> bool:
        return name in self.by_name and self.by_name[name].plain

    def _tiles(self) -> list[str]:
        """New tiles: for values that cross from one loop to the next, for a side that was +1, for a Θ that was 0."""
        lines = []
        if "ntk" in self._all_names():
            # where Θ is not wanted its tile is not touched, but loops over tiles that overlap are no vector code
            given = "ntk if ntk is not None else " if "ntk" in self.rates else ""
            lines.append(f"tangent = {given}np.empty_like(gap)")
        if "side" in self.changed and "side" not in self.rates:
            lines.append("side = np.empty_like(gap)")
        for stage in self.stages:
            for s in self._crossing(stage):
                lines.append(f"{s.name} = np.empty({'gap.shape, np.bool_' if s.logical else 'gap.shape, F'})")
        return lines

    def _crossing(self, stage: Stage) -> list[Statement]:
        """The values of a stage that calls or other stages use."""
        calls = {name for other in self.stages for s in other.calls for name in s.uses}
        others = [other for other in self.stages if other is not stage]
        later = {name for other in others for name in self._read(other, other is self.stages[-1])}
        return [s for s in stage.statements if s.name in calls | (later - self.cheap)]

    def _all_names(self) -> set[str]:
        return {name for stage in self.stages for name in self._names(stage, stage is self.stages[-1])}

    def _read(self, stage: Stage, last: bool) -> list[str]:
        """What a loop reads of what it does not compute itself, but for the constants of the module."""
        ends = [self.ends[name] for name in self.changed] if last else []
        own = {s.name for s in stage.statements}
        return [name for s in [*stage.statements, *ends] for name in s.uses if name in self.rates and name not in own]

    def _names(self, stage: Stage, last: bool) -> list[str]:
        """The arguments of a loop: tiles, rows, columns, numbers, in this order."""
        written = [s.name for s in self._crossing(stage)] + (self.changed if last else [])
        names = dict.fromkeys(["gap", *self._read(stage, last), *written])  # at least one tile: the loop has its shape
        return sorted(names, key=lambda name: ("pair", "one", "two", "scalar").index(self.rates.get(name, "pair")))

    def _body(self, stage: Stage, last: bool) -> list[str]:
        """The lines of a loop for one pair; what only Θ needs is skipped where it is not wanted."""
        crossing = {s.name for s in self._crossing(stage)}

        def written(statements: Iterable[Statement]) -> list[str]:
            lines = []
            for s in statements:
                lines.append(f"{s.name} = {s.text}")
                lines += [f"{s.name}_tile[i, j] = {s.name}"] if s.name in crossing else []
            return lines

        lines = written(s for s in stage.statements if s.name in self.always)
        ends = {name: f"{name}_tile[i, j] = {self.ends[name].text}" for name in self.changed} if last else {}
        only = written(s for s in stage.statements if s.name not in self.always)
        only += [ends["ntk"]] if "ntk" in ends else []
        if only:
            lines += ["if with_ntk:", *(f"    {line}" for line in only)]
        return lines + [ends[name] for name in ("gap", "side") if name in ends]

    def _loop(self, name: str, names: list[str], read: list[str], body: list[str]) -> str:
        arguments = [_argument(name, self.rates.get(name, "pair")) for name in names]
        rows = [f"{name} = {name}_rows[i, 0]" for name in names if self.rates.get(name) == "one"]
        pairs = [
            f"{name} = {_argument(name, rate)}[{'0' if rate == 'two' else 'i'}, j]"
            for name in names
            if (rate := self.rates.get(name, "pair")) in ("pair", "two") and name in read
        ]
        lines = [
            "for i in range(gap_tile.shape[0]):",
            *(f"    {line}" for line in rows),
            "    for j in range(gap_tile.shape[1]):",
            *(f"        {line}" for line in [*pairs, *body]),
        ]
        return "@Loop\n" + function(wrapped(f"{name}(", [*arguments, "with_ntk"], 4), self.title, lines)

    def _call(self, s: Statement) -> str:
        if s.name in self.always:
            return f"{s.name} = {s.text}"
        return f"{s.name} = gap if ntk is None else {s.text}"

    def _returned(self, name: str) -> str:
        """What the layer returns for gap, side or Θ."""
        end = self.ends[name]
        if name in self.changed:
            return "None if ntk is None else tangent" if name == "ntk" else name
        if end.text == name or self._is_called(end.text) or (name == "side" and self.outputs["side"] == 1):
            return "1" if name == "side" and self.outputs["side"] == 1 else end.text
        new = f"np.full_like(gap, {end.text})"
        return f"None if ntk is None else {new}" if name == "ntk" else new


def wrapped(opening: str, arguments: list[str], indent: int) -> str:
    """A call, or the head of a function, on as many lines as it takes."""
    text = f"{opening}{', '.join(arguments)})"
    if len(text) <= 108:
        return text
    lines = textwrap.wrap(", ".join(arguments) + ",", 108, break_long_words=False)
    return "\n".join([opening, *(" " * indent + line for line in lines), ")"])


def _argument(name: str, rate: str) -> str:
    return {"pair": f"{name}_tile", "one": f"{name}_rows", "two": f"{name}_columns", "scalar": name}[rate]


def _variable(name: str) -> str:
    """The variable of ``pair_n`` that holds an argument of a loop."""
    return "tangent" if name == "ntk" else name
