"""The truth for duals: activations typed by half-line, Gauss–Legendre quadrature in polar coordinates, native points.

Nothing of the derivation engine is used here; u = s1·z1 and v = s2·(ρ z1 + κ z2) with (z1, z2) = r·(cos α, sin α), and
the angle is split where u or v changes sign, so that the integrand is analytic on every panel.
"""

from functools import cache
from typing import NamedTuple

import mpmath as mp
import sympy as sp

from kernelc import symbols
from kernelc.symbols import gap, kappa, rho, s1, s2, theta, x

NATIVE = (s1, s2, rho, kappa, theta, gap)
half = sp.Rational(1, 2)


class Case(NamedTuple):
    """φ and what it is for x < 0 and for x > 0."""

    phi: sp.Expr
    left: sp.Expr
    right: sp.Expr


def smooth(phi):
    return Case(phi, phi, phi)


relu, phi_cdf = sp.Max(0, x), (1 + sp.erf(x / sp.sqrt(2))) / 2
zero = sp.Integer(0)

CASES = {
    "relu": Case(relu, zero, x),
    "leaky": Case(relu + sp.Min(0, x) / 10, x / 10, x),
    "abs": Case(sp.Abs(x), -x, x),
    "abrelu": Case(sp.Rational(6, 5) * relu - sp.Min(0, x) / 2, -x / 2, sp.Rational(6, 5) * x),
    "relu2": Case(relu**2, zero, x**2),
    "relu3": Case(relu**3, zero, x**3),
    "relu6th": Case(relu**6, zero, x**6),
    "star": Case(relu**2 * half - sp.Rational(1, 3), -sp.Rational(1, 3) + 0 * x, x**2 / 2 - sp.Rational(1, 3)),
    "signed-square": Case(sp.Piecewise((x**2, x >= 0), (-(x**2), True)), -(x**2), x**2),
    "uneven": Case(relu - sp.Min(0, x) ** 2, -(x**2), x),
    "step": Case(sp.Heaviside(x), zero, sp.Integer(1)),
    "sign": Case(sp.sign(x), sp.Integer(-1), sp.Integer(1)),
    "relu-gauss": Case(relu * sp.exp(-(x**2)), zero, x * sp.exp(-(x**2))),
    "relu2-gauss": Case(relu**2 * sp.exp(-(x**2) / 3), zero, x**2 * sp.exp(-(x**2) / 3)),
    "relu-sin": Case(relu + sp.sin(x) / 10, sp.sin(x) / 10, x + sp.sin(x) / 10),
    "erf-relu": Case(sp.erf(x) + relu, sp.erf(x), sp.erf(x) + x),
    "erf-relu2": Case(sp.erf(x) + relu**2, sp.erf(x), sp.erf(x) + x**2),
    "gauss-abs": Case(
        sp.exp(-(x**2)) + sp.Abs(x) * sp.exp(-(x**2) / 2),
        sp.exp(-(x**2)) - x * sp.exp(-(x**2) / 2),
        sp.exp(-(x**2)) + x * sp.exp(-(x**2) / 2),
    ),
    "odd-roots": Case(
        sp.Min(0, x) ** 2 + sp.Abs(x) * sp.exp(-(x**2) / 2),
        x**2 - x * sp.exp(-(x**2) / 2),
        x * sp.exp(-(x**2) / 2),
    ),
    "identity": smooth(x),
    "square": smooth(x**2),
    "cube": smooth(x**3),
    "hermite5": smooth(sp.hermite_prob(5, x)),
    "hermite12": smooth(sp.hermite_prob(12, x)),
    "polynomial": smooth(half + x - sp.Rational(3, 10) * x**2 + x**3 / 10),
    "erf": smooth(sp.erf(x)),
    "sigmoid-like": smooth((1 + sp.erf(x / sp.Rational(12, 5))) / 2),
    "two-erfs": smooth(sp.erf(x) - sp.erf(x / 3) / 2),
    "gelu": smooth(x * phi_cdf),
    "x-gelu": smooth(x**2 * phi_cdf),
    "erf-gauss": smooth(x**2 * sp.erf(x / 2) * sp.exp(-(x**2))),
    "erf-abs": Case(x * sp.erf(x) + sp.Abs(x), x * sp.erf(x) - x, x * sp.erf(x) + x),
    "sin": smooth(sp.sin(x)),
    "cos": smooth(sp.cos(2 * x)),
    "sin-phase": smooth(sp.sin(3 * x / 2 + sp.Rational(1, 3))),
    "rbf": smooth(sp.sqrt(2) * sp.sin(sp.sqrt(2) * x + sp.pi / 4)),
    "snake": smooth(x + sp.sin(x) ** 2),
    "sin2": smooth(sp.sin(x) ** 2),
    "one-minus-cos": smooth(1 - sp.cos(x) + x**2 / 5),
    "x-sin": smooth(x * sp.sin(x)),
    "x2-sin-and-cos": smooth(x**2 * sp.sin(2 * x) + x * sp.cos(x)),
    "exp": smooth(sp.exp(x)),
    "expm1": smooth(sp.exp(x / 2) - 1),
    "x2-exp": smooth(x**2 * sp.exp(-x / 2)),
    "exp-sin": smooth(sp.exp(x / 2) * sp.sin(x)),
    "cosh-cos": smooth(sp.cosh(x / 2) + sp.cos(x)),
    "gauss": smooth(sp.exp(-(x**2))),
    "wide": smooth(sp.exp(x**2 / 40)),
    "bump": smooth((1 - x**2) * sp.exp(-(x**2))),
    "x-gauss": smooth(x * sp.exp(-(x**2))),
    "gabor": smooth(sp.exp(-(x**2)) * sp.sin(x)),
    "sin-gauss": smooth(sp.sin(3 * x) * sp.exp(-(x**2) / 2)),
    "x-cos-gauss": smooth(x * sp.cos(2 * x) * sp.exp(-(x**2) / 2)),
    "shifted-gauss": smooth(sp.exp(-(x**2) / 2 + x)),
    "two-gauss-waves": smooth(sp.exp(-(x**2) / 2) * sp.cos(x) + sp.cos(2 * x)),
}

JUMPS = ("step", "sign")


def native(q1, q2, angle):
    """The native coordinates of a folded pair, in the arithmetic of mpmath."""
    t = mp.pi / 2 if angle is None else mp.mpf(angle)
    cosine = mp.mpf(0) if angle is None else mp.cos(t)
    return mp.sqrt(mp.mpf(q1)), mp.sqrt(mp.mpf(q2)), cosine, mp.sin(t), t, mp.sin(t / 2) ** 2


def public(expression, q1, q2, c):
    names = (symbols.q1, symbols.q2, symbols.c)
    return sp.lambdify(names, expression, "mpmath")(mp.mpf(q1), mp.mpf(q2), mp.mpf(c))


@cache
def legendre(n, digits):
    """Nodes and weights on [−1, 1], by Newton's iteration."""
    with mp.workdps(digits + 10):
        rule = []
        for k in range(n):
            z = mp.cos(mp.pi * (k + mp.mpf(3) / 4) / (n + mp.mpf(1) / 2))
            for _ in range(8):
                low, high = mp.mpf(1), z
                for j in range(2, n + 1):
                    low, high = high, ((2 * j - 1) * z * high - (j - 1) * low) / j
                slope = n * (z * high - low) / (z * z - 1)
                z -= high / slope
            rule.append((z, 2 / ((1 - z * z) * slope**2)))
        return rule


def panel(low, high, n):
    middle, size = (low + high) / 2, (high - low) / 2
    return [(middle + size * z, size * w) for z, w in legendre(n, mp.mp.dps)]


def quadrature(case, q1, q2, angle, order=0, nodes=28):
    """E[φ(u)φ(v)], or E[φ'(u)φ'(v)] where ``order`` is 1."""
    sides = [sp.lambdify(x, sp.diff(side, x, order), "mpmath") for side in (case.left, case.right)]
    first, second, t = mp.sqrt(mp.mpf(q1)), mp.sqrt(mp.mpf(q2)), mp.mpf(angle)
    radii = [
        (r, w * r * mp.exp(-r * r / 2))
        for a, b in ((0, 2), (2, 5), (5, 9), (9, 13), (13, 18))
        for r, w in panel(a, b, nodes)
    ]
    kinks = sorted(k % (2 * mp.pi) for k in (mp.pi / 2, -mp.pi / 2, t + mp.pi / 2, t - mp.pi / 2))
    total = mp.mpf(0)
    for low, high in zip(kinks, [*kinks[1:], kinks[0] + 2 * mp.pi], strict=True):
        for alpha, weight in panel(low, high, nodes):
            u, v = first * mp.cos(alpha), second * mp.cos(alpha - t)
            f, g = sides[u > 0], sides[v > 0]
            total += weight * mp.fsum(w * f(u * r) * g(v * r) for r, w in radii)
    return total / (2 * mp.pi)
