"""The germ of an activation at a point: the formula without switches that it is equal to in a neighbourhood.

Every switch (max, abs, sign, where, ...) is decided in ball arithmetic. Where a switch does not compare equals, its
choice holds near the point too, by continuity; so a germ is proved, and so are the values computed from it. Near the
point it is a real-analytic function: a root or a logarithm of a positive one.
"""

from __future__ import annotations

from flint import arb, fmpq
from sympy import Abs, And, Basic, Expr, Heaviside, Integer, Max, Min, Not, Or, Piecewise, Rational, log, sign
from sympy.core.relational import Eq, Ge, Gt, Le, Lt, Ne, Relational
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from kernelc.certificates.balls import precision
from kernelc.certificates.structure.signs import ball
from kernelc.symbols import x

PRECISIONS = (64, 320)
_TRUTH = {Gt: (1,), Ge: (0, 1), Lt: (-1,), Le: (-1, 0), Eq: (0,), Ne: (-1, 1)}


class UndecidedError(Exception):
    """A switch compares what may be equal, or a value is not known to be finite."""


def germ(phi: Expr, t: Rational) -> Expr:
    """The analytic formula that ``phi`` is near ``t``; raises UndecidedError.

    >>> germ(Max(x, 0) + Abs(x), Rational(-1))
    -x
    """
    return _Germ(t).visit(phi)


def value(phi: Expr, t: Rational) -> arb:
    """A ball that holds φ(t), at the precision of ``flint.ctx``; φ is analytic near ``t``. Raises UndecidedError."""
    return _finite(germ(phi, t), t)


def _finite(smooth: Expr, t: Rational) -> arb:
    found = ball(smooth, {x: arb(fmpq(int(t.p), int(t.q)))})
    if found is None:
        raise UndecidedError
    return found


class _Germ:
    def __init__(self, t: Rational) -> None:
        self.t = t
        self.known: dict[Basic, Expr] = {}

    def visit(self, node: Expr) -> Expr:
        if not node.args or not node.has(x):
            return node
        if node not in self.known:
            self.known[node] = self.split(node)
        return self.known[node]

    def split(self, node: Expr) -> Expr:
        if isinstance(node, Piecewise):
            for branch, condition in node.args:
                if self.holds(condition):
                    return self.visit(branch)
            raise UndecidedError
        args = [self.visit(arg) for arg in node.args]
        if isinstance(node, Max | Min):
            want = 1 if isinstance(node, Max) else -1
            best = args[0]
            for arg in args[1:]:
                best = arg if self.sign(arg - best) == want else best
            return best
        if isinstance(node, Abs | sign | Heaviside):
            side = self.sign(args[0])
            if isinstance(node, Abs):
                return args[0] * side
            return Integer(side) if isinstance(node, sign) else Integer(1 + side) / 2
        if (node.is_Pow and not node.exp.is_integer) or isinstance(node, log):
            if self.sign(args[0]) != 1:
                raise UndecidedError
        elif node.is_Pow and not (node.exp.is_nonnegative or self.sign(args[0])):
            raise UndecidedError
        return node.func(*args)

    def holds(self, condition: Basic) -> bool:
        """Whether a condition holds in a neighbourhood; False that it fails in one."""
        if isinstance(condition, BooleanTrue | BooleanFalse):
            return bool(condition)
        if isinstance(condition, And | Or):
            return (all if isinstance(condition, And) else any)([self.holds(arg) for arg in condition.args])
        if isinstance(condition, Not):
            return not self.holds(condition.args[0])
        if isinstance(condition, Relational):
            return self.sign(self.visit(condition.lhs) - self.visit(condition.rhs)) in _TRUTH[type(condition)]
        raise UndecidedError

    def sign(self, smooth: Expr) -> int:
        """The sign of an analytic formula near the point, 0 where it is zero in a whole neighbourhood."""
        if smooth.is_zero or (smooth.is_polynomial(x) and smooth.expand() == 0):
            return 0
        for bits in PRECISIONS:
            with precision(bits):
                found = _finite(smooth, self.t)
                if found > 0 or found < 0:
                    return 1 if found > 0 else -1
        raise UndecidedError
