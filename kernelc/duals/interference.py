"""The dual of two waves: Gaussian integrals of exponentials, summed over mirror images without cancellation.

With the tilted covariance S (see ``tilt``), E = ½(S11 b1² + S22 b2²), h = b1·b2·S12 and μ = S·b,

    E[Q1(u) e^{a1u²+b1u} Q2(v) e^{a2v²+b2v}] = e^{E+h}/√d · P,   P = Σ_k k!·S12ᵏ·H1_k(μ1)·H2_k(μ2),

where H_k(μ) = E[Q⁽ᵏ⁾(μ + √S z)]/k!. The mirror image in v changes the sign of S12, and the sum of both is grouped as

    P(h) e^h ± P(−h) e^{−h} = e^h·[−P(h)·expm1(−2h) + e^{−2h}·(P(h) ± P(−h))],

whose last bracket is twice the part of P that is even or odd in S12. b2 is chosen among its mirror images so that
Re h ≥ 0 at folded angles, and E + h is a completed square: nothing overflows where the dual does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Expr, cos, factorial, sin, sqrt

from kernelc.duals.complexes import ZERO, Complex, real
from kernelc.duals.mehler import mehler
from kernelc.duals.tilt import Tilt, tilt
from kernelc.duals.waves import Wave
from kernelc.symbols import gap, kappa, rho, s1, s2

ONE, NOTHING = real(1), real(0)


def wave_pair(first: Wave, second: Wave, parity: int) -> Expr:
    """E of the orbit of ``first`` at u times the orbit of ``second`` at v."""
    if not first.b and not second.b:
        return mehler(first, second)
    return over_conjugates(first, second, lambda one, two: mirrored(one, two, parity))


def over_conjugates(first: Wave, second: Wave, term: Callable[[Wave, Wave], Complex]) -> Expr:
    """The sum of a term over the complex conjugates of both waves."""
    total = term(first, second).re
    if first.paired and second.paired:
        total += term(first, second.conjugate()).re
    return total * (2 if first.paired or second.paired else 1)


def mirrored(first: Wave, second: Wave, parity: int) -> Complex:
    """E of ``first`` and its mirror image at u times ``second`` and its own at v."""
    second = facing(first, second, parity)
    b1, b2, t = first.b, second.b, tilt(first.a, second.a)
    s11, s22, s12 = s1**2 * t.n1 / t.d, s2**2 * t.n2 / t.d, s1 * s2 * rho / t.d
    means = [Graded(mean(b1, s1, b2, s2, second.a, t)), Graded(mean(b2, s2, b1, s1, first.a, t))]
    straight = series(first, second, (s11, s22), Graded(real(s12)), means).even
    h = (b1 * b2).scale(s12)
    if not h:
        return envelope(first, second, t, h) * straight
    means = [Graded(b1.scale(s11), b2.scale(s12)), Graded(b2.scale(s22), b1.scale(s12))]
    grades = series(first, second, (s11, s22), Graded(NOTHING, real(s12)), means)
    same, other = (grades.even, grades.odd) if parity == 1 else (grades.odd, grades.even)
    if h.re == 0:
        return envelope(first, second, t, h).scale(2) * (same.scale(cos(h.im)) + other * Complex(ZERO, sin(h.im)))
    decay = h.scale(-2)
    if straight == same:
        return envelope(first, second, t, h) * straight * (ONE + decay.exp())
    return envelope(first, second, t, h) * (same.scale(2) * decay.exp() - straight * decay.expm1())


def facing(first: Wave, second: Wave, parity: int) -> Wave:
    """``second`` or its mirror image: the one with Re b1·b2 ≥ 0."""
    product = (first.b * second.b).re
    return second.mirror(parity) if product.is_nonpositive and product != 0 else second


def envelope(first: Wave, second: Wave, t: Tilt, h: Complex) -> Complex:
    """2e^{E+h}/√d, its exponent a completed square; where h is imaginary, 2e^E/√d."""
    b1, b2 = first.b, second.b
    a1, a2 = (b1 * b1).scale(ONE.re / 2), (b2 * b2).scale(ONE.re / 2)
    exponent = a1.scale(s1**2 * t.n1 / t.d) + a2.scale(s2**2 * t.n2 / t.d)
    if h.re != 0:
        turn = exponent.im + h.im
        tilted = 2 * (a1.re * second.a + a2.re * first.a) * s1**2 * s2**2 * kappa**2
        exponent = Complex((_square(b1, b2, a1.re, a2.re) - tilted) / t.d, turn)
    return exponent.exp().scale(2 / sqrt(t.d))


def _square(b1: Complex, b2: Complex, a1: Expr, a2: Expr) -> Expr:
    """Re ½(b1 s1)² + ½(b2 s2)² + ρ·b1 b2 s1 s2 as a square and remainders of one sign."""
    cross = (b1 * b2).re
    if b1.re == b2.re == 0:
        r1, r2 = b1.im, -b2.im
    elif a1.is_negative and a2.is_negative:
        r1, r2 = sqrt(-2 * a1), sqrt(-2 * a2)
    else:
        return a1 * s1**2 + a2 * s2**2 + cross * s1 * s2 * rho
    square = r1**2 * (s1 - s2) ** 2 if r1 == r2 else (r1 * s1 - r2 * s2) ** 2
    return -square / 2 - 2 * r1 * r2 * s1 * s2 * gap + (cross - r1 * r2) * s1 * s2 * rho


def mean(b: Complex, s: Expr, other: Complex, r: Expr, a: Expr, t: Tilt) -> Complex:
    """S11·b1 + S12·b2 without cancellation, ``a`` the tilt of the other atom."""
    along = Complex(_along(b.re * s, other.re * r), _along(b.im * s, other.im * r))
    return (along - b.scale(2 * a * s * r**2 * kappa**2)).scale(s / t.d)


def _along(here: Expr, there: Expr) -> Expr:
    """here + ρ·there, through the gap where the two have opposite signs."""
    product = here * there
    if product.is_nonpositive and product != 0:
        return here + there - 2 * there * gap
    return here + there * rho


@dataclass(frozen=True)
class Graded:
    """A number split into its even and its odd part in S12."""

    even: Complex
    odd: Complex = NOTHING

    def __add__(self, other: Graded) -> Graded:
        return Graded(self.even + other.even, self.odd + other.odd)

    def __mul__(self, other: Graded) -> Graded:
        return Graded(
            self.even * other.even + self.odd * other.odd,
            self.even * other.odd + self.odd * other.even,
        )


def series(first: Wave, second: Wave, s: tuple[Expr, Expr], s12: Graded, means: list[Graded]) -> Graded:
    """P."""
    total, power = Graded(NOTHING), Graded(ONE)
    for k in range(min(max(first.q), max(second.q)) + 1):
        left, right = horner(first.heat(k, s[0]), means[0]), horner(second.heat(k, s[1]), means[1])
        total += power * left * right * Graded(real(factorial(k)))
        power *= s12
    return total


def horner(coefficients: list[Complex], point: Graded) -> Graded:
    """A polynomial at a point."""
    total = Graded(NOTHING)
    for value in reversed(coefficients):
        total = total * point + Graded(value)
    return total
