"""How fast a formula grows at ±∞: the a of e^{a x²}, which decides for which q its second moment is finite.

Read off at x = ±10²⁰, ±10⁴⁰ and ±10⁸⁰, where nothing but a is left of log|φ|/x². Where a sum cancels so far out that
this says nothing, it is fitted at |x| from 10 to 28, with a thousand digits.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product, zip_longest
from typing import Any

import mpmath
from sympy import Expr, Float, Rational, cos, log, pi, sin, sqrt

from kernelc.duals.magnitude import Magnitude
from kernelc.symbols import x

FAR_BITS, FAR_POINTS = 256, (20, 40, 80)  # powers of ten
NEAR_BITS, NEAR_POINTS = 4096, (10, 14, 20, 28)
MAX_WAVES = 3
NOISE = mpmath.mpf("1e-15")


class FasterThanGaussianError(Exception):
    """The formula outgrows e^{a x²} for every a."""


class UnknownGrowthError(Exception):
    """The growth cannot be told."""


def rate(phi: Expr) -> Expr:
    """The least a ≥ 0 with φ(x) = O(e^{(a + ε) x²}) on both sides for every ε > 0.

    Raises FasterThanGaussianError where there is none.

    >>> from sympy import exp
    >>> rate(x * exp(x**2 / 4) - 1)
    1/4
    """
    best = mpmath.mpf(0)
    for side in (1, -1):
        with mpmath.workprec(FAR_BITS):
            found = [_far(phi, side, waves) for waves in _waves(phi)]
        if None in found:
            with mpmath.workprec(NEAR_BITS):
                found = [_near(phi, side)]
        best = max(best, *found)
    return _exact(best)


def _waves(phi: Expr) -> list[dict[Expr, float]]:
    """Extremes and middles of every sin and cos: what a Gaussian meets, it meets at every phase."""
    nodes = sorted(phi.atoms(sin, cos), key=str)
    corners = list(product((1.0, -1.0), repeat=min(len(nodes), MAX_WAVES)))
    phases = [*corners, (0.3,), (-0.3,)] if nodes else corners
    return [dict(zip_longest(nodes, phase[: len(nodes)], fillvalue=phase[-1])) for phase in phases if phase] or [{}]


def _far(phi: Expr, side: int, waves: dict[Expr, float]) -> Any:
    """The limit of log|φ|/x², 0 where it is negative; None where rounding hides it."""
    ratios = []
    for power in FAR_POINTS:
        t = mpmath.mpf(10) ** power
        run = Magnitude({x: side * t}, waves)
        size = abs(run.value(phi))
        if run.unreal is not None:
            raise UnknownGrowthError(f"{run.unreal} is not a real number for large {'' if side > 0 else 'negative '}x")
        if run.doubtful or not mpmath.isfinite(size):
            return None
        ratios.append(mpmath.log(size) / t**2 if size else -mpmath.inf)
    limit = _limit(*ratios)
    return None if run.floored and limit > 0 else limit


def _limit(r1: Any, r2: Any, r3: Any) -> Any:
    """What a sequence tends to that is constant, or falls or rises like 1/log x, or like a power of x."""
    if r3 <= NOISE**2:
        return mpmath.mpf(0)
    first, second = r2 - r1, r3 - r2
    if abs(second) <= NOISE * r3:
        return r3
    if abs(second) >= 0.9 * abs(first):
        if second > 0:
            raise FasterThanGaussianError
        return mpmath.mpf(0)
    limit = r3 - second**2 / (second - first)
    return max(limit, 0) if limit > NOISE * r3 else mpmath.mpf(0)


def _near(phi: Expr, side: int) -> Any:
    """The a of a fit a·t² + b·t + j·log t + k to log|φ|, slightly above it where it is no simple fraction."""
    logs = []
    for t in NEAR_POINTS:
        sizes = [abs(Magnitude({x: side * mpmath.mpf(t) * (1 + mpmath.mpf(i) / 16)}).value(phi)) for i in range(3)]
        if any(mpmath.isnan(size) for size in sizes):
            raise UnknownGrowthError
        if any(mpmath.isinf(size) for size in sizes):
            raise UnknownGrowthError if phi.has(log) else FasterThanGaussianError
        logs.append(mpmath.log(sizes[0]) if sizes[0] else -mpmath.inf)
    if not all(mpmath.isfinite(value) for value in logs) or logs[-1] <= 0:
        return mpmath.mpf(0)
    if logs[-2] > 1 and mpmath.log(logs[-1] / logs[-2]) > 2.3 * mpmath.log(
        mpmath.mpf(NEAR_POINTS[-1]) / NEAR_POINTS[-2]
    ):
        raise FasterThanGaussianError
    rows = [[mpmath.mpf(t) ** 2, t, mpmath.log(t), 1] for t in NEAR_POINTS]
    a = mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix(logs))[0]
    if a < 3e-3:
        return mpmath.mpf(0)
    simple = Fraction(float(a)).limit_denominator(16)
    return mpmath.mpf(simple.numerator) / simple.denominator if abs(a / float(simple or 1) - 1) < 3e-3 else 1.01 * a


def _exact(a: Any) -> Expr:
    """The number as a fraction, a root of one, or one times or over π; else as a float, rounded up."""
    with mpmath.workprec(FAR_BITS):
        tries = {a: lambda r: r, a**2: sqrt, a / mpmath.pi: lambda r: r * pi, a * mpmath.pi: lambda r: r / pi}
        for value, build in tries.items():
            fraction = _fraction(value)
            if fraction is not None:
                return build(Rational(fraction.numerator, fraction.denominator))
    return Float(float(a) * (1 + 1e-12))


def _fraction(value: Any) -> Fraction | None:
    if not value:
        return Fraction(0)
    mantissa, exponent = mpmath.frexp(value)
    exact = Fraction(int(mpmath.ldexp(mantissa, FAR_BITS))) * Fraction(2) ** (exponent - FAR_BITS)
    simple = exact.limit_denominator(10**8)
    return simple if abs(simple - exact) <= exact / 10**18 else None
