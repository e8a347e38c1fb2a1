"""The numexpr printer.

SymPy's own is not usable: it prints ``math.pi``, ``max(0, x)`` and ``math.erf``, none of which numexpr takes. A number
that is no integer would make numexpr compute in double precision, and so would an integer among a function's arguments;
in float32 code such numbers have names instead.
"""

import inspect
import re
from typing import ClassVar

from sympy import Expr

from kernelc.emit import ModuleWriter, NumPyPrinter
from kernelc.errors import LoweringError
from kernelc.printing import Statement
from kernelc.program import CALLS, Instr
from kernelc.runtime import definitions
from kernelc_numexpr import evaluator

ONE_STEP = re.compile(r"[\w.]+(\*| [-+/<] )[\w.]+")
MOST = 63  # operands that numexpr takes


class NumexprPrinter(NumPyPrinter):
    """numexpr expressions for pairs; whatever has another rate stays NumPy."""

    python: ClassVar = frozenset(  # vector code in NumPy; a branch for every entry in numexpr: where, min and max
        ("sqrt", "exp", "expm1", "sin", "cos", "asin", "atan2", "where", "min", "max")
    )
    functions_of_pairs: ClassVar = {"abs": "abs({0})", "and": "(({0}) & ({1}))"}
    fuses = True  # a line of its own costs a pass over a tile
    short = 24
    longest = 300

    def constant(self, number: Expr, op: str = "") -> str:
        """An exact number; in float32 code all are named but the integers next to an operator."""
        if self.dtype == "float32" and (op in self.functions_of_pairs or not number.is_Integer):
            return self.constants.name(number)
        return super().constant(number, op)

    def call(self, instr: Instr, args: list[str]) -> str:
        """A function call in numexpr's language."""
        if instr.rate != "pair" or instr.op in CALLS or instr.op in self.python:
            return super().call(instr, args)
        if instr.op not in self.functions_of_pairs:
            raise LoweringError(f"numexpr has no '{instr.op}'")
        return self.functions_of_pairs[instr.op].format(*args)

    def inlines(self, instr: Instr, text: str) -> bool:
        """Short sums and products: numexpr shares them within an expression, and a line costs a pass over a tile."""
        return instr.op in ("neg", "add", "sub", "mul", "lt") and len(text) <= self.short


class NumexprWriter(ModuleWriter):
    """Statements about pairs become ``evaluate("expression", operands)``."""

    imports = ("import numexpr", "import numpy as np")
    tile = zonal_tile = (64, 1024)
    block = 1024
    library = "numexpr"
    pair_printer = NumexprPrinter
    helpers = definitions(inspect.getsource(evaluator))

    def pair_statement(self, statement: Statement) -> str:
        """One expression, compiled on first use; NumPy, if it is a single step, or too long for numexpr."""
        if ONE_STEP.fullmatch(statement.text) or len(statement.uses) > MOST:
            return f"{statement.name} = {statement.text}"
        operands = ", ".join(f"{name}={name}" for name in statement.uses)
        line = f'{statement.name} = evaluate("{statement.text}", {operands})'
        if len(line) <= 112:
            return line
        return f'{statement.name} = evaluate(\n    "{statement.text}",\n    {operands},\n)'
