"""The dual of two polynomials under a tilt, by Mehler's expansion in Hermite polynomials.

E[Q1(u) Q2(v)] = Σ_k k!·α_k(S11)·β_k(S22)·S12ᵏ, with α_k(q) = E[Q1⁽ᵏ⁾(√q z)]/k! and S the tilted covariance: a finite
sum, each term of which is ≥ 0 at u = v. The coefficients are factored, because expanded they cancel: the last three
digits of a Hermite polynomial of degree 12.
"""

from __future__ import annotations

from sympy import Add, Dummy, Expr, Mul, Poly, factor, factorial, horner, sqf, sqrt

from kernelc.duals.tilt import tilt
from kernelc.duals.waves import Wave
from kernelc.symbols import rho, s1, s2

_z = Dummy("z", positive=True)


def mehler(first: Wave, second: Wave) -> Expr:
    """E[Q1(u) e^{a1 u²} Q2(v) e^{a2 v²}]."""
    t = tilt(first.a, second.a)
    left, right = s1**2 * t.n1 / t.d, s2**2 * t.n2 / t.d
    terms = []
    for k in range(min(max(first.q), max(second.q)) + 1):
        (unit1, alpha1), (unit2, alpha2) = coefficient(first, k, left), coefficient(second, k, right)
        terms.append(Mul(factorial(k) * factor(unit1 * unit2), alpha1, alpha2, (s1 * s2 * rho / t.d) ** k))
    return Add(*terms) / sqrt(t.d)


def coefficient(wave: Wave, k: int, s: Expr) -> tuple[Expr, Expr]:
    """α_k(s) as a constant and a polynomial, its repeated factors split off where its coefficients are rational."""
    unit = wave.q[max(wave.q)].re
    content, poly = Poly((wave.average(k, _z) / unit).expand(), _z).primitive()
    rational = poly.domain.is_ZZ or poly.domain.is_QQ
    value = sqf(poly.as_expr()) if rational else horner(poly)
    return unit * content, value.xreplace({_z: s})
