"""Duals of activations with a kink or a jump at 0: the arc-cosine family.

Cho & Saul (2009), "Kernel methods for deep learning", Sec. 2: with θ = arccos(c/√(q1 q2)),

    E[u₊ⁿ v₊ⁿ] = (q1 q2)^{n/2} J_n(θ) / 2π,    J_n(θ) = (−1)ⁿ (sin θ)^{2n+1} ((1/sin θ) ∂/∂θ)ⁿ ((π − θ)/sin θ).

The derivative of a kinked φ at u = 0 is a matter of taste, so the second expectation is nan when a variance is 0.
"""

from functools import cache
from typing import NamedTuple

from oracle.precision import mp, number


class Activation(NamedTuple):
    """φ, φ' and the dual (q1, q2, c) → (E[φ(u)φ(v)], E[φ'(u)φ'(v)]), where (u, v) ~ N(0, [[q1, c], [c, q2]])."""

    phi: object
    dphi: object
    dual: object


def positive(x):
    return x if x > 0 else 0 * x


def step_at(x):
    return int(x > 0)


def angle(q1, q2, c):
    return mp.acos(max(-1, min(1, c / mp.sqrt(q1 * q2))))


@cache
def angular_polynomials(n):
    """Integer polynomials A, B in cos θ (lowest degree first) with J_n = A sin θ + B (π − θ).

    The definition gives J_{n+1} = (2n+1) cos θ J_n − sin θ J_n', so that
    A_{n+1} = 2n cos θ A + sin²θ A' + B and B_{n+1} = (2n+1) cos θ B + sin²θ B'.

    >>> angular_polynomials(1), angular_polynomials(2)
    (((1,), (0, 1)), ((0, 3), (1, 0, 2)))
    """
    if n == 0:
        return (), (1,)
    a, b = angular_polynomials(n - 1)
    k = n - 1

    def at(p, i):
        return p[i] if 0 <= i < len(p) else 0

    def rotate(p, factor, i):  # coefficient i of factor·x·p + (1 − x²)·p'
        return factor * at(p, i - 1) + (i + 1) * at(p, i + 1) - (i - 1) * at(p, i - 1)

    return (
        tuple(rotate(a, 2 * k, i) + at(b, i) for i in range(n)),
        tuple(rotate(b, 2 * k + 1, i) for i in range(n + 1)),
    )


def arccosine(n, q1, q2, c):
    """E[u₊ⁿ v₊ⁿ], and for n = 0 P(u > 0, v > 0)."""
    if q1 * q2 == 0:
        return mp.nan if n == 0 else mp.zero
    theta = angle(q1, q2, c)
    cosine = mp.cos(theta)
    a, b = (sum(k * cosine**i for i, k in enumerate(p) if k) for p in angular_polynomials(n))
    return mp.sqrt(q1 * q2) ** n * (a * mp.sin(theta) + b * (mp.pi - theta)) / (2 * mp.pi)


def rectified_monomial(k):
    """φ = max(x, 0)^k; φ' = k max(x, 0)^{k−1}."""

    def dual(q1, q2, c):
        return arccosine(k, q1, q2, c), k**2 * arccosine(k - 1, q1, q2, c)

    return Activation(lambda x: positive(x) ** k, lambda x: k * positive(x) ** (k - 1) * step_at(x), dual)


def abrelu(a, b):
    """φ = a min(x, 0) + b max(x, 0) = b x₊ − a (−x)₊; Tsuchida et al. (2018), arXiv:1711.09090; (−u, v) has −c."""
    a, b = number(a), number(b)

    def dual(q1, q2, c):
        same, opposite = arccosine(1, q1, q2, c), arccosine(1, q1, q2, -c)
        same_slope, opposite_slope = arccosine(0, q1, q2, c), arccosine(0, q1, q2, -c)
        return (a**2 + b**2) * same - 2 * a * b * opposite, (a**2 + b**2) * same_slope + 2 * a * b * opposite_slope

    return Activation(lambda x: b * positive(x) - a * positive(-x), lambda x: b if x > 0 else a, dual)


def relu():
    return rectified_monomial(1)


def relu2():
    """The squared ReLU; So et al. (2021), arXiv:2109.08668."""
    return rectified_monomial(2)


def leaky_relu(alpha="0.01"):
    return abrelu(alpha, 1)


def prelu(alpha="0.25"):
    return abrelu(alpha, 1)


def absolute():
    return abrelu(-1, 1)


def star_relu(s="0.8944", b="-0.4472"):
    """φ = s max(x, 0)² + b, and E[u₊²] = q/2; Yu et al. (2022), arXiv:2210.13452."""
    s, b = number(s), number(b)

    def dual(q1, q2, c):
        squares, slopes = relu2().dual(q1, q2, c)
        return s**2 * squares + s * b * (q1 + q2) / 2 + b**2, s**2 * slopes

    return Activation(lambda x: s * positive(x) ** 2 + b, lambda x: 2 * s * positive(x), dual)


def step():
    """φ = 1 for x > 0, else 0. It jumps: there is no NTK."""
    return Activation(step_at, None, lambda q1, q2, c: (arccosine(0, q1, q2, c), mp.nan))


def sign():
    """E[sgn u sgn v] = (2/π) arcsin(c/√(q1 q2)), Sheppard (1899). It jumps: there is no NTK."""

    def dual(q1, q2, c):
        return (mp.zero if q1 * q2 == 0 else 1 - 2 * angle(q1, q2, c) / mp.pi), mp.nan

    return Activation(mp.sign, None, dual)
