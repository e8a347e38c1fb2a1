"""Lowering of activations: E[φφ] as a gap without cancellation, E[φ'φ'] directly.

φ = odd part + even part, and the two are uncorrelated: each has its own gap, at the folded angle, and they are mixed.
A part's gap is D/(2√(E11 E22)) with the deficit D = √(E11 E22) − E12, which comes

* for homogeneous φ (relu, |x|, x² ...) from slopes at s1 = s2 = 1, where only the angle is left;
* for any other φ as it stands where the correlation is below ¾, and otherwise from the two slopes
  gᵢ = E(sᵢ, sᵢ, 0) − E12 by D = ½(g1 + g2) − ½(√E11 − √E22)², provided that E11 and E22 are similar.

The error of D is about 1e-16·(θ + |s1 − s2|/s); where the new angle is so small that this is more than 64 units in the
last place of it, the entry is flagged and recomputed in double-double from the plain formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Expr, Integer, Rational

from kernelc.builder import Value
from kernelc.duals import Dual
from kernelc.lowering.attached import attached, moments
from kernelc.lowering.formulas import GAP, NATIVE, at_angle, at_itself, at_pair, direct, number, signed, sloped, total
from kernelc.lowering.refined import exact_cosine, exact_folded, exact_gap, exact_slope, has_size, refined
from kernelc.lowering.state import Pair, Part, Row, Scope, fold, mix
from kernelc.steps import ActivationStep
from kernelc.symbols import kappa, rho, s1, s2, theta

AMPLIFICATION = 64
CANCELS = 1e-13  # a dual whose terms cancel, x - sin(x) say, loses more than this: all its pairs are recomputed


def activation(step: ActivationStep, scope: Scope, row: Row, pair: Pair) -> tuple[Row, Pair]:
    """Σ' = E[φφ], Θ' = Θ·E[φ'φ']."""
    dual = step.dual
    if not dual.parts and dual not in scope.attached:  # φ = 0
        return Row(scope.row.wrap(0), scope.row.wrap(0)), Pair(pair.gap, pair.side, scope.pair.wrap(0))
    constant = pair.gap.is_number(0) and pair.side.is_number(1)  # all inputs are alike: a bias is all that came through
    if constant and (dual in scope.attached or dual.degree is None):
        return _constant(dual, scope, row, pair)
    if dual in scope.attached:
        return attached(scope.attached[dual], scope, row, pair)
    if dual.degree is None:
        q, gap, side = _general(dual, scope, row, pair)
    else:
        q, gap, side = _homogeneous(dual, scope, row, pair)
        if gap.atom != pair.gap.atom:  # its terms may round to less than nothing
            gap = scope.pair.let("gap_phi", scope.pair.op("max", gap, 0))
    row_ntk, pair_ntk = row.ntk, pair.ntk
    if scope.has_ntk and not pair.ntk.is_number(0):
        pair_ntk = pair.ntk * scope.pair.let("dot", _derivative(dual, scope, row, pair, q))
        at = at_itself(scope.row, scope.row.sqrt(row.q))
        row_ntk = row.ntk * total([direct(p.ntk, scope.row, at) for p in dual.parts])
    return Row(q, row_ntk), Pair(gap, side, pair_ntk)


def _constant(dual: Dual, scope: Scope, row: Row, pair: Pair) -> tuple[Row, Pair]:
    """What holds of a point with itself holds of all pairs."""
    root = scope.row.let("s", scope.row.sqrt(row.q))
    if dual in scope.attached:
        q, slope = moments(scope.attached[dual], scope, root)
    else:
        at = at_itself(scope.row, root)
        q = total([direct(p.nngp, scope.row, at) for p in dual.parts])
        slope = total([direct(p.ntk, scope.row, at) for p in dual.parts])
    if not scope.has_ntk or pair.ntk.is_number(0):
        return Row(q, row.ntk), pair
    slope1, slope2 = scope.save("slope", scope.row.let("slope", scope.row.sqrt(slope)))
    return Row(q, row.ntk * slope), Pair(pair.gap, pair.side, pair.ntk * (slope1 * slope2))


def _derivative(dual: Dual, scope: Scope, row: Row, pair: Pair, q: Value) -> Value:
    """E[φ'φ'] of a pair: the derivative of the odd part is even, that of the even part odd in cos θ."""
    at = at_pair(scope, row, pair, [p.ntk for p in dual.parts])
    dot = total(signed(dual, "even", [direct(p.ntk, scope.pair, at) for p in dual.parts], pair.side))
    if dual.degree is not None or dual.error_bound <= CANCELS:
        return dot
    return refined(dual, scope, row, pair, has_size(scope, q), scope.pair.let("rough_dot", dot), exact_slope)


def _homogeneous(dual: Dual, scope: Scope, row: Row, pair: Pair) -> tuple[Value, Value, Value]:
    """E[φφ] = E(1)·(√q √q')ᵏ·(1 − 2·gap'), gap' a function of the angle alone."""
    unit = dict.fromkeys(NATIVE, Integer(0)) | {s1: Integer(1), s2: Integer(1), rho: Integer(1)}
    moments = {part.parity: part.nngp.subs(unit) for part in dual.parts}
    deficits = {part.parity: _unit_deficit(part.nngp, scope, pair) for part in dual.parts}
    if dual.degree == 0:
        return _jumps(moments, deficits, scope, row, pair)
    whole = sum(moments.values(), Integer(0))
    q, twice = number(whole, scope.row) * _power(row.q, int(dual.degree or 0)), 2 * number(whole, scope.pair)
    if len(moments) == 1:
        [(parity, deficit)] = deficits.items()
        return q, deficit / twice, pair.side if parity == "odd" else scope.pair.wrap(1)
    odd, even = (2 * number(moments[parity], scope.pair) for parity in ("odd", "even"))
    behind = scope.pair.op("lt", pair.side, 0)
    near = scope.pair.op("where", behind, odd - deficits["odd"], deficits["odd"]) + deficits["even"]
    if dual.nonnegative:
        return q, near / twice, scope.pair.wrap(1)
    far = scope.pair.op("where", behind, deficits["odd"], odd - deficits["odd"]) + (even - deficits["even"])
    return q, *fold(scope.pair, near / twice, far / twice)


def _unit_deficit(nngp: Expr, scope: Scope, pair: Pair) -> Value:
    zero, one = scope.pair.wrap(0), scope.pair.wrap(1)
    angle = at_angle(scope, pair) | {s1: one, s2: one}
    deficit: Value = sloped(nngp, scope.pair, angle, angle | {rho: one, kappa: zero, theta: zero, GAP: zero}).diff
    return deficit


def _jumps(
    moments: Mapping[Any, Expr], deficits: Mapping[Any, Value], scope: Scope, row: Row, pair: Pair
) -> tuple[Value, Value, Value]:
    """Degree 0: a constant (even) and a multiple of sign(x) (odd), of which only the first is left at the origin."""
    b, there = scope.pair, scope.row.op("ratio", row.q, row.q)  # 1, and 0 at the origin
    rows = {p: number(m, scope.row) * (there if p == "odd" else scope.row.wrap(1)) for p, m in moments.items()}
    q = total(list(rows.values()))
    parts = []
    for parity, moment in rows.items():
        weights = scope.weights(parity, moment, q) if len(rows) > 1 else (b.wrap(1), b.wrap(1))
        gap = deficits[parity] / (2 * number(moments[parity], b))
        parts.append(Part(*weights, gap, pair.side if parity == "odd" else b.wrap(1)))
    return q, *mix(b, parts)


def _general(dual: Dual, scope: Scope, row: Row, pair: Pair) -> tuple[Value, Value, Value]:
    b = scope.pair
    root = scope.row.let("s", scope.row.sqrt(row.q))
    moments = [direct(part.nngp, scope.row, at_itself(scope.row, root)) for part in dual.parts]
    q = total(moments)
    parts = []
    for part, moment in zip(dual.parts, moments, strict=True):
        gap = _part_gap(part.nngp, scope, row, pair, moment)
        weights = scope.weights(part.parity, moment, q) if len(moments) > 1 else (b.wrap(1), b.wrap(1))
        parts.append(Part(*weights, gap, pair.side if part.parity == "odd" else b.wrap(1)))
    gap, side = mix(b, parts, dual.nonnegative)
    first, second = scope.save("s", root)
    flag = has_size(scope, q)
    if dual.error_bound <= CANCELS:
        larger, apart = b.op("max", first, second), b.op("abs", first - second)
        error = b.sqrt(pair.gap) * larger + Rational(1, 2) * apart
        flag = b.op("and", b.op("lt", AMPLIFICATION * (b.sqrt(gap) * larger), error), flag)
    flag = b.let("flag", flag)
    rough, folded = b.let("rough", gap), len(parts) > 1 and not side.is_number(1)
    if folded and dual.error_bound > CANCELS:
        cosine = b.let("rough_cosine", side * (1 - 2 * rough))
        side = b.op("where", b.op("lt", refined(dual, scope, row, pair, flag, cosine, exact_cosine), 0), -1, 1)
    exact = exact_folded if folded else exact_gap
    return q, b.let("gap_phi", refined(dual, scope, row, pair, flag, rough, exact)), side


def _part_gap(nngp: Expr, scope: Scope, row: Row, pair: Pair, moment: Value) -> Value:
    """D/(2√(E11 E22)) of one part, between 0 and 1."""
    b = scope.pair
    root = scope.row.sqrt(moment)
    e1, e2 = scope.save("e", scope.row.let("e", root))
    at = at_pair(scope, row, pair, [nngp, s1 * s2])
    zero, one = b.wrap(0), b.wrap(1)
    parallel = {rho: one, kappa: zero, theta: zero, GAP: zero}
    slope1, slope2 = (sloped(nngp, b, at, at | parallel | {s1: at[s], s2: at[s]}) for s in (s1, s2))
    similar = Rational(1, 2) * (b.let("slope1", slope1.diff) + b.let("slope2", slope2.diff) - (e1 - e2) * (e1 - e2))
    size = e1 * e2
    plain = b.let("plain", size - slope1.value)
    close = b.op("lt", 4 * plain, size)
    alike = b.op("lt", b.op("abs", e1 - e2), Rational(1, 2) * b.op("max", e1, e2))
    deficit = b.op("where", b.op("and", close, alike), similar, plain)
    i1, i2 = scope.save("inverse", scope.row.let("inverse", scope.row.op("ratio", 1, root)))
    half = Rational(1, 2) * b.let("deficit", deficit)
    return b.op("min", b.op("max", half * (i1 * i2), 0), 1)


def _power(value: Value, n: int) -> Value:
    result = value.builder.wrap(1)
    for _ in range(n):
        result = result * value
    return result
