"""The Piecewise pass: a formula with max, min, abs, sign, heaviside or Piecewise as two smooth ones, x < 0 and x > 0.

Every switch must act at 0 alone. Nested switches work, because a node is looked at after its arguments.
"""

from __future__ import annotations

from sympy import (
    Abs,
    And,
    Dummy,
    Expr,
    Heaviside,
    Integer,
    Max,
    Min,
    Not,
    Or,
    Piecewise,
    Poly,
    PolynomialError,
    asinh,
    atan,
    erf,
    real_roots,
    sign,
    sinh,
    tanh,
)  # fmt: skip
from sympy.core.relational import Eq, Ge, Gt, Le, Lt, Ne, Relational
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from kernelc.duals.refusal import SPECIAL, refuse
from kernelc.errors import UnsupportedError
from kernelc.symbols import x

LEFT, RIGHT = -1, 1

_t = Dummy("t", positive=True)
_TRUTH = {Gt: (1,), Ge: (0, 1), Lt: (-1,), Le: (-1, 0), Eq: (0,), Ne: (-1, 1)}


def branch(phi: Expr, side: int) -> Expr:
    """The smooth formula that equals ``phi`` for x < 0 (side −1) or for x > 0 (side 1).

    >>> from sympy import Max
    >>> branch(Abs(Max(0, x) - x / 2), LEFT)
    -x/2
    """
    if not phi.args or not phi.has(x):
        return phi
    if isinstance(phi, Piecewise):
        for value, condition in phi.args:
            if holds(condition, side):
                return branch(value, side)
        raise refuse(phi, "no branch holds for every x")
    args = [branch(arg, side) for arg in phi.args]
    if isinstance(phi, Abs):
        return args[0] * switch(args[0], side)
    if isinstance(phi, sign):
        return Integer(switch(args[0], side))
    if isinstance(phi, Heaviside):
        return Integer(1 + switch(args[0], side)) / 2
    if isinstance(phi, Max | Min):
        want = 1 if isinstance(phi, Max) else -1
        best = args[0]
        for arg in args[1:]:
            if switch(arg - best, side) == want:
                best = arg
        return best
    return phi.func(*args)


def holds(condition: Boolean, side: int) -> bool:
    """Whether a condition is true on a whole half-line."""
    if isinstance(condition, BooleanTrue | BooleanFalse):
        return bool(condition)
    if isinstance(condition, And):
        return all(holds(arg, side) for arg in condition.args)
    if isinstance(condition, Or):
        return any(holds(arg, side) for arg in condition.args)
    if isinstance(condition, Not):
        return not holds(condition.args[0], side)
    if isinstance(condition, Relational):
        return switch(branch(condition.lhs - condition.rhs, side), side) in _TRUTH[type(condition)]
    raise refuse(condition, "a condition that is no comparison")


def switch(f: Expr, side: int) -> int:
    """The sign of ``f`` where it decides a branch: constant on the half-line, or the gate lies off the origin."""
    f = f.expand() if f.is_polynomial(x) else f
    value = sign_of(f.xreplace({x: side * _t}), f)
    if value is None:
        raise refuse(f, "cannot tell where this changes sign, so not where the activation has its kinks")
    return value


def sign_of(g: Expr, f: Expr) -> int | None:
    """The sign of ``g`` for all t > 0, None where it cannot be told; ``f`` is its name in messages."""
    if g.is_zero:
        return 0
    if g.is_nonnegative or g.is_nonpositive:
        return 1 if g.is_nonnegative else -1
    if g.is_Mul:
        signs = [sign_of(factor, f) for factor in g.args]
        return None if None in signs else _product(signs)
    if isinstance(g, erf | sinh | tanh | atan | asinh):
        return sign_of(g.args[0], f)
    try:
        return _sign_of_polynomial(Poly(g, _t), f)
    except PolynomialError:
        return None


def _product(signs: list[int | None]) -> int:
    value = 1
    for factor in signs:
        value *= factor or 0
    return value


def _sign_of_polynomial(poly: Poly, f: Expr) -> int | None:
    if poly.free_symbols_in_domain:
        raise _symbolic(f)
    try:
        roots = [-poly.nth(0) / poly.nth(1)] if poly.degree() == 1 else real_roots(poly)
    except (NotImplementedError, PolynomialError):
        return None
    if any(root.is_positive is None for root in roots):
        return None
    roots = [root for root in roots if root.is_positive]
    if any(roots.count(root) % 2 for root in roots):
        raise refuse(f, f"a gate off the origin (this changes sign at |x| = {min(roots)}); {SPECIAL}")
    value = sign(poly.eval(max(roots, default=Integer(0)) + 1))
    return int(value) if value.is_Integer else None


def _symbolic(f: Expr) -> UnsupportedError:
    if f.xreplace({x: Integer(0)}) != 0:
        return refuse(f, "a symbolic kink position: where this changes sign depends on a parameter; write a number")
    advice = "write the slopes outside of the switch, as in max(0, x) + a*min(0, x)"
    return refuse(f, f"the sign of a parameter decides a branch; {advice}")
