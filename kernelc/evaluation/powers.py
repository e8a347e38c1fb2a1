"""Powers a·|x|^α + b·sgn(x)|x|^α, α no whole number: the polynomials that :mod:`kernelc.runtime.power` evaluates.

With g = (1 − ρ)/2, the normalized duals R of both |x|^α and sgn(x)|x|^α solve one hypergeometric equation,

    R = ₂F₁(−α, −α; ½ − α; g) + Q·g^(½+α)·₂F₁(½, ½; α + 3/2; g),
    Q = 4^(½+α)·Γ(−½−α)/Γ(½+α)·(Γ((1+α)/2)/Γ(−α/2))²     for the even one,
    Q = 4^(½+α)·Γ(−½−α)/Γ(½+α)·(Γ(1+α/2)/Γ((1−α)/2))²    for the odd one,

by ₂F₁(2a, 2b; a+b+½; g) and the connection formula of ₂F₁(a, b; c; ρ²) at ρ² = 1 (DLMF 15.8). The two terms have poles
at α = k − ½ that cancel: with g^(½+α) = g^k·(1 + ε·(g^ε − 1)/ε) the first term takes over the 1. At the poles
themselves, α is moved by 1e-25, and as many digits more are carried.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
from sympy import Dummy, Expr, N, powsimp

from kernelc.duals import Dual
from kernelc.duals.pieces import pieces
from kernelc.program import Attachment
from kernelc.runtime.power import PowerDual, PowerGap
from kernelc.symbols import x

MOST = 50  # α beyond this is left to others
NUDGE = mpmath.mpf("1e-25")
DIGITS = 80
NODES = 32  # of the Chebyshev interpolants, of which the end is cut
NEGLIGIBLE = mpmath.mpf("1e-18")
USEFUL = 1e-13
FLOOR = 2e-15  # no smaller error is stated
CHECKS = (1e-20, 1e-14, 1e-9, 1e-6, 1e-4, 3e-3, 0.02, 0.07, 0.13, 0.21, 0.32, 0.44, 0.5)
EVEN, ODD = 1, -1

Gap = tuple[int, float, tuple[float, ...], tuple[float, ...]]
"""The arguments of a PowerGap."""
Parts = tuple[tuple[int, float], ...]
"""(parity, weight) of the parts that are not zero."""


def power_attachment(name: str, label: str, dual: Dual) -> tuple[Attachment, float] | None:
    """What evaluates a power, and its measured error relative to √(E11 E22); None for all other activations."""
    found = _power(dual.phi) if dual.tier == "special" else None  # no other has values for a self-test
    if found is None:
        return None
    with mpmath.workdps(DIGITS):
        alpha, right, left = found
        even, odd = (right + left) ** 2 / 4, (right - left) ** 2 / 4  # squared fronts of |x|^α and of sgn(x)|x|^α
        parts, slopes = _parts(even, odd), _parts(odd, even) if alpha > 0.5 else ()
        error = _measured(alpha, parts, slopes)
        if not error <= USEFUL:
            return None
        lines = [
            f"{name} = PowerDual(  # {' '.join(label.split())}; measured error {error:.0e} of sqrt(E11 E22)",
            f"    {float(alpha)!r},",
            f"    {float((even + odd) * _moment(alpha))!r},",
            *_listed(alpha, parts),
        ]
        if slopes:
            slope_moment = alpha**2 * (even + odd) * _moment(alpha - 1)
            lines += [f"    {float(slope_moment)!r},", *_listed(alpha - 1, slopes)]
    return Attachment(name, "\n".join([*lines, ")"]), "", ("power",)), error


def _power(phi: Expr) -> tuple[Any, Any, Any] | None:
    """(α, right, left) where φ is right·x^α for x > 0 and left·|x|^α for x < 0, to many digits; α no whole number."""
    if phi.free_symbols != {x}:
        return None
    parts = pieces(phi)
    if [part.hi for part in parts[:-1]] != [0]:
        return None
    p = Dummy("p", positive=True)
    sides = []
    for part, at in zip(parts, (-p, p), strict=True):
        front, rest = powsimp(part.expr.subs(x, at).expand()).as_independent(p, as_Add=False)
        base, power = rest.as_base_exp() if front != 0 else (p, None)
        if base != p or not front.is_real or (power is not None and not power.is_positive):
            return None
        sides.append((front, power))
    powers = {power for _, power in sides if power is not None}
    if len(powers) != 1:
        return None
    alpha = powers.pop()
    if alpha.is_integer is not False or alpha > MOST:
        return None
    return _number(alpha), _number(sides[1][0]), _number(sides[0][0])


def _number(value: Expr) -> Any:
    with mpmath.workdps(DIGITS):
        return mpmath.mpf(str(N(value, DIGITS)))


def _moment(power: Any) -> Any:
    """E|z|^(2·power)."""
    return 2**power * mpmath.gamma(power + 0.5) / mpmath.sqrt(mpmath.pi)


def _parts(even: Any, odd: Any) -> Parts:
    """The shares of the two parts, of those that are not zero."""
    return tuple((parity, float(size / (even + odd))) for parity, size in ((EVEN, even), (ODD, odd)) if size > 0)


@lru_cache(maxsize=64)
def gap_of(power: Any, parity: int) -> Gap:
    """k, ε, A and B of :class:`kernelc.runtime.power.PowerGap` for the even or the odd power, −½ < power."""
    with mpmath.workdps(DIGITS):
        order = max(1, int(mpmath.floor(power + 1)))
        excess = power + 0.5 - order
        if abs(excess) < NUDGE:
            power, excess = order - 0.5 + NUDGE, NUDGE
        terms = 90 + 4 * order
        first = _taylor(terms, -power, 0.5 - power)
        second = _taylor(terms, mpmath.mpf(0.5), power + 1.5)
        front = _front(power, parity)
        beyond = [mpmath.mpf(0)] * order + second
        regular = [-(term + front * beyond[n]) / 2 for n, term in enumerate(first) if n > 0]
        singular = [-excess * front * term / 2 for term in second]
        size = max(abs(_horner(series, mpmath.mpf(0.25))) for series in (regular, singular))
        return order, 0.0 if excess == NUDGE else float(excess), _fit(regular, size), _fit(singular, size)


def _taylor(terms: int, a: Any, c: Any) -> list[Any]:
    """The coefficients of ₂F₁(a, a; c; g)."""
    found = [mpmath.mpf(1)]
    for n in range(terms):
        found.append(found[-1] * (a + n) ** 2 / ((c + n) * (n + 1)))
    return found


def _front(power: Any, parity: int) -> Any:
    """Q."""
    gamma, rgamma = mpmath.gamma, mpmath.rgamma
    over = gamma((1 + power) / 2) * rgamma(-power / 2)
    if parity == ODD:
        over = gamma(1 + power / 2) * rgamma((1 - power) / 2)
    return 4 ** (power + 0.5) * gamma(-power - 0.5) * rgamma(power + 0.5) * over**2


def _horner(series: list[Any], at: Any) -> Any:
    total = mpmath.mpf(0)
    for term in reversed(series):
        total = total * at + term
    return total


def _fit(series: list[Any], size: Any) -> tuple[float, ...]:
    """The Chebyshev interpolant on 0 <= g <= ½ in powers of 4g − 1, without the end that does not count."""
    with mpmath.workdps(40):
        cosines = [mpmath.cos(mpmath.pi * j / (2 * NODES)) for j in range(4 * NODES)]
        values = [_horner(series, (cosines[2 * j + 1] + 1) / 4) for j in range(NODES)]
        chebyshev = [
            mpmath.fsum(v * cosines[k * (2 * j + 1) % (4 * NODES)] for j, v in enumerate(values)) * 2 / NODES
            for k in range(NODES)
        ]
        chebyshev[0] /= 2
        while len(chebyshev) > 1 and abs(chebyshev[-1]) < NEGLIGIBLE * size:
            chebyshev.pop()
        return tuple(float(term) for term in _powers(chebyshev))


def _powers(chebyshev: list[Any]) -> list[Any]:
    """The coefficients of 1, t, t² ... of a Chebyshev series, by T_{k+1} = 2t·T_k − T_{k−1}."""
    total = [mpmath.mpf(0)] * len(chebyshev)
    last, this = [0, 1], [1]  # T_{−1} = T_1
    for c in chebyshev:
        for n, term in enumerate(this):
            total[n] += c * term
        following = [0, *(2 * term for term in this)]
        for n, term in enumerate(last):
            following[n] -= term
        last, this = this, following
    return total


def _objects(power: Any, parts: Parts) -> tuple[tuple[int, float, PowerGap], ...]:
    return tuple((parity, weight, PowerGap(*gap_of(power, parity))) for parity, weight in parts)


def _measured(alpha: Any, parts: Parts, slopes: Parts) -> float:
    """The largest error of E[φφ] and of E[φ'φ'] at some angles, against ₂F₁(ρ²)."""
    gaps = np.array(CHECKS)
    one, slope_parts = np.ones_like(gaps), _objects(alpha - 1, slopes) if slopes else ()
    found = PowerDual(float(alpha), 1.0, _objects(alpha, parts), 1.0, slope_parts)
    error = FLOOR
    for side in (1.0, -1.0):
        near, facing = found.angle(gaps, side * one, one, one)
        error = max(error, _worst(facing * (1 - 2 * near), alpha, parts, side))
        if slopes:
            error = max(error, _worst(found.dot(gaps, side * one, one, one), alpha - 1, slopes, side))
    return error


def _worst(values: Any, power: Any, parts: Parts, side: float) -> float:
    worst = 0.0
    for value, gap in zip(values.tolist(), CHECKS, strict=True):
        exact = sum(weight * truth(power, parity, gap) * (side if parity == ODD else 1) for parity, weight in parts)
        worst = max(worst, float(abs(value - exact)))
    return worst


@lru_cache(maxsize=512)
def truth(power: Any, parity: int, gap: float) -> Any:
    """R at ρ = 1 − 2·gap, by the series in ρ²."""
    with mpmath.workdps(45):
        rho, half, power = 1 - 2 * mpmath.mpf(gap), mpmath.mpf(0.5), +power
        a, c = (-power / 2, half) if parity == EVEN else ((1 - power) / 2, 3 * half)
        at_one = mpmath.gamma(c) * mpmath.gamma(c - 2 * a) / mpmath.gamma(c - a) ** 2
        return (1 if parity == EVEN else rho) * mpmath.hyp2f1(a, a, c, rho**2) / at_one


def _listed(power: Any, parts: Parts) -> list[str]:
    """The text of parts, four numbers a line."""
    lines = ["    ("]
    for parity, weight in parts:
        order, excess, *both = gap_of(power, parity)
        lines += [f"        ({parity}, {weight!r}, PowerGap({order}, {excess!r}, ("]
        for series, end in zip(both, ("), (", "))),"), strict=True):
            rows = [series[n : n + 4] for n in range(0, len(series), 4)]
            lines += ["            " + " ".join(f"{c!r}," for c in row) for row in rows]
            lines += ["        " + end]
    return [*lines, "    ),"]
