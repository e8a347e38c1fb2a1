"""The deficit D = √(E11 E22) − E12 of a dual, as a formula in which nothing cancels.

E11 = E[φ(u)²], E22 = E[φ(v)²], E12 = E[φ(u)φ(v)]. D is what a covariance lacks of its largest value, and it gives the
new angle, D = 2√(E11 E22)·sin²(θ'/2), which E12 itself cannot give near θ' = 0. With slopes gᵢ = E(sᵢ, sᵢ, 0) − E12,

    D = ½(g1 + g2) − ½(√E11 − √E22)²,

and slope arithmetic writes gᵢ in ds = s1 − s2, gap, kappa and theta, which are small where D is. (ds is a symbol of its
own, because SymPy would take (s1 − s2) + gap·s1 apart, and a computer would then add the large terms first.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Rational, sqrt
from sympy.codegen.cfunctions import expm1

from kernelc.interpret import interpret
from kernelc.slope import Slope, SlopeArithmetic
from kernelc.symbols import ds, gap, kappa, rho, s1, s2, theta

SAME_POINT = {rho: Integer(1), kappa: Integer(0), theta: Integer(0), gap: Integer(0)}

FUNCTIONS: Mapping[str, Callable[..., Expr]] = {
    "sqrt": sympy.sqrt,
    "exp": sympy.exp,
    "expm1": expm1,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "atan2": sympy.atan2,
    "abs": sympy.Abs,
    "max": sympy.Max,
    "neg": lambda value: -value,
    "lt": sympy.Lt,
    "where": lambda condition, yes, no: sympy.Piecewise((yes, condition), (no, True)),
}


class Formulas:
    """SymPy expressions as the values of slope arithmetic."""

    def wrap(self, value: Any) -> Expr:
        """A number as an expression."""
        return sympy.sympify(value)

    def op(self, op: str, *args: Any) -> Expr:
        """The expression of a primitive."""
        return FUNCTIONS[op](*args)


def deficit(duals: Sequence[Expr], degree: int | None) -> Expr:
    """D of a sum of duals in native coordinates; for homogeneous φ, √(E11 E22) times a function of the angle alone."""
    dual = Add(*duals)
    if degree is not None:
        one, none = Integer(1), Integer(0)
        return (s1 * s2) ** degree * _slope(dual, Slope(one, one, none), Slope(one, one, none))
    first, second = (sqrt(dual.xreplace(SAME_POINT | {s1: s, s2: s})) for s in (s1, s2))
    same1, same2 = Slope(s1, s1, Integer(0)), Slope(s2, s2, Integer(0))
    slopes = _slope(dual, same1, Slope(s1, s2, ds)) + _slope(dual, Slope(s2, s1, -ds), same2)
    return Rational(1, 2) * (slopes - (first - second) ** 2)


def _slope(dual: Expr, first: Slope, second: Slope) -> Expr:
    env = {s1: first, s2: second}
    env |= {s: Slope(SAME_POINT[s], s, SAME_POINT[s] - s) for s in (kappa, theta, gap)}
    env[rho] = Slope(Integer(1), rho, 2 * gap)
    arithmetic = SlopeArithmetic(Formulas())
    env |= {p: arithmetic.constant(p) for p in dual.free_symbols - set(env)}
    slope: Slope = interpret(dual, env, arithmetic)
    return slope.diff
