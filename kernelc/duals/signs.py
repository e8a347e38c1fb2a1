"""Whether an activation in pieces is nowhere negative."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Dummy, Poly, oo

from kernelc.duals.pieces import Piece
from kernelc.evaluate import evaluate
from kernelc.symbols import x

SMALL = 1e-15
"""A coefficient that is no more below zero than this is zero."""

_t = Dummy("t", positive=True)


def is_nonnegative(parts: Sequence[Piece]) -> bool:
    """Whether φ ≥ 0 is proved: polynomials by their coefficients seen from an end of the piece, the rest by SymPy."""
    if any(part.expr.free_symbols - {x} for part in parts):
        return False
    return not any(_negative(part) for part in parts) and all(_proved(part) for part in parts)


def _negative(part: Piece) -> bool:
    """Whether φ < 0 at the sample point: a quick no."""
    try:
        return evaluate(part.expr, {x: float(part.sample)}) < 0
    except (ArithmeticError, ValueError, KeyError):
        return False


def _proved(part: Piece) -> bool:
    ends = [end + side * _t for end, side in ((part.lo, 1), (part.hi, -1)) if end not in (oo, -oo)]
    if ends and part.expr.is_polynomial(x):
        views = [Poly(part.expr.xreplace({x: end}).expand(), _t) for end in ends]
        return any(all(value.evalf(20) > -SMALL for value in view.all_coeffs()) for view in views)
    return any(view.is_nonnegative is True for view in (part.expr, *(part.expr.xreplace({x: end}) for end in ends)))
