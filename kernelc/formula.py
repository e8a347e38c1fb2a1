"""Text ↔ SymPy: formulas of activations, and exact numbers. Nothing is ever evaluated as Python.

The language: numbers (a decimal is the exact rational it shows), ``x``, declared parameters, ``+ - * / **``, the
functions and constants of ``vocabulary.py``, and conditions inside ``where`` and ``Piecewise``.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from numbers import Real
from typing import TypeAlias

from sympy import Expr

from kernelc.errors import SpecError
from kernelc.messages import located, quote
from kernelc.parser import exact, parse
from kernelc.symbols import parameter
from kernelc.unparse import unparse
from kernelc.vocabulary import CONDITIONALS, CONSTANTS, FUNCTIONS

__all__ = ["Names", "Scalar", "functions", "parse_formula", "parse_scalar", "unparse"]

Names: TypeAlias = Collection[str] | Mapping[str, Expr] | None
Scalar: TypeAlias = int | float | str | Decimal | Fraction | Expr

_Bindings: TypeAlias = tuple[tuple[str, Expr], ...] | None


def functions() -> dict[str, str]:
    """Every function and constant of the language → its meaning in one line."""
    words = {name: function.meaning for name, function in FUNCTIONS.items()}
    return words | CONDITIONALS | {name: f"the constant {value}" for name, value in CONSTANTS.items()}


def parse_formula(text: str, parameters: Names = (), *, where: str = "formula") -> Expr:
    """The SymPy expression, in ``kernelc.symbols.x``, that ``text`` spells.

    ``parameters``: the names that may appear beside x; they become ``kernelc.symbols.parameter(name)``, or, in a
    mapping, the expressions given. ``None`` allows any name. ``where`` opens every error message.

    Raises :class:`SpecError` for whatever is not in the language, not real on the whole line, or too large.

    >>> parse_formula("where(x > 0, x, 0.1*x)")
    Piecewise((x, x > 0), (x/10, True))
    """
    with located(f"{where}: "):
        if not isinstance(text, str):
            raise SpecError(f"expected a formula in quotes, found {quote(text)}")
        return _formula(text, _bindings(parameters))


def parse_scalar(value: Scalar, parameters: Names = (), *, where: str = "number", nonnegative: bool = False) -> Expr:
    """The exact real number that ``value`` shows: 0.1 is 1/10, a string is a formula without x, parameters allowed.

    Raises :class:`SpecError` for a value that is not finite and real or, if ``nonnegative``, is a number below zero.

    >>> parse_scalar(0.1), parse_scalar("sqrt(2)/gain", ["gain"])
    (1/10, sqrt(2)/gain)
    """
    with located(f"{where}: "):
        if isinstance(value, Real | Decimal):
            expr = exact(value)
        elif isinstance(value, str | Expr):
            expr = _scalar(value if isinstance(value, str) else unparse(value), _bindings(parameters))
        else:
            raise SpecError(f"expected a number, or a formula without x in quotes, found {quote(value)}")
        if nonnegative and expr.is_number and not expr.is_nonnegative:
            raise SpecError(f"expected a number that is not negative, found {quote(value)}")
        return expr


def _bindings(parameters: Names) -> _Bindings:
    """The names as a hashable table; None, any name, stays None."""
    if parameters is None:
        return None
    if isinstance(parameters, Mapping):
        return tuple(parameters.items())
    return tuple((name, parameter(name)) for name in sorted(parameters))


@lru_cache(maxsize=1024)
def _formula(text: str, bindings: _Bindings) -> Expr:
    return parse(text, None if bindings is None else dict(bindings), with_x=True)


@lru_cache(maxsize=1024)
def _scalar(text: str, bindings: _Bindings) -> Expr:
    names = None if bindings is None else dict(bindings)
    expr = parse(text, names, with_x=False)
    for _ in range(4):  # SymPy may simplify further what it reads back; keep the form that reads back as itself
        expr = parse(unparse(expr), names, with_x=False)
    return expr
