"""The CUDA printer: straight-line code → C++ expressions for one pair or one point."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
from sympy import Expr, Integer

from kernelc.errors import LoweringError
from kernelc.printing import Constants, Printer, Statement, double_double
from kernelc.program import Instr

CALL = re.compile(r"(\w+)\.(\w+)\(")  # of an attachment, in an instruction's callee
PARTS = {"{0}[0]": "{0}.gap", "{0}[1]": "{0}.side"}  # of what its `angle` gives


class CudaConstants(Constants):
    """Named constants of C++: ``kind`` is F (the dtype of pairs), double, or dd."""

    def __init__(self, prefix: str, kind: str, dtype: str = "float64") -> None:
        super().__init__(prefix, "")
        self.kind, self.dtype = kind, dtype

    def lines(self) -> list[str]:
        """One definition a line, with the exact value as comment."""
        return [self._line(name, number) for number, name in self.names.items()]

    def _line(self, name: str, number: Expr) -> str:
        self._value(number)  # raises for what is beyond the range
        high, low = double_double(number)
        if self.kind == "dd":  # no constexpr: it has a constructor
            return f"#define {name} dd({high!r}, {low!r}) // {number}"
        return f"constexpr {self.kind} {name} = {literal(high, self.dtype)}; // {number}"


def literal(value: float, dtype: str) -> str:
    """A number as C++ of its type: no double precision in float32 code."""
    if dtype != "float32":
        return repr(float(value))
    with np.errstate(over="ignore"):
        single = np.float32(value)
    if not np.isfinite(single) or (value and not single):
        raise LoweringError(f"the constant {value:.6g} is beyond the range of float32: take dtype='float64'")
    return f"{single!s}f"


class CudaPrinter(Printer):
    """C++ expressions."""

    functions: ClassVar = {
        "ratio": "ratio({0}, {1})", "sqrt": "sqrt({0})", "rsqrt": "rsqrt({0})", "fma": "fma({0}, {1}, {2})",
        "exp": "exp({0})", "expm1": "expm1({0})", "sin": "sin({0})", "cos": "cos({0})", "asin": "arcsine({0})",
        "atan2": "atan2({0}, {1})", "abs": "abs({0})", "min": "minimum({0}, {1})", "max": "maximum({0}, {1})",
        "and": "({0} && {1})", "where": "({0} ? {1} : {2})",
    }  # fmt: skip

    def constant(self, number: Expr, op: str = "") -> str:
        """An exact number. Among the arguments of a function an integer is of the type of the others."""
        text = super().constant(number, op)
        if op in ("fma", "atan2", "min", "max", "ratio", "sqrt", "where") and isinstance(number, Integer):
            return f"F({text})"
        return text + "f" if self.dtype == "float32" and "." in text else text

    def call(self, instr: Instr, args: list[str]) -> str:
        """A call; double-double for a pair that asks for it."""
        if instr.op == "refine":
            flag, rough, *inputs = args
            return f"(REFINE && {flag} ? {instr.callee}({', '.join(inputs)}) : {rough})"
        if instr.op == "call":
            return self.table(instr, args)
        return super().call(instr, args)

    def table(self, instr: Instr, args: list[str]) -> str:
        """A call of an attachment; from what it kept of the points rather than their standard deviations."""
        if not (match := CALL.match(instr.callee)):
            return PARTS[instr.callee].format(*args)
        name, function = match.groups()
        one, two = (features(name, s) + which for s, which in zip(instr.args[2:], "12", strict=True))
        return f"{name}::{function}<REFINE>({args[0]}, {args[1]}, {one}, {two}, p, asks)"


class RowPrinter(CudaPrinter):
    """The same for one point, in the type R of rows: double, or dd."""

    functions: ClassVar = CudaPrinter.functions | {"asin": "asin({0})"}

    def constant(self, number: Expr, op: str = "") -> str:
        """An exact number; literals are doubles."""
        text = Printer.constant(self, number, op)
        return f"R({text})" if op in ("atan2", "min", "max", "ratio", "sqrt", "where") else text

    def table(self, instr: Instr, args: list[str]) -> str:
        """A call of an attachment; in double precision."""
        name, function = instr.callee.split("(")[0].split(".")
        return f"R({name}::{function}(lead(R({args[0]})), p))"


def features(name: str, s: str | Expr) -> str:
    """The name of what is kept of a point for an attachment, but for its 1 or 2; ``s``: what its s1 or s2 is called."""
    return f"{name}_{s[:-1]}" if isinstance(s, str) else name + re.sub(r"\W", "_", f"_{s}_")


def assignment(statement: Statement, kind: str) -> str:
    """``const F name = ...;``."""
    if "::angle<" in statement.text:
        kind = "Angle"
    return f"const {'bool' if statement.logical else kind} {statement.name} = {statement.text};"
