"""The pieces of an activation as branches of NumPy code.

Two means serve what no rule of rewriting knows: a ratio of sums of exponentials that would overflow gets a branch on
either side of 0, in exponentials that are small there; and where a formula is 0/0, as sin(x)/x, a polynomial takes
over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import mpmath
import numpy as np
from sympy import Expr, Integer, Rational, oo

from kernelc.duals.joints import gaps
from kernelc.duals.numpy_function import compiled, rescue
from kernelc.duals.numpy_print import printed
from kernelc.duals.pieces import Piece
from kernelc.duals.ratios import balanced
from kernelc.duals.rewriting import derivative, precise, rewritten
from kernelc.duals.zeros import position
from kernelc.symbols import x

GAP = Rational(1, 4)
"""Half the width of the interval in which a polynomial stands for a formula that is 0/0 in the middle."""


@dataclass(frozen=True)
class Branch:
    """The texts of φ and φ' on one piece."""

    value: str
    slope: str


@dataclass(frozen=True)
class Row:
    """One branch of the code, from ``lo`` on: its texts, and the exact φ and φ'."""

    lo: Expr
    branch: Branch
    expr: Expr
    slope: Expr


def rows_of(part: Piece) -> list[Row]:
    """The branches of a piece: one, unless its formula divides 0 by 0 somewhere; there a polynomial takes over."""
    rows, at = [], part.lo
    for root in sorted(gaps(part), key=position):
        lo, hi = (root if root == end else root + side * GAP for end, side in ((part.lo, -1), (part.hi, 1)))
        inside = all(end in (-oo, oo) or (position(point) - position(end)) * side >= 0 for point, end, side in (
            (lo, at, 1), (hi, part.hi, -1)))  # fmt: skip
        texts = [_polynomial(f, root) for f in (part.expr, part.expr.diff(x))] if inside else [None]
        if None in texts:
            continue
        if lo != at:
            rows += _balanced_rows(Piece(at, lo, part.expr))
        rows.append(Row(lo, Branch(str(texts[0]), str(texts[1])), part.expr, part.expr.diff(x)))
        at = hi
    return rows if at == part.hi else rows + _balanced_rows(Piece(at, part.hi, part.expr))


def _polynomial(expr: Expr, root: Expr) -> str | None:
    """The text of the interpolant next to a removable gap; None where the gap is none."""
    n, centre = 18, float(position(root))
    with mpmath.workdps(60):
        f = precise(expr)
        try:
            t = [mpmath.cos(mpmath.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
            y = [f(centre + u / 4) for u in t]
            matrix = mpmath.matrix(n, n)
            for i, u in enumerate(t):
                for k in range(n):
                    matrix[i, k] = u**k
            c = mpmath.lu_solve(matrix, mpmath.matrix(y))
            size = max(abs(v) for v in c)
            for point in (mpmath.mpf(3) / 31, mpmath.mpf(8) / 33):
                error = sum(c[k] * (4 * point) ** k for k in range(n)) - f(centre + point)
                if not abs(error) <= 1e-17 * (1 + size):
                    return None
        except (ZeroDivisionError, OverflowError, ValueError, TypeError):
            return None
        numbers = [float(c[k] * mpmath.mpf(4) ** k) for k in range(n)]
        numbers = [v if abs(v) * 4.0**-k > 1e-22 * float(size) else 0.0 for k, v in enumerate(numbers)]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    argument = f"x - {centre!r}" if centre > 0 else f"x + {-centre!r}" if centre < 0 else "x"
    return f"np.polynomial.polynomial.polyval({argument}, {numbers!r})"


def _balanced_rows(part: Piece) -> list[Row]:
    """The branches of a piece without gaps: one, or two that meet at 0 if else an exponential overflows."""
    expr, slope = part.expr, part.expr.diff(x)
    plain = _row(part.lo, rewritten(expr), derivative(expr), expr, slope)
    if _sound(part, plain):
        return [plain]
    halves = []
    for side in (-1, 1):
        lo, hi = (part.lo, _least(part.hi)) if side < 0 else (_most(part.lo), part.hi)
        if lo is not -oo and hi is not oo and position(lo) >= position(hi):
            continue
        value, rate = (rewritten(balanced(f, side) or f) for f in (expr, slope))
        halves.append(_row(lo, value, rate, expr, slope))
        if not _sound(Piece(lo, hi, expr), halves[-1]):
            return [plain]
    return halves


def _least(hi: Expr) -> Expr:
    return Integer(0) if hi is oo or position(hi) > 0 else hi


def _most(lo: Expr) -> Expr:
    return Integer(0) if lo is -oo or position(lo) < 0 else lo


def _row(lo: Expr, value: Expr, slope: Expr, expr: Expr, exact_slope: Expr) -> Row:
    return Row(lo, Branch(printed(value)[0], printed(slope)[0]), expr, exact_slope)


def _sound(part: Piece, row: Row) -> bool:
    """Whether the texts give a number, far out as well, wherever the true value is one."""
    points = [s * p for p in (0.5, 3.0, 40.0, 300.0, 720.0, 1000.0, 10000.0) for s in (-1, 1)]
    inside = [
        p for p in points if (part.lo is -oo or p > position(part.lo)) and (part.hi is oo or p < position(part.hi))
    ]
    if not inside:
        return True
    at = np.array(inside)
    for text, exact in ((row.branch.value, row.expr), (row.branch.slope, row.slope)):
        with np.errstate(all="ignore"):
            found = np.broadcast_to(compiled(text)(at), at.shape)
        for point, value in zip(inside, found, strict=True):
            if not math.isfinite(value) and math.isfinite(rescue(exact, point)):
                return False
    return True
