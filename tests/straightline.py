"""Straight-line code for tests: run it in mpmath, or as the text that a backend prints."""

from dataclasses import replace

import mpmath
import numpy as np

from kernelc.emit import NumPyPrinter
from kernelc.exact import MPArithmetic
from kernelc.printing import Constants
from kernelc.runtime.rows import ratio
from kernelc_numexpr import evaluator
from kernelc_numexpr.printer import NumexprPrinter, NumexprWriter

IN_MPMATH = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
    "ratio": lambda a, b: a / b if b else a * 0, "neg": lambda a: -a, "sqrt": mpmath.sqrt, "exp": mpmath.exp,
    "expm1": mpmath.expm1, "sin": mpmath.sin, "cos": mpmath.cos, "asin": mpmath.asin, "atan2": mpmath.atan2,
    "abs": abs, "min": min, "max": max, "lt": lambda a, b: a < b, "and": lambda a, b: a and b,
    "where": lambda condition, a, b: a if condition else b,
}  # fmt: skip


def in_mpmath(code, values):
    """The outputs of a piece of code at the working precision, every instruction as its definition says."""
    known = dict(values)

    def value(atom):
        return known[atom] if isinstance(atom, str) else MPArithmetic().number(atom)

    for instr in code.instrs:
        known[instr.name] = IN_MPMATH[instr.op](*map(value, instr.args))
    return {name: value(atom) for name, atom in code.outputs}


def printed(code, backend, dtype="float64"):
    """A piece of code as a backend prints it, constants on top; the outputs are called out_<name>."""
    constants = Constants("C", "F({hi})")
    printer = NumPyPrinter(constants) if backend == "numpy" else NumexprPrinter(constants, dtype)
    statements, ends = printer.statements(code)
    lines = []
    for s in [*statements, *(replace(end, name=f"out_{name}") for name, end in ends.items())]:
        in_numexpr = backend == "numexpr" and s.rate == "pair" and not s.plain
        lines.append(NumexprWriter.pair_statement(None, s) if in_numexpr else f"{s.name} = {s.text}")
    return "\n".join([*constants.lines(), *lines])


def in_backend(code, values, backend="numpy", dtype="float64"):
    """The outputs of a piece of code, printed by a backend and run."""
    F = np.dtype(dtype).type
    names = {"np": np, "F": F, "ratio": ratio, "evaluate": evaluator.evaluate}
    names |= {name: np.asarray(value, dtype=F) for name, value in values.items()}
    exec(printed(code, backend, dtype), names)
    return {name: names[f"out_{name}"] for name, _ in code.outputs}
