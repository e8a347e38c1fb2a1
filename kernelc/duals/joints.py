"""What an activation does beside the ends of its pieces, and beside the places where it may be infinite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
from sympy import Expr, Pow, log, oo

from kernelc.duals.pieces import Piece, same
from kernelc.duals.rewriting import precise
from kernelc.duals.zeros import position, zeros
from kernelc.symbols import x


@dataclass(frozen=True)
class Side:
    """The value φ has beside a point, and whether φ or φ' grows without bound there."""

    value: Any
    singular: bool


def beside(expr: Expr, cut: Expr, side: int) -> Side:
    """φ just beside a point, and whether φ or φ' grows without bound there."""
    with mpmath.workdps(80):
        f, g = precise(expr), precise(expr.diff(x))
        at = position(cut) if cut.free_symbols == set() else mpmath.mpf(0)
        far, near = (at + side * mpmath.mpf(10) ** -d for d in (12, 24))
        try:
            grows = any(abs(h(near)) > 1.1 * abs(h(far)) + 1e-6 for h in (f, g))
            return Side(f(near), bool(grows))
        except (ZeroDivisionError, OverflowError, ValueError):
            return Side(mpmath.nan, True)


def is_jump(left: Side, right: Side) -> bool:
    """Whether the values on both sides of a point differ."""
    gap, size = abs(left.value - right.value), abs(left.value) + abs(right.value)
    return bool(gap > 1e-11 * (1 + size))


def gaps(part: Piece) -> list[Expr]:
    """Where the formula of a piece may be 0/0 or unbounded, its ends included."""
    bases = [p.base for p in part.expr.atoms(Pow) if p.exp.is_negative and p.base.has(x) and not p.base.is_positive]
    bases += [f.args[0] for f in part.expr.atoms(log) if f.args[0].has(x) and not f.args[0].is_positive]
    found: list[Expr] = []
    for base in bases:
        for root in zeros(base, part.lo, part.hi):
            low = part.lo is -oo or position(root) >= position(part.lo)
            if low and (part.hi is oo or position(root) <= position(part.hi)) and root not in found:
                found.append(root)
    return found


def has_poles(piece: Piece) -> bool:
    """Whether the formula of a piece is unbounded, or its derivative, somewhere inside."""
    inner = (root for root in gaps(piece) if root not in (piece.lo, piece.hi))
    return any(beside(piece.expr, root, side).singular for root in inner for side in (-1, 1))


def parity_of(parts: Sequence[Piece]) -> int:
    """1 where the pieces make an even function, -1 where an odd one, else 0."""
    with mpmath.workdps(80):
        for one, two in zip(parts[:-1], parts[:0:-1], strict=True):
            if abs(position(one.hi) + position(two.lo)) > 1e-30:
                return 0
        mirrored = [(p.expr.xreplace({x: -x}), q.expr) for p, q in zip(parts, reversed(parts), strict=True)]
        for sign in (1, -1):
            if all(same(p, sign * q) for p, q in mirrored):
                return sign
    return 0
