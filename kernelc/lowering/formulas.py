"""The formulas of a dual as code: the native coordinates of a pair or of a point with itself, values, differences."""

from __future__ import annotations

import operator
from functools import reduce

from sympy import Expr, Symbol

from kernelc import symbols
from kernelc.builder import Builder, Value
from kernelc.duals import Dual
from kernelc.interpret import interpret
from kernelc.lowering.arithmetic import Instructions
from kernelc.lowering.state import Pair, Row, Scope
from kernelc.slope import Slope, SlopeArithmetic
from kernelc.symbols import kappa, rho, s1, s2, theta

Environment = dict[Symbol, Value]
GAP = symbols.gap
NATIVE = (s1, s2, rho, kappa, theta, GAP)


def at_angle(scope: Scope, pair: Pair) -> Environment:
    """The native coordinates of a pair that do not depend on lengths."""
    b, gap = scope.pair, pair.gap
    root = b.sqrt(gap)
    return {
        GAP: gap,
        rho: 1 - 2 * gap,
        kappa: b.let("kappa", 2 * (root * b.sqrt(1 - gap))),
        theta: b.let("theta", 2 * b.op("asin", root)),
    }


def at_pair(scope: Scope, row: Row, pair: Pair, exprs: list[Expr]) -> Environment:
    """The native coordinates of a pair; the roots s1, s2 only if an expression holds them."""
    at = at_angle(scope, pair)
    if any({s1, s2} & e.free_symbols for e in exprs):
        at[s1], at[s2] = scope.save("s", scope.row.let("s", scope.row.sqrt(row.q)))
    return at


def at_itself(builder: Builder, root: Value) -> Environment:
    """The native coordinates of a point with itself, ``root`` its √E[z²]."""
    zero, one = builder.wrap(0), builder.wrap(1)
    return {s1: root, s2: root, rho: one, kappa: zero, theta: zero, GAP: zero}


def _with_parameters(expr: Expr, builder: Builder, at: Environment) -> Environment:
    others = expr.free_symbols - set(NATIVE)
    return at | {p: builder.scalar(p) for p in others}


def direct(expr: Expr, builder: Builder, at: Environment) -> Value:
    """The value of an expression as it stands."""
    value: Value = interpret(expr, _with_parameters(expr, builder, at), Instructions(builder))
    return value


def number(expr: Expr, builder: Builder) -> Value:
    """The value of an expression in parameters alone."""
    return direct(expr, builder, {})


def sloped(expr: Expr, builder: Builder, at: Environment, base: Environment) -> Slope:
    """An expression between ``base`` and ``at``: 1 − ρ is 2·gap, and the other coordinates differ by themselves."""
    arithmetic = SlopeArithmetic(builder)
    env = {}
    for symbol, value in _with_parameters(expr, builder, at).items():
        start = base.get(symbol, value)
        diff = 2 * at[GAP] if symbol == rho else start - value
        env[symbol] = Slope(start, value, diff)
    slope: Slope = interpret(expr, env, arithmetic)
    return slope


def total(values: list[Value]) -> Value:
    """The sum of one value or several."""
    return reduce(operator.add, values)


def signed(dual: Dual, parity: str, values: list[Value], side: Value) -> list[Value]:
    """The expectations of parts, those of one parity with the sign of cos θ."""
    return [side * v if p.parity == parity else v for p, v in zip(dual.parts, values, strict=True)]
