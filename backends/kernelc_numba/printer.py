"""The Numba printer: scalar Python for the body of a loop, which LLVM turns into vector code."""

from typing import ClassVar

from sympy import Expr

from kernelc.emit import NumPyPrinter
from kernelc.errors import LoweringError
from kernelc.program import CALLS, Instr


class NumbaPrinter(NumPyPrinter):
    """Expressions for one pair; whatever has another rate stays NumPy."""

    functions_of_pairs: ClassVar = {
        "sqrt": "np.sqrt({0})", "exp": "exp({0})", "expm1": "expm1({0})", "sin": "sin({0})", "cos": "cos({0})",
        "asin": "asin({0})", "atan2": "atan2({0}, {1})", "abs": "abs({0})", "where": "({1} if {0} else {2})",
        "min": "minimum({0}, {1})", "max": "maximum({0}, {1})", "and": "(({0}) & ({1}))",
    }  # fmt: skip

    def constant(self, number: Expr, op: str = "") -> str:
        """An exact number; in float32 code all are named, for Numba's literals are double precision."""
        return self.constants.name(number) if self.dtype == "float32" else super().constant(number, op)

    def call(self, instr: Instr, args: list[str]) -> str:
        """A function call."""
        if instr.rate != "pair" or instr.op in CALLS:
            return super().call(instr, args)
        if instr.op not in self.functions_of_pairs:
            raise LoweringError(f"the Numba backend has no '{instr.op}' of pairs")
        return self.functions_of_pairs[instr.op].format(*args)
