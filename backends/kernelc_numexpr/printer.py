"""The numexpr printer.

SymPy's own is not usable: it prints ``math.pi``, ``max(0, x)`` and ``math.erf``, none of which numexpr takes. A number
that is no integer would make numexpr compute in double precision, and so would an integer among a function's arguments;
in float32 code such numbers have names instead.
"""

import inspect
from typing import ClassVar

from sympy import Expr

from kernelc.emit import ModuleWriter, NumPyPrinter
from kernelc.errors import LoweringError
from kernelc.printing import Statement
from kernelc.program import CALLS, Instr
from kernelc_numexpr import evaluator


class NumexprPrinter(NumPyPrinter):
    """numexpr expressions for pairs; whatever has another rate stays NumPy."""

    functions_of_pairs: ClassVar = {
        "sqrt": "sqrt({0})", "exp": "exp({0})", "expm1": "expm1({0})", "sin": "sin({0})", "cos": "cos({0})",
        "asin": "arcsin({0})", "atan2": "arctan2({0}, {1})", "abs": "abs({0})", "where": "where({0}, {1}, {2})",
        "min": "minimum({0}, {1})", "max": "maximum({0}, {1})", "and": "(({0}) & ({1}))",
    }  # fmt: skip
    functions_in_single: ClassVar = {  # numexpr's own always answer in double precision
        "min": "where({0} < {1}, {0}, {1})", "max": "where({0} < {1}, {1}, {0})",
    }  # fmt: skip
    longest = 300

    def constant(self, number: Expr, op: str = "") -> str:
        """An exact number; in float32 code all are named but the integers next to an operator."""
        if self.dtype == "float32" and (op in self.functions_of_pairs or not number.is_Integer):
            return self.constants.name(number)
        return super().constant(number, op)

    def call(self, instr: Instr, args: list[str]) -> str:
        """A function call in numexpr's language."""
        if instr.rate != "pair" or instr.op in CALLS:
            return super().call(instr, args)
        if instr.op not in self.functions_of_pairs:
            raise LoweringError(f"numexpr has no '{instr.op}'")
        if self.dtype == "float32" and instr.op in self.functions_in_single:
            return self.functions_in_single[instr.op].format(*args)
        return self.functions_of_pairs[instr.op].format(*args)

    def inlines(self, instr: Instr, text: str) -> bool:
        """Short sums and products: numexpr shares them within an expression, and a line costs a pass over a tile."""
        return instr.op in ("neg", "add", "sub", "mul", "lt") and len(text) <= 24


class NumexprWriter(ModuleWriter):
    """Statements about pairs become ``evaluate("expression", operands)``."""

    imports_first = ("import functools", *ModuleWriter.imports_first)
    imports = ("import numexpr", "import numpy as np")
    tile = 256
    library = "numexpr"
    pair_printer = NumexprPrinter
    helpers = inspect.getsource(evaluator.compiled) + "\n\n" + inspect.getsource(evaluator.evaluate)

    def pair_statement(self, statement: Statement) -> str:
        """One expression, compiled on first use."""
        operands = ", ".join(f"{name}={name}" for name in statement.uses)
        line = f'{statement.name} = evaluate("{statement.text}", {operands})'
        if len(line) <= 112:
            return line
        return f'{statement.name} = evaluate(\n    "{statement.text}",\n    {operands},\n)'
