"""Dual activations: E[φ(u)φ(v)] and E[φ'(u)φ'(v)] over a Gaussian pair, derived from the formula of φ.

A formula goes through the normal form (``branches``, ``smooth``, ``atoms``), is split by parity, and every pair of
atoms is integrated in closed form (``tilt``, ``gated``, ``mehler``, ``interference``, ``meansplit``); ``exact`` puts
the pieces together and ``public`` turns them into what people read. Each tier is one function from φ to a Dual, and
the first that does not refuse has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import Basic, Expr, SympifyError, sympify

from kernelc.duals import exact, series, special
from kernelc.duals.record import Dual, Part
from kernelc.duals.refusal import PREFIX
from kernelc.errors import InputError, UnsupportedError
from kernelc.foreign import PythonFunction, wrap
from kernelc.symbols import x

__all__ = ["Dual", "Part", "dual"]

TIERS: tuple[Callable[[Expr], Dual], ...] = (exact.derive, special.derive, series.derive)


def dual(phi: Expr | str | Callable[..., Any]) -> Dual:
    """The dual of an activation: an expression in ``kernelc.symbols.x``, a formula, a built-in's name or a function.

    >>> dual("max(0, x)").nngp
    (c*(pi - acos(c/(sqrt(q1)*sqrt(q2)))) + sqrt(-c**2 + q1*q2))/(2*pi)
    """
    expression = _parse(phi) if isinstance(phi, str) else _expression(phi)
    if isinstance(expression, PythonFunction):
        return replace(series.derive(expression), node_reason=f"{expression} is a Python function")
    reason = ""
    for tier in TIERS[:-1]:
        try:
            return tier(expression)
        except UnsupportedError as refusal:
            reason = str(refusal)
    try:
        return replace(TIERS[-1](expression), node_reason=reason.removeprefix(PREFIX))
    except UnsupportedError as refusal:
        if not expression.free_symbols - {x}:
            raise
        raise UnsupportedError(f"{refusal}; it has none because of {reason.removeprefix(PREFIX)}") from None


def _expression(phi: object) -> Expr:
    if callable(phi) and not isinstance(phi, Basic | type(Basic)):
        return wrap(phi)
    try:
        expression = sympify(phi, strict=True)
    except SympifyError:
        expression = None
    if not isinstance(expression, Expr):
        raise InputError(f"phi: expected a formula, an activation's name or a SymPy expression, found {phi!r}")
    return expression


def _parse(text: str) -> Expr:
    from kernelc import activations, formula

    return activations.build(text) if text.isidentifier() and text != "x" else formula.parse_formula(text)
