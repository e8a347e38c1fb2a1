"""How many digits a closed form of the special tier loses in float64: the sizes of the terms of E[φ(u)²] and E[φ'(u)²]
against their sums, where these are largest over q from 1e-3 to 400.

Left out is where φ is next to zero, E[φ(u)²] < 1e-12·q: relu(x − 1) at q = 1e-3 is the tail of a tail, and its closed
form there a difference of large terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
from sympy import Add, Expr, Tuple
from sympy.logic.boolalg import Boolean

from kernelc import orthants
from kernelc.duals.record import Closed
from kernelc.interpret import interpret
from kernelc.symbols import q1, s1

BOUND = 1e-12
UNIT = 1e-15
VARIANCES = ("0.001", "0.01", "0.1", "1", "10", "100", "400")
NOTHING = 1e-12
MARGIN = 0.9
"""How near a variance may be to the end of the domain."""


class _Digits:
    """mpmath as an arithmetic that converts each number once."""

    def __init__(self) -> None:
        self.known: dict[Expr, Any] = {}

    def number(self, number: Expr) -> Any:
        if isinstance(number, Tuple):
            return [self.number(part) for part in number]
        if number not in self.known:
            self.known[number] = mpmath.mpf(number.evalf(mpmath.mp.dps))
        return self.known[number]

    def function(self, name: str) -> Callable[..., Any] | None:
        return orthants.FUNCTIONS.get(name) or getattr(mpmath, name, None)


def error_bound(closed: Closed, domain: Boolean) -> float:
    """A bound for the error relative to √(E11·E22), for parameters of order one."""
    values = [value for value in (closed.nngp_diag, closed.ntk_diag) if value is not None]
    if any(value.free_symbols - {s1} for value in values):
        return BOUND
    with mpmath.workdps(30):
        inside = [mpmath.mpf(q) for q in VARIANCES if domain.subs(q1, float(q) / MARGIN) == True]  # noqa: E712
        digits = _Digits()
        return max([BOUND, *(UNIT * _condition(value, q, digits) for value in values for q in inside)])


def _condition(value: Expr, q: Any, digits: _Digits) -> float:
    terms = [interpret(term, {s1: mpmath.sqrt(q)}, digits) for term in Add.make_args(value)]
    total = mpmath.fsum(terms)
    return float(mpmath.fsum(map(abs, terms)) / total) if total > NOTHING * q else 1.0
