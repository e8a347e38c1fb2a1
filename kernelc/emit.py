"""Program → the text of a Python module: everything that the NumPy family of backends has in common.

A backend subclasses :class:`ModuleWriter` and says how a statement about pairs is printed; rows are always NumPy, in
float64 or, where a program asks for care, in double-double.
"""

from __future__ import annotations

import textwrap
from typing import ClassVar

from kernelc import runtime
from kernelc.backend import Sheet
from kernelc.printing import Constants, Printer, Statement
from kernelc.program import Block, Code, Instr, Program
from kernelc.templates import LAYERED, ON_ONE_THREAD, PAIR_SIGNATURE
from kernelc.wording import docstring, identity, public, self_test


class NumPyPrinter(Printer):
    """NumPy expressions."""

    functions: ClassVar = {
        "ratio": "ratio({0}, {1})", "sqrt": "np.sqrt({0})", "exp": "np.exp({0})", "expm1": "np.expm1({0})",
        "sin": "np.sin({0})", "cos": "np.cos({0})", "asin": "np.arcsin({0})", "atan2": "np.arctan2({0}, {1})",
        "abs": "np.abs({0})", "min": "np.minimum({0}, {1})", "max": "np.maximum({0}, {1})",
        "ndtr": "ndtr({0})", "exp_ndtr": "exp_ndtr({0}, {1})", "dawson": "dawson({0})",
        "exp_ndtr2": "exp_ndtr2({0}, {1}, {2}, {3}, {4})",
        "and": "np.logical_and({0}, {1})", "where": "np.where({0}, {1}, {2})",
    }  # fmt: skip

    def call(self, instr: Instr, args: list[str]) -> str:
        """A call; the numbers of a ``where`` take the module's dtype, which NumPy would not give them."""
        if instr.op == "refine":
            return f"refine({instr.callee}, {', '.join(args)})"
        if instr.op == "where":
            args = [text if isinstance(a, str) else f"F({text})" for a, text in zip(instr.args, args, strict=True)]
        return super().call(instr, args)


class ModuleWriter:
    """Writes one module."""

    imports_first: tuple[str, ...] = (
        "import collections",
        "import copy",
        "import functools",
        "import itertools",
        "import os",
        "import threading",
        "from collections.abc import Callable, Iterator",
        "from concurrent.futures import ThreadPoolExecutor",
        "from contextlib import AbstractContextManager, contextmanager, nullcontext",
        "from types import ModuleType",
        "from typing import Any, NoReturn",
    )
    imports: tuple[str, ...] = ("import numpy as np",)
    tile = zonal_tile = (64, 512)  # the height of a tile divides its width, and that the width of a block
    block = 512
    opening = ""  # text that the layers need before them
    helpers = ON_ONE_THREAD  # text of functions that the printed pair code calls
    pair_printer: type[Printer] = NumPyPrinter
    library = "NumPy"

    def __init__(self, program: Program, sheet: Sheet, dtype: str) -> None:
        self.program, self.sheet, self.dtype = program, sheet, dtype
        self.constants = Constants("C", "F({hi})")
        self.careful = Constants("D", "DD({hi}, {lo})")
        self.plain = Constants("R", "{hi}")

    def pair_statement(self, statement: Statement) -> str:
        """One statement about pairs."""
        return f"{statement.name} = {statement.text}"

    def text(self) -> str:
        """The whole module."""
        body = [self._block(n, block) for n, block in enumerate(self.program.blocks, 1)]
        exact = [self._exact(name, code) for name, code in self.program.exact]
        deviations = self.deviations()  # printing names the constants that the settings define
        careful = self.program.careful
        parts = [
            docstring(self.program, self.sheet, self.library),
            self.import_lines(),
            identity(self.sheet),
            self.settings(),
            *([self.opening] if self.opening else []),
            section("The layers: what each does to one point, and to a pair of points"),
            *body,
            self.schedule(),
            deviations,
            *([section("The plain formulas, for entries that ask for more digits")] if exact else []),
            *exact,
            *([section("The activations without straight-line code")] if self.program.attachments else []),
            *[attachment.functions for attachment in self.program.attachments if attachment.functions],
            section("What this module is for"),
            public(self.program),
            self_test(self.sheet, self.dtype),
            section("The machinery: the same in every module"),
            *([self.helpers] if self.helpers else []),
            *map(runtime.source, ("inputs", "calls", "rows", "errorfree", "angles")),
            self.pairwise(),
            *map(runtime.source, ("threads", "tiles")),
            *(map(runtime.source, ("collapse", "tabulated", "zonal")) if self.program.collapse else [LAYERED]),
            *([runtime.source("doubledouble")] if careful else []),
            *(["\n".join(self.careful.lines())] if self.careful.names else []),
            *[runtime.source(name) for name in self._runtimes()],
            *[attachment.text for attachment in self.program.attachments],
            'if __name__ == "__main__":\n    self_test()',
        ]
        return "\n\n".join(p.strip("\n") + "\n" for p in parts)

    def pairwise(self) -> str:
        """The text of what every pair goes through outside the layers."""
        return runtime.source("pairwise")

    def settings(self) -> str:
        """The constants of the module."""
        lines = [
            f"F = np.{self.dtype}  # of results and of pairs; what depends on one point only is computed in float64",
            f"TILE = {self.tile}  # rows and columns of the tiles that layers are applied to",
            f"ZONAL_TILE = {self.zonal_tile}  # and of those that are looked up in a table",
            f"NORMALIZE = {self.program.normalize}  # input rows onto the sphere |x|² = d",
            f"NO_NTK = {self.program.ntk_reason!r}  # why there is no NTK; empty where there is one",
            f"CAREFUL = {self.program.careful}  # what depends on one point only in double-double",
            f"BLOCK = {self.block}  # rows and columns of one matrix product, the work of one thread",
            *self.collapse_settings(),
            *self.constants.lines(),
            *self.plain.lines(),
        ]
        return "\n".join(lines)

    def collapse_settings(self) -> list[str]:
        """Those of the table in the angle."""
        if not self.program.collapse:
            return []
        error = "None" if self.sheet.collapse_error is None else f"{self.sheet.collapse_error:.0e}"
        return [
            f"HOMOGENEOUS = {self.program.homogeneous!r}  # of the angle alone, in units of sqrt(K_ii K_jj)",
            f"COLLAPSE_ERROR = {error}  # of the table in the angle at |x|² = d, in sqrt(K_ii K_jj)",
        ]

    def _block(self, n: int, block: Block) -> str:
        title = block.title if block.count == 1 else f"{block.title}: {block.count} times"
        row = function(f"row_{n}(q, ntk, p)", title, [*_scalars(block.row, "{0}"), *self._row(block)])
        return "\n\n\n".join([row, *self.pair_functions(n, title, block)])

    def _row(self, block: Block) -> list[str]:
        """The body of a row function: q and ntk after the block, and what it saves for the pairs."""
        constants = self.careful if self.program.careful else self.plain
        statements, ends = NumPyPrinter(constants).statements(block.row)
        saved = ", ".join(ends[name].text for name in block.saved) + ("," if len(block.saved) == 1 else "")
        lines = [f"{s.name} = {s.text}" for s in statements]
        return [*lines, f"return {ends['q'].text}, {ends['ntk'].text}, ({saved})"]

    def pair_functions(self, n: int, title: str, block: Block) -> list[str]:
        """The function ``pair_n``, and those that it calls: what only Θ needs comes last, if it is wanted."""
        lines = pair_opening(block)
        statements, ends = self.pair_printer(self.constants, self.dtype).statements(block.pair)
        always = needed(statements, ends["gap"].uses + ends["side"].uses)
        lines += [self._statement(s) for s in statements if s.name in always]
        if ends["ntk"].text != "ntk":
            only = [s for s in statements if s.name not in always] + [ends["ntk"]]
            lines += ["if ntk is not None:", *(textwrap.indent(self._statement(s), "    ") for s in only)]
        lines.append(f"return {self._expression(ends['gap'])}, {self._expression(ends['side'])}, ntk")
        return [function(PAIR_SIGNATURE.format(n), title, lines)]

    def _expression(self, statement: Statement) -> str:
        """The value of a statement, as an expression."""
        return self._statement(statement).removeprefix(f"{statement.name} = ")

    def _statement(self, statement: Statement) -> str:
        """One line: pairs in the backend's own language, the rest in NumPy."""
        if statement.rate == "pair" and not statement.plain:
            return self.pair_statement(statement)
        return f"{statement.name} = {statement.text}"

    def schedule(self) -> str:
        """Which layers there are, and how often each runs."""
        rows = [
            f"    ({block.count}, row_{n}, pair_{n}),  # {block.title}"
            for n, block in enumerate(self.program.blocks, 1)
        ]
        return "\n".join(["BLOCKS = (", *rows, ")"])

    def deviations(self) -> str:
        """The function that computes W_std and b_std from parameters."""
        code = self.program.deviations
        statements, ends = NumPyPrinter(self.plain).statements(code)
        lines = [*_scalars(code, "{0}"), *(f"{s.name} = {s.text}" for s in statements)]
        pairs = ", ".join(f"({name!r}, {end.text})" for name, end in ends.items())
        lines.append(f"return ({pairs}{',' if len(ends) == 1 else ''})")
        return function(
            "deviations(p)", "W_std and b_std, as far as they depend on parameters: none may be negative", lines
        )

    def _exact(self, name: str, code: Code) -> str:
        statements, outputs = NumPyPrinter(self.careful).statements(code)
        lines = [f"{s.name} = {s.text}" for s in statements]
        lines.append(f"return {outputs['value'].text}")
        title = "What pairs that ask for it get in double-double"
        return function(f"{name}({', '.join(n for n, _ in code.inputs)})", title, lines)

    def import_lines(self) -> str:
        """The imports, sorted."""
        first = (*self.imports_first, *(["import base64"] if "table" in self._runtimes() else []))
        return "\n".join([*sorted(first, key=lambda line: (line.startswith("from "), line)), "", *self.imports])

    def _runtimes(self) -> list[str]:
        """The runtime files that the attachments need, each once."""
        return list(dict.fromkeys(name for attachment in self.program.attachments for name in attachment.runtime))


def section(title: str) -> str:
    """A heading among the code."""
    return f"# ---- {title} {'-' * (100 - len(title))}"


def pair_opening(block: Block) -> list[str]:
    """The first lines of ``pair_n``: parameters, and what the rows saved, under the names that pair code has for it."""
    used = {name for name, _ in block.pair.inputs}
    saved = [line for which in ("1", "2") if (line := _unpack(block.saved, which, used))]
    return [*_scalars(block.pair, "F({0})"), *saved]


def needed(statements: list[Statement], ends: tuple[str, ...]) -> set[str]:
    """The names that the computation of ``ends`` uses."""
    found = set(ends)
    for s in reversed(statements):
        if s.name in found:
            found |= set(s.uses)
    return found


def _scalars(code: Code, cast: str) -> list[str]:
    return [f"{name} = " + cast.format(f'p["{name}"]') for name, rate in code.inputs if rate == "scalar"]


def _unpack(saved: tuple[str, ...], which: str, used: set[str]) -> str:
    names = [name + which if name + which in used else "_" for name in saved]
    if set(names) <= {"_"}:
        return ""
    return f"{', '.join(names)}{',' if len(names) == 1 else ''} = {'one' if which == '1' else 'two'}"


def function(signature: str, title: str, lines: list[str]) -> str:
    """The text of a function."""
    return "\n".join([f"def {signature}:", f'    """{title}"""', *(textwrap.indent(line, "    ") for line in lines)])


def _wrap(line: str) -> list[str]:
    return textwrap.wrap(line, 108, subsequent_indent="    ", break_long_words=False) or [""]
