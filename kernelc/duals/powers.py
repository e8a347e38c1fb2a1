"""Sums of powers Σ c·|x|^α and Σ c·sgn(x)|x|^α with real α > 0: Gauss's hypergeometric function.

Mehler's expansion of the normal density gives, with u = s1·U, v = s2·V (Gradshteyn & Ryzhik 9.1 for ₂F₁),

    E|u|^α |v|^β = s1^α s2^β 2^{(α+β)/2} Γ((α+1)/2) Γ((β+1)/2)/π · ₂F₁(−α/2, −β/2; 1/2; ρ²),
    E sgn(uv)|u|^α |v|^β = s1^α s2^β 2^{(α+β)/2+1} Γ(1+α/2) Γ(1+β/2)/π · ρ ₂F₁((1−α)/2, (1−β)/2; 3/2; ρ²).

φ' has the power α − 1; its square is integrable for α > 1/2.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Add, Expr, Integer, Mul, Rational, gamma, hyper, pi, sqrt, true

from kernelc.duals.complexes import ZERO
from kernelc.duals.pieces import Piece
from kernelc.duals.record import Closed, Dual
from kernelc.duals.signs import is_nonnegative
from kernelc.symbols import rho, s1, s2, x

BOUND = 1e-12
STEEP = "the derivative of {phi} is too steep at 0: E[φ'(u)²] is infinite, so there is no NTK (the NNGP exists)"
HALF = Rational(1, 2)

Powers = dict[Expr, Expr]


def power_dual(phi: Expr, parts: Sequence[Piece]) -> Dual | None:
    """The dual of a sum of powers of which some are no whole numbers; None for everything else."""
    if [part.hi for part in parts[:-1]] != [0]:
        return None
    left, right = _powers(parts[0].expr, -x), _powers(parts[1].expr, x)
    if left is None or right is None or all(power.is_Integer for power in (left | right)):
        return None
    even, odd = _combine(left, right, 1), _combine(left, right, -1)
    steep = any(power <= HALF for power in (even | odd) if power != 0) or ZERO in odd
    slope = (_slope(odd), _slope(even))
    powers = set(even | odd)
    whole = len(powers) == 1 and next(iter(powers)).is_Integer
    return Dual(
        phi=phi,
        parts=(),
        degree=int(powers.pop()) if whole else None,
        nonnegative=is_nonnegative(parts),
        smooth=False,
        domain=true,
        tier="special",
        stated_error=BOUND,
        ntk_reason=STEEP.format(phi=phi) if steep else None,
        closed=Closed(
            nngp=_dual(even, odd),
            ntk=None if steep else _dual(*slope),
            nngp_diag=_moment(even, odd),
            ntk_diag=None if steep else _moment(*slope),
        ),
    )


def _powers(phi: Expr, base: Expr) -> Powers | None:
    """Power → coefficient of a sum of powers of the positive number ``base``, ±x."""
    found: Powers = {}
    for term in Add.make_args(phi.expand().xreplace({x: base * _side(base)})):
        if term == 0:
            continue
        front, rest = term.as_independent(x)
        powers = [factor.as_base_exp() for factor in Mul.make_args(rest)] if rest != 1 else []
        total, weight = ZERO, front
        for root, power in powers:
            if root not in (x, -x) or not power.is_Rational or power < 0:
                return None
            weight = weight * ((root / base) ** power if power.is_Integer or root == base else ZERO)
            total += power
        if weight == 0 and front != 0:
            return None
        found[total] = found.get(total, ZERO) + weight
    return {power: value for power, value in found.items() if value != 0}


def _side(base: Expr) -> int:
    return 1 if base == x else -1


def _combine(left: Powers, right: Powers, parity: int) -> Powers:
    """The even (+1) or odd (−1) part."""
    found = {power: (right.get(power, ZERO) + parity * left.get(power, ZERO)) / 2 for power in {**left, **right}}
    return {power: value for power, value in found.items() if value != 0}


def _slope(part: Powers) -> Powers:
    return {power - 1: power * value for power, value in part.items() if power != 0}


def _dual(even: Powers, odd: Powers) -> Expr:
    terms = [v * w * s1**a * s2**b * _even(a, b) for a, v in even.items() for b, w in even.items()]
    terms += [v * w * s1**a * s2**b * _odd(a, b) for a, v in odd.items() for b, w in odd.items()]
    return Add(*terms)


def _even(a: Expr, b: Expr) -> Expr:
    front = 2 ** ((a + b) / 2) * gamma((a + 1) / 2) * gamma((b + 1) / 2) / pi
    return front * _gauss(-a / 2, -b / 2, HALF)


def _odd(a: Expr, b: Expr) -> Expr:
    front = 2 ** ((a + b) / 2 + 1) * gamma(1 + a / 2) * gamma(1 + b / 2) / pi
    return front * rho * _gauss((1 - a) / 2, (1 - b) / 2, 3 * HALF)


def _gauss(a: Expr, b: Expr, c: Expr) -> Expr:
    """₂F₁(a, b; c; ρ²), a polynomial where a or b is a negative whole number."""
    ends = [-n for n in (a, b) if n.is_Integer and n <= 0]
    if not ends:
        return hyper((a, b), (c,), rho**2)
    total = term = Integer(1)
    for k in range(int(min(ends))):
        term = term * (a + k) * (b + k) / ((c + k) * (k + 1))
        total += term * rho ** (2 * k + 2)
    return total


def _moment(even: Powers, odd: Powers) -> Expr:
    """E[φ(u)²]."""
    terms = [
        v * w * s1 ** (a + b) * 2 ** ((a + b) / 2) * gamma((a + b + 1) / 2) / sqrt(pi)
        for part in (even, odd)
        for a, v in part.items()
        for b, w in part.items()
    ]
    return Add(*terms)
