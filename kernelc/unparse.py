"""SymPy expression → text of the formula language, the inverse of ``formula.parse_formula``."""

from typing import Any

import sympy as sp
from sympy import Expr
from sympy.printing.str import StrPrinter

from kernelc.errors import SpecError

_NUMBERS = (sp.Rational, sp.Float, sp.core.numbers.Pi, sp.core.numbers.Exp1, sp.logic.boolalg.BooleanAtom)
_OPERATIONS = (sp.Symbol, sp.Add, sp.Mul, sp.Pow, sp.core.relational.Relational, sp.And, sp.Or, sp.Not)
_FUNCTIONS = (sp.exp, sp.log, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.atan, sp.erf, sp.erfc)
_SWITCHES = (
    sp.Abs,
    sp.sign,
    sp.Heaviside,
    sp.Max,
    sp.Min,
    sp.Piecewise,
    sp.functions.elementary.piecewise.ExprCondPair,
)
_KNOWN = (*_NUMBERS, *_OPERATIONS, *_FUNCTIONS, *_SWITCHES, sp.Tuple)


def unparse(expr: Expr) -> str:
    """``expr`` written in the formula language: ``parse_formula(unparse(expr)) == expr`` for what the parser built.

    The value of Heaviside at 0, which no expectation sees, is dropped. Raises :class:`SpecError` for what the language
    has no word for.

    >>> unparse(sp.Max(0, sp.Symbol("x")) ** 2 / sp.E)
    'max(0, x)**2*exp(-1)'
    """
    for node in sp.preorder_traversal(expr):
        if not isinstance(node, _KNOWN):
            raise SpecError(f"the formula language has no word for {type(node).__name__}")
    return str(_Unparser({"order": "old"}).doprint(expr))


class _Unparser(StrPrinter):  # type: ignore[misc]
    def _print_Exp1(self, expr: Expr) -> str:
        return "e"

    def _print_Max(self, expr: Expr) -> str:
        return f"max({self.stringify(expr.args, ', ')})"

    def _print_Min(self, expr: Expr) -> str:
        return f"min({self.stringify(expr.args, ', ')})"

    def _print_Abs(self, expr: Expr) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_Heaviside(self, expr: Expr) -> str:
        return f"heaviside({self._print(expr.args[0])})"

    def _print_Relational(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"

    def _print_And(self, expr: Any) -> str:
        return " and ".join(f"({self._print(arg)})" for arg in expr.args)

    def _print_Or(self, expr: Any) -> str:
        return " or ".join(f"({self._print(arg)})" for arg in expr.args)

    def _print_Not(self, expr: Any) -> str:
        return f"not ({self._print(expr.args[0])})"
