"""The closed forms of the special tier as the text of a generated module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Expr

from kernelc.builder import Builder, Value
from kernelc.duals import Dual
from kernelc.emit import NumPyPrinter, function
from kernelc.interpret import interpret
from kernelc.lowering.arithmetic import Instructions
from kernelc.printing import Constants
from kernelc.symbols import kappa, rho, s1, s2

SPECIAL = {"Phi": "ndtr", "ExpPhi": "exp_ndtr", "Phi2": "exp_ndtr2", "Dawson": "dawson"}


class _Arithmetic(Instructions):
    """Instructions, the special functions among them."""

    def function(self, name: str) -> Callable[..., Any] | None:
        """The primitive of SymPy's name, or None."""
        if name == "atan":
            return lambda value: self.builder.op("atan2", value, 1)
        if name == "Abs":
            return lambda value: self.builder.op("abs", value)
        if name == "sign":
            return lambda value: self.builder.op("where", self.builder.op("lt", value, 0), -1, 1)
        if name == "PhiRatio":
            return lambda above, below: self.builder.op("ndtr", above / below)
        if name == "ExpPhiRatio":
            return lambda E, above, below: self.builder.op("exp_ndtr", E, above / below)
        if name not in SPECIAL:
            return super().function(name)
        return lambda *args: self.builder.op(SPECIAL[name], *args)


def formulas(name: str, dual: Dual) -> tuple[str, list[str]]:
    """The text of functions for E[φφ], E[φ²], E[φ'φ'], E[φ'²], and their names ("None" for what there is not).

    Raises LoweringError for a formula that generated modules have no code for.
    """
    closed = dual.closed
    assert closed is not None
    wanted = (
        (f"{name}_nngp", "E[φ(u)φ(v)]", closed.nngp, "s1, s2, rho, kappa"),
        (f"{name}_nngp_diag", "E[φ(u)²]", closed.nngp_diag, "s1"),
        (f"{name}_ntk", "E[φ'(u)φ'(v)]", closed.ntk, "s1, s2, rho, kappa"),
        (f"{name}_ntk_diag", "E[φ'(u)²]", closed.ntk_diag, "s1"),
    )
    texts, names = [], []
    for title, meaning, expr, arguments in wanted:
        names.append("None" if expr is None else title)
        if expr is not None:
            texts.append(_text(title, f"{meaning} for φ(x) = {dual.phi}", expr, arguments))
    return "\n\n\n".join(texts), names


def _text(title: str, meaning: str, expr: Expr, arguments: str) -> str:
    builder = Builder()
    env = {symbol: builder.input(symbol.name, "pair") for symbol in (s1, s2, rho, kappa)}
    value: Value = interpret(expr, env, _Arithmetic(builder))
    constants = Constants(f"{title}_", "{hi}")
    statements, ends = NumPyPrinter(constants).statements(builder.code({"value": value}))
    lines = [*constants.lines(), *(f"{s.name} = {s.text}" for s in statements), f"return {ends['value'].text}"]
    return function(f"{title}({arguments})", meaning, lines)
