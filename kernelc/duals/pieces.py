"""An activation as smooth pieces: the line cut wherever a switch (max, min, abs, sign, heaviside, Piecewise) acts.

On each open interval between two cuts the formula holds no switch any more. The walk is bottom-up, so that nested
switches see smooth arguments: the cuts of an expression are those of its arguments and, for a switch, the zeros of what
it compares (:mod:`kernelc.duals.zeros`); a sample point of every interval then decides the branch. Zeros under a
fractional power are branch points, and are cuts as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import mpmath
from sympy import (
    Abs,
    Basic,
    Expr,
    Float,
    Heaviside,
    Integer,
    Max,
    Min,
    Piecewise,
    Rational,
    lambdify,
    nan,
    oo,
    sign,
    zoo,
)
from sympy.core.relational import Eq, Ge, Gt, Le, Lt, Ne, Relational
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from kernelc.duals.refusal import refuse
from kernelc.duals.zeros import DIGITS, position, symbolic, zeros
from kernelc.symbols import x

SWITCHES = (Abs, sign, Heaviside, Max, Min, Piecewise)
MOST = 40
"""More pieces than this are refused."""

_TRUTH = {Gt: (1,), Ge: (0, 1), Lt: (-1,), Le: (-1, 0), Eq: (0,), Ne: (-1, 1)}


@dataclass(frozen=True)
class Piece:
    """The formula ``expr``, without switches, for lo < x < hi."""

    lo: Expr
    hi: Expr
    expr: Expr

    @property
    def sample(self) -> Expr:
        """A number inside, the same for equal intervals, and none at which formulas have special values."""
        if self.lo is -oo and self.hi is oo:
            return Rational(61, 97)
        if self.lo is -oo:
            return _short(position(self.hi) - mpmath.mpf(61) / 97)
        if self.hi is oo:
            return _short(position(self.lo) + mpmath.mpf(61) / 97)
        low, high = position(self.lo), position(self.hi)
        return _short(low + (high - low) * 47 / 97, high - low)


def pieces(phi: Expr) -> tuple[Piece, ...]:
    """The pieces of an activation, from left to right.

    Refused are kinks whose position depends on a parameter, and infinitely many of them.

    >>> from sympy import Max, Min
    >>> [(p.lo, p.hi, p.expr) for p in pieces(Max(-1, Min(1, x)))]
    [(-oo, -1, -1), (-1, 1, x), (1, oo, 1)]
    """
    phi = phi.replace(lambda node: isinstance(node, Float), lambda node: Rational(str(node)))
    with mpmath.workdps(2 * DIGITS):
        return _Walk().visit(phi)


def _short(value: Any, width: Any = 1) -> Expr:
    """A short fraction near a number, well inside of an interval of that width."""
    near = Fraction(mpmath.nstr(value, 30)).limit_denominator(int(1000 / min(1, width)) + 1)
    return Rational(near.numerator, near.denominator)


class _Walk:
    def __init__(self) -> None:
        self.known: dict[Basic, tuple[Piece, ...]] = {}
        self.points: list[Expr] = []  # branch points, where equal formulas do not continue each other

    def visit(self, node: Basic) -> tuple[Piece, ...]:
        if node not in self.known:
            self.known[node] = self.split(node)
        return self.known[node]

    def split(self, node: Basic) -> tuple[Piece, ...]:
        if not node.has(x) or not (node.has(*SWITCHES, Relational) or _branches(node)):
            return (Piece(-oo, oo, node),)
        if isinstance(node, Piecewise):
            return self.piecewise(node)
        columns = [self.visit(arg) for arg in node.args]
        found: list[Piece] = []
        for lo, hi, args in _common(columns):
            found += self.switch(node, lo, hi, args) if _acts(node) else [Piece(lo, hi, node.func(*args))]
        return self.merge(node, found)

    def switch(self, node: Basic, lo: Expr, hi: Expr, args: list[Expr]) -> list[Piece]:
        """The pieces of a switch between two cuts of its arguments."""
        if node.is_Pow:
            parts = _between(lo, hi, zeros(args[0], lo, hi))
            self.points += [a for a, _ in parts[1:]]
            return [Piece(a, b, node.func(*args)) for a, b in parts]
        if isinstance(node, Max | Min):
            want = 1 if isinstance(node, Max) else -1
            best = [Piece(lo, hi, args[0])]
            for arg in args[1:]:
                best = [part for piece in best for part in _larger(piece, arg, want)]
            return best
        if isinstance(node, Relational):
            args = [args[0] - args[1]]
        found = []
        for a, b in _between(lo, hi, zeros(args[0], lo, hi)):
            found.append(Piece(a, b, _choice(node, args[0], sign_in(args[0], a, b))))
        return found

    def piecewise(self, node: Piecewise) -> tuple[Piece, ...]:
        columns = [self.visit(part) for pair in node.args for part in pair.args]
        found = []
        for lo, hi, args in _common(columns):
            chosen = next((v for v, holds in zip(args[::2], args[1::2], strict=True) if holds == True), None)  # noqa: E712
            if chosen is None:
                raise refuse(node, "no branch holds for every x")
            found.append(Piece(lo, hi, chosen))
        return self.merge(node, found)

    def merge(self, node: Basic, found: Sequence[Piece]) -> tuple[Piece, ...]:
        """Neighbours of one formula are one piece."""
        merged: list[Piece] = []
        for piece in found:
            if piece.expr.has(zoo, nan, oo):
                raise refuse(node, f"it is infinite, or no number, for all x between {piece.lo} and {piece.hi}")
            if merged and piece.lo not in self.points and same(merged[-1].expr, piece.expr):
                merged[-1] = Piece(merged[-1].lo, piece.hi, merged[-1].expr)
            else:
                merged.append(piece)
        if len(merged) > MOST:
            raise refuse(f"x = {merged[0].hi}, {merged[1].hi}, ...", f"more than {MOST} kinks")
        return tuple(merged)


def _branches(node: Basic) -> bool:
    """Whether there is a fractional power of something that may have a zero."""
    return any(_acts(power) for power in node.atoms(type(x**2)))


def _acts(node: Basic) -> bool:
    if node.is_Pow:
        return bool(node.base.has(x) and not node.exp.is_integer and not node.base.is_positive)
    return isinstance(node, (*SWITCHES, Relational))


def _choice(node: Basic, arg: Expr, side: int) -> Basic:
    if isinstance(node, Abs):
        return arg * side
    if isinstance(node, sign):
        return Integer(side)
    if isinstance(node, Heaviside):
        return Integer(1 + side) / 2
    return BooleanTrue() if side in _TRUTH[type(node)] else BooleanFalse()


def _larger(piece: Piece, arg: Expr, want: int) -> list[Piece]:
    """The larger (or, for −1, the smaller) of a piece and an argument."""
    f = arg - piece.expr
    f = f.expand() if f.is_polynomial(x) else f
    parts = _between(piece.lo, piece.hi, zeros(f, piece.lo, piece.hi))
    return [Piece(a, b, arg if sign_in(f, a, b) == want else piece.expr) for a, b in parts]


def sign_in(f: Expr, lo: Expr, hi: Expr) -> int:
    """The sign of ``f`` on an interval in which it has no zeros, 0 where it vanishes throughout."""
    if f.free_symbols - {x}:
        raise symbolic(f)
    point = Piece(lo, hi, f).sample
    function = lambdify(x, f, "mpmath")
    width = min(1, position(hi) - position(lo)) if lo is not -oo and hi is not oo else 1
    for shift in (0, mpmath.mpf(1) / 7, -mpmath.mpf(1) / 11):
        value = mpmath.re(function(position(point) + shift * width))
        if mpmath.isnan(value):
            raise refuse(f, "it is not a real number everywhere")
        if abs(value) > mpmath.mpf(10) ** (-3 * DIGITS // 2):
            return int(mpmath.sign(value))
    return 0


def _between(lo: Expr, hi: Expr, cuts: Sequence[Expr]) -> list[tuple[Expr, Expr]]:
    """The intervals between cuts that lie inside of an interval."""
    tiny = mpmath.mpf(10) ** (5 - DIGITS)
    inside = [
        (position(cut), cut)
        for cut in cuts
        if (lo is -oo or position(cut) > position(lo) + tiny) and (hi is oo or position(cut) < position(hi) - tiny)
    ]
    ends = [lo, *(cut for _, cut in sorted(inside, key=lambda pair: pair[0])), hi]
    if len(ends) > MOST:
        raise refuse(f"x = {ends[1]}, {ends[2]}, ...", f"more than {MOST} kinks")
    return list(pairwise(ends))


def _common(columns: Sequence[tuple[Piece, ...]]) -> list[tuple[Expr, Expr, list[Expr]]]:
    """The common refinement of several cuts of the line, with the expression of each column."""
    tiny = mpmath.mpf(10) ** (5 - DIGITS)
    rows = [(piece.lo, piece.hi, [piece.expr]) for piece in columns[0]]
    for column in columns[1:]:
        finer = []
        for lo, hi, exprs in rows:
            for a, b in _between(lo, hi, [piece.lo for piece in column if piece.lo is not -oo]):
                last = [p for p in column if p.lo is -oo or (a is not -oo and position(p.lo) < position(a) + tiny)][-1]
                finer.append((a, b, [*exprs, last.expr]))
        rows = finer
    return rows


def same(one: Expr, two: Expr) -> bool:
    """Whether two smooth formulas are equal, being equal at two points to 60 digits."""
    if one == two:
        return True
    if not isinstance(one, Expr) or not isinstance(two, Expr):
        return False
    names = sorted((one - two).free_symbols, key=str)
    if not names:
        return bool((one - two).equals(0))
    function = lambdify(names, one - two, "mpmath")
    for start in (mpmath.mpf(3) / 7, mpmath.mpf(5) / 3):
        value = function(*[start + mpmath.mpf(k) / 13 for k in range(len(names))])
        if not abs(value) < mpmath.mpf(10) ** (-3 * DIGITS // 2):
            return False
    return True
