"""``kernelc.dual``: the dual of an activation, with the error that its evaluation in numbers has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import Expr

from kernelc import duals
from kernelc.duals import Dual
from kernelc.duals.numpy_code import numeric
from kernelc.errors import UnsupportedError
from kernelc.evaluation import why_no_table
from kernelc.evaluation.quadrature import measured_error
from kernelc.tables import lookup

RANGE = (1e-2, 1e2)


def dual(phi: Expr | str | Callable[..., Any]) -> Dual:
    """The dual of an activation: a formula, a built-in's name, a SymPy expression in ``kernelc.symbols.x``.

    ``error_bound`` of the series tier is measured on first use, for E[u²] and E[v²] from 1e-2 to 100: on the table of
    the activation, or on the quadrature that serves it. Raises SpecError for what is no formula, InputError for what is
    no activation, UnsupportedError where E[φ(u)²] is infinite.

    >>> dual("max(0, x)").nngp
    (c*(pi - acos(c/(sqrt(q1)*sqrt(q2)))) + sqrt(-c**2 + q1*q2))/(2*pi)
    """
    found = duals.dual(phi)
    return replace(found, measure=lambda: _error(found.phi)) if found.tier == "series" else found


def _error(phi: Expr) -> float:
    """The error of what evaluates φ in a compiled kernel."""
    code = numeric(phi)
    if not why_no_table(code):
        try:
            return lookup(phi, RANGE).error
        except UnsupportedError:
            pass
    return measured_error(code, RANGE)
