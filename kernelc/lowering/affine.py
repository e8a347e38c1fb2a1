"""Lowering of what is affine: dense layers and sums of branches."""

from __future__ import annotations

from sympy import Expr, Symbol

from kernelc.builder import Builder, Value
from kernelc.interpret import interpret
from kernelc.lowering.arithmetic import Instructions
from kernelc.lowering.state import Pair, Part, Row, Scope, mix
from kernelc.steps import INPUT_WIDTH, DenseStep


def scalar(builder: Builder, expr: Expr) -> Value:
    """An expression in the parameters: a number, or code computed once."""
    env: dict[Symbol, Value] = {s: builder.scalar(s) for s in expr.free_symbols - {INPUT_WIDTH}}
    if expr.has(INPUT_WIDTH):
        env[INPUT_WIDTH] = builder.input("input_width", "scalar")
    value: Value = interpret(expr, env, Instructions(builder))
    return value


def dense(step: DenseStep, scope: Scope, row: Row, pair: Pair) -> tuple[Row, Pair]:
    """Σ' = W_var·Σ + b_var and Θ' = W_var·Θ + W_gain·Σ + b_gain, the bias being a part with gap 0."""
    weighted = scalar(scope.row, step.W_var) * row.q
    q = weighted + scalar(scope.row, step.b_var)
    gap, side = pair.gap, pair.side
    if step.b_var != 0:
        W1, W2 = scope.weights("W", weighted, q)
        b1, b2 = scope.weights("b", scalar(scope.row, step.b_var), q)
        zero, one = scope.pair.wrap(0), scope.pair.wrap(1)
        gap, side = mix(scope.pair, [Part(W1, W2, gap, side), Part(b1, b2, zero, one)])
    if not scope.has_ntk:
        return Row(q, row.ntk), Pair(gap, side, pair.ntk)

    def tangent(builder: Builder, ntk: Value, nngp: Value) -> Value:
        W_var, W_gain, b_gain = (scalar(builder, e) for e in (step.W_var, step.W_gain, step.b_gain))
        return W_var * ntk + W_gain * nngp + b_gain

    covariance = nngp(scope, row, pair) if step.W_gain != 0 else scope.pair.wrap(0)
    ntk = tangent(scope.pair, pair.ntk, covariance)
    return Row(q, tangent(scope.row, row.ntk, row.q)), Pair(gap, side, ntk)


def nngp(scope: Scope, row: Row, pair: Pair) -> Value:
    """The covariance itself: side·√q1·√q2·(1 − 2·gap)."""
    s1, s2 = scope.save("s", scope.row.let("s", scope.row.sqrt(row.q)))
    return scope.pair.let("nngp", s1 * s2 * (pair.side * (1 - 2 * pair.gap)))


def add(scope: Scope, ends: list[tuple[Row, Pair]]) -> tuple[Row, Pair]:
    """The sum of uncorrelated branches."""
    q, row_ntk, pair_ntk = scope.row.wrap(0), scope.row.wrap(0), scope.pair.wrap(0)
    for row, pair in ends:
        q, row_ntk, pair_ntk = q + row.q, row_ntk + row.ntk, pair_ntk + pair.ntk
    parts = [Part(*scope.weights("a", row.q, q), pair.gap, pair.side) for row, pair in ends]
    gap, side = mix(scope.pair, parts)
    return Row(q, row_ntk), Pair(gap, side, pair_ntk)
