"""From native coordinates to the formula that people read, in q1, q2 and c.

A dual is a sum of algebraic weights times products of arcs, exponentials and waves. Here each such product gets its
weight as one factored fraction; mirror images of exponentials pair up to sinh and cosh, and the angle joins with its
constant to π − acos or to asin.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from sympy import (
    Abs,
    Add,
    Dummy,
    Expr,
    Integer,
    Mul,
    Pow,
    acos,
    asin,
    atan2,
    cancel,
    cos,
    cosh,
    div,
    exp,
    expand,
    factor,
    factor_terms,
    fraction,
    pi,
    sign,
    sin,
    sinh,
    sqrt,
    together,
)
from sympy.codegen.cfunctions import expm1

from kernelc.duals.dag import nodes, substitute
from kernelc.functions import ExpPhiRatio, PhiRatio
from kernelc.limits import Arcsine, ExpRatio, Root
from kernelc.symbols import c, gap, kappa, q1, q2, rho, s1, s2, theta

LARGE = 200
"""Expressions with more nodes, or more terms when they are multiplied out, are given as derived."""

LONG = 5000
"""Numerators with more terms than this are not multiplied out."""

_root = Dummy("root", positive=True)
_angle = Dummy("angle", positive=True)
_cosine = c / (sqrt(q1) * sqrt(q2))
_roots = {q1: s1**2, q2: s2**2}
_hidden = {_root: sqrt(q1 * q2 - c**2), _angle: acos(_cosine)}

Weights = dict[Expr, Expr]


def public(parts: Sequence[Expr | None]) -> Expr:
    """The sum of the parts' duals in q1, q2 and c.

    >>> public([rho * s1 * s2 / 4, s1 * s2 * (kappa + rho * (pi / 2 - theta)) / (2 * pi)])
    (c*(pi - acos(c/(sqrt(q1)*sqrt(q2)))) + sqrt(-c**2 + q1*q2))/(2*pi)
    """
    value = Add(*[part for part in parts if part is not None])
    arcs = {arc: Dummy("arc") for arc in nodes(value) if arc.func is atan2}
    shown = _hidden | {name: _arcsine(*arc.args) for arc, name in arcs.items()}
    value = _coordinates(substitute(value, arcs))
    value = substitute(value, {node: exp(node.args[0]) - 1 for node in nodes(value) if node.func is expm1})
    size = len(nodes(value))
    arranged = _arrange(value, set(arcs.values())) if size < LARGE and _terms(value) < LARGE else value
    return substitute(arranged if len(nodes(arranged)) < 2 * size + 10 else value, shown)


def in_moments(value: Expr) -> Expr:
    """A closed form of the special tier, from s1, s2, rho and kappa to q1, q2 and c.

    What would be 0/0 at |ρ| = 1 comes out without a fraction bar that vanishes: arcs as asin, quotients by κ in two.
    """
    value = substitute(value, {Abs(rho): rho, sign(rho): Integer(1)})  # what |ρ| is for is floating point
    shown = {node: _regular(node) for node in nodes(value)}
    names = {node: Dummy("regular") for node, new in shown.items() if new is not None}
    root = {_root: Root(q1 * q2 - c**2)}
    value = substitute(_coordinates(substitute(value, names)), root)
    return substitute(value, {name: substitute(shown[node], root) for node, name in names.items()})


def _regular(node: Expr) -> Expr | None:
    """A node that is 0/0 at |ρ| = 1 in another form, None for the others."""
    if node.func is atan2:
        y, square = _arc(*node.args)
        above, below = fraction(together(_lengths(y)))
        return Arcsine(_coordinates(above), _coordinates(below) ** 2 * square)
    if node.func is PhiRatio:
        return PhiRatio(*_cleared(*node.args))
    if node.func is ExpPhiRatio:
        return ExpPhiRatio(_coordinates(node.args[0]), *_cleared(*node.args[1:]))
    if node.func is exp and any(bar.is_Pow and bar.base == kappa and bar.exp.is_negative for bar in nodes(node)):
        alone, rest = node.args[0].as_independent(s1, s2, rho, kappa, as_Add=True)
        square = s1**2 * s2**2 - c**2
        above = cancel(together(_lengths(rest).xreplace({_root: sqrt(square)}) * square))
        return exp(alone) * ExpRatio(_coordinates(above), _coordinates(square))
    return None


def _cleared(above: Expr, below: Expr) -> tuple[Expr, Expr]:
    """A quotient without fractions inside; a difference relative to its terms, so that a rounding error shows."""
    above, over = fraction(together(_lengths(above)))
    below, under = fraction(_lengths(below) * over)
    above = expand(above * under)
    number, size = above.xreplace({c: Integer(0), _root: Integer(0)}).as_coeff_Mul()
    if above.is_Add and number != 0 and size.is_positive:
        above, below = expand(above / (abs(number) * size)), below / (abs(number) * size)
    return _coordinates(above), _coordinates(below)


def diagonal(nngp: Expr) -> Expr:
    """A public dual at u = v, in q1."""
    value = substitute(nngp, {q2: q1, c: q1})
    if len(nodes(value)) > LARGE:
        return value
    return _rebuilt(factor_terms(value.replace(_is_bar, lambda node: factor(expand(node.base)) ** node.exp)))


def _coordinates(value: Expr) -> Expr:
    return substitute(_lengths(value), {s1: sqrt(q1), s2: sqrt(q2)})


def _lengths(value: Expr) -> Expr:
    value = substitute(value, {kappa: _root / (s1 * s2), theta: _angle, gap: (1 - rho) / 2})
    return substitute(value, {rho: c / (s1 * s2)})


def _arcsine(y: Expr, x: Expr) -> Expr:
    """atan2(C, √W) = asin(C/√(C² + W)), whose root comes out as a product of what belongs to either point."""
    y, square = _arc(y, x)
    return asin(_coordinates(y) / sqrt(square))


def _arc(y: Expr, x: Expr) -> tuple[Expr, Expr]:
    """y and x² + y²."""
    return y, factor(together(_plain(_coordinates(y) ** 2 + _coordinates(x**2))))


def _is_bar(node: Expr) -> bool:
    """A sum under a root or a fraction bar; not one of numbers."""
    is_sum = node.is_Pow and node.base.is_Add and not node.base.is_number
    return bool(is_sum and not (node.exp.is_Integer and node.exp > 0))


def _rebuilt(value: Expr) -> Expr:
    """Without the products that factor_terms leaves unevaluated."""
    return value.replace(lambda node: node.is_Mul, lambda node: Mul(*node.args))


def _plain(value: Expr) -> Expr:
    """Multiplied out, with √(q1q2 − c²) left only where its power is odd."""
    value = expand(value, power_exp=False)
    return expand(value.replace(lambda e: e.is_Pow and e.base == _root, lambda e: _reduced(e.exp)), power_exp=False)


def _reduced(power: Expr) -> Expr:
    return _root ** (power % 2) * (q1 * q2 - c**2) ** ((power - power % 2) / 2)


def _arrange(value: Expr, arcs: set[Expr]) -> Expr:
    """Collect, pair and factor."""
    value = value.replace(_is_bar, _over_one_bar)
    totals = {node.base: _plain(node.base) for node in value.atoms(Pow) if _is_bar(node)}
    names = {total: Dummy("sum", positive=True) for total in totals.values()}
    value = value.xreplace({base: names[total] for base, total in totals.items()})
    value = value.replace(exp, lambda z: exp(_plain(z)))
    sums = {name: total for total, name in names.items()}
    weights = _angles(_mirrors(_weights(value, arcs | {_angle, _root}, sums)))
    total = Add(*[wave * weight for wave, weight in weights.items()])
    return _rebuilt(factor_terms(total.xreplace({name: _display(total) for total, name in names.items()})))


def _over_one_bar(node: Expr) -> Expr:
    above, below = fraction(together(_plain(node.base)))
    return expand(above) ** node.exp / below**node.exp


def _display(total: Expr) -> Expr:
    """Its value at c = 0, factored, and the rest: (1 + 2q1)(1 + 2q2) − 4c²."""
    alone = total.xreplace({c: Integer(0)})
    return factor(alone) + (total - alone)


def _weights(value: Expr, marks: set[Expr], sums: dict[Expr, Expr]) -> Weights:
    """The rational weight of each product of arcs, exponentials, waves and square roots."""
    weights: Weights = {}
    for term in Add.make_args(_plain(value)):
        wave, weight, exponent = Integer(1), Integer(1), Integer(0)
        for node in Mul.make_args(term):
            base, power = node.as_base_exp()
            if node.func is exp:
                exponent += node.exp
            elif base in marks or node.has(sin, cos):
                wave *= node
            elif base in sums and not power.is_Integer:
                wave, weight = wave * sqrt(base), weight * node / sqrt(base)
            else:
                weight *= node
        wave *= exp(expand(exponent))
        weights[wave] = weights.get(wave, Integer(0)) + weight
    return {wave: _fraction(weight, sums) for wave, weight in weights.items() if weight != 0}


def _fraction(weight: Expr, sums: dict[Expr, Expr]) -> Expr:
    """One fraction, its numerator multiplied out, reduced and factored; the weight as it is where that is long."""
    above, below = fraction(together(weight))
    above = above.xreplace(sums)
    if _terms(above) > LONG:
        return weight
    above = expand(above).xreplace(_roots)
    for name, total in sums.items():
        while below.has(name):
            quotient, remainder = div(above, total.xreplace(_roots), s1, s2, c)
            if remainder != 0:
                break
            above, below = quotient, below / name
    return factor(above.xreplace({s1: sqrt(q1), s2: sqrt(q2)})) / below


def _terms(value: Expr) -> int:
    """How many terms the value has when it is multiplied out, at most."""
    if value.is_Add:
        return sum(map(_terms, value.args))
    if value.is_Mul:
        return prod(map(_terms, value.args))
    return _terms(value.base) ** int(value.exp) if value.is_Pow and value.exp.is_Integer and value.exp > 0 else 1


def _mirrors(weights: Weights) -> Weights:
    """e^{A+h} ± e^{A−h}, equal but for the sign of c, as 2·e^A·cosh h or 2·e^A·sinh h."""
    left, paired = dict(weights), {}
    while left:
        wave, weight = left.popitem()
        other = wave.xreplace({c: -c})
        one, two = _exponential(wave), _exponential(other)
        if one != two and other != wave and left.get(other) in (weight, -weight):
            h = expand((one.exp - two.exp) / 2)
            h, sign = (-h, -1) if h.could_extract_minus_sign() else (h, 1)
            pair = cosh(h) if left.pop(other) == weight else sign * sinh(h)
            paired[wave / one * exp(expand((one.exp + two.exp) / 2)) * pair] = 2 * weight
        else:
            paired[wave] = weight
    return paired


def _exponential(wave: Expr) -> Expr:
    """The exponential among the factors of a product, 1 = exp(0) if there is none; not one inside of a cosine."""
    return next((factor for factor in Mul.make_args(wave) if factor.func is exp), exp(0, evaluate=False))


def _angles(weights: Weights) -> Weights:
    """weight·θ + rest with the constant that makes the rest shortest: −weight·(π − θ) or −weight·(π/2 − θ)."""
    if _angle not in weights:
        return weights
    weight, one = weights[_angle], Integer(1)
    others = {wave: value for wave, value in weights.items() if wave not in (_angle, one)}
    rests = {shift: expand(weights.get(one, Integer(0)) + shift * weight) for shift in (pi, pi / 2)}
    shift = min(rests, key=lambda s: rests[s].count_ops())
    angle = pi - _angle if shift == pi else asin(_cosine)
    return {one: rests[shift], angle: -weight, **others}
