"""Dual activations: E[φ(u)φ(v)] and E[φ'(u)φ'(v)] over a Gaussian pair, derived from the formula of φ.

A formula goes through the normal form (``branches``, ``smooth``, ``atoms``), is split by parity, and every pair of
atoms is integrated in closed form (``tilt``, ``gated``, ``mehler``, ``interference``, ``meansplit``); ``exact`` puts
the pieces together and ``public`` turns them into what people read. Each tier is one function from φ to a Dual, and
the first that does not refuse has it.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, SympifyError, sympify

from kernelc.duals.exact import derive as exact
from kernelc.duals.record import Dual, Part
from kernelc.errors import InputError, UnsupportedError

__all__ = ["Dual", "Part", "dual"]

TIERS: tuple[Callable[[Expr], Dual], ...] = (exact,)


def dual(phi: Expr | str) -> Dual:
    """The dual of an activation, given as an expression in ``kernelc.symbols.x``, a formula or a built-in's name.

    >>> dual("max(0, x)").nngp
    (c*(pi - acos(c/(sqrt(q1)*sqrt(q2)))) + sqrt(-c**2 + q1*q2))/(2*pi)
    """
    expression = _parse(phi) if isinstance(phi, str) else _expression(phi)
    for tier in TIERS[:-1]:
        try:
            return tier(expression)
        except UnsupportedError:
            continue
    return TIERS[-1](expression)


def _expression(phi: object) -> Expr:
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
