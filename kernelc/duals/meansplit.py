"""Even sums of waves that cancel at 0, as in 1 − cos x: the dual as a product of means plus a covariance.

E[φφ] = M(q1)·M(q2) + Cov with M(q) = E φ(√q z). The constants of all waves are added up in the symbols, once and
exactly, and what remains is expm1 of something: for constants c1·c2 the covariance is that of e^{b1u} and e^{b2v},

    e^E·(cosh h − 1) = ½·e^{E+h}·expm1(−h)²,

and for a constant against a polynomial of another wave it is a finite Taylor series in h. Two waves whose
polynomials vanish at 0 do not cancel, and are left alone.
"""

from __future__ import annotations

from sympy import Add, Expr, cos, sin

from kernelc.duals.atoms import tidy
from kernelc.duals.complexes import ZERO, Complex
from kernelc.duals.dag import substitute
from kernelc.duals.interference import Graded, envelope, facing, horner, over_conjugates, wave_pair
from kernelc.duals.tilt import tilt
from kernelc.duals.waves import Wave
from kernelc.symbols import rho, s1, s2


def cancels(parts: tuple[Wave, ...]) -> bool:
    """Whether untilted waves of an even sum may cancel at 0."""
    flat = [wave for wave in parts if 0 in wave.q]
    values = [wave.q[0].re for wave in flat]
    same_sign = all(v.is_nonnegative for v in values) or all(v.is_nonpositive for v in values)
    return all(wave.a == 0 for wave in parts) and (any(w.paired for w in flat) or (len(flat) > 1 and not same_sign))


def split_dual(parts: tuple[Wave, ...]) -> Expr:
    """E[φφ] of an even sum of untilted waves."""
    flat = tuple(one for wave in parts for one in wave.restrict({n: v for n, v in wave.q.items() if n == 0}))
    steep = tuple(one for wave in parts for one in wave.restrict({n: v for n, v in wave.q.items() if n}))
    origin = tidy(Add(*[wave.q[0].re * wave.orbit for wave in flat]))
    flat1, flat2 = (origin + Add(*[_rise(wave, s) for wave in flat]) for s in (s1, s2))
    steep1, steep2 = (Add(*[_mean(wave, s) for wave in steep]) for s in (s1, s2))
    mixed = Add(*[covariance(one, two) for one in flat for two in steep])
    return Add(
        flat1 * flat2,
        flat1 * steep2,
        steep1 * flat2,
        mixed,
        substitute(mixed, {s1: s2, s2: s1}),
        *[covariance(one, two) for one in flat for two in flat],
        *[wave_pair(one, two, 1) for one in steep for two in steep],
    )


def _rise(wave: Wave, s: Expr) -> Expr:
    """E of the orbit of a pure exponential, less its value at 0."""
    growth = (wave.b * wave.b).scale(s**2 / 2).expm1()
    return (wave.q[0] * growth).re * wave.orbit


def _mean(wave: Wave, s: Expr) -> Expr:
    """E of the orbit."""
    growth = (wave.b * wave.b).scale(s**2 / 2).exp()
    value = horner(wave.heat(0, s**2), Graded(wave.b.scale(s**2))).even
    return (value * growth).re * wave.orbit


def covariance(first: Wave, second: Wave) -> Expr:
    """Cov of the orbits of a pure exponential at u and of any wave at v."""
    return over_conjugates(first, second, _covariance) if first.b else ZERO


def _covariance(first: Wave, second: Wave) -> Complex:
    second = facing(first, second, 1)
    step = first.b.scale(s1 * s2 * rho)
    terms, power = [], first.q[0]
    for k in range(max(second.q) + 1):
        terms.append(power * horner(second.heat(k, s2**2), Graded(second.b.scale(s2**2))).even)
        power = power * step
    rise, even, odd = (sum(some, Complex(ZERO)) for some in (terms[1:], terms[2::2], terms[1::2]))
    h = step * second.b
    front = envelope(first, second, tilt(ZERO, ZERO), h)
    if not h:
        return front * rise
    if h.re == 0:
        waves = even.scale(cos(h.im)) + odd * Complex(ZERO, sin(h.im)) - terms[0].scale(2 * sin(h.im / 2) ** 2)
        return front.scale(2) * waves
    square = (-h).expm1() * (-h).expm1()
    return front * (terms[0] * square + even.scale(2) * h.scale(-2).exp() - rise * h.scale(-2).expm1())
