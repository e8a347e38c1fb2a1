"""Mehler's expansion, the independent certifier of a table: E[φ(u)φ(v)] = Σ_k a_k(s1) a_k(s2) ρᵏ.

a_k(s) = E[φ(sz) h_k(z)] with the normalised Hermite polynomials h_k (Mehler 1866). What is left out after K terms is at
most |ρ|^{K+1}·√(T1 T2), T = E[φ²] − Σ_{k ≤ K} a_k², by Cauchy and Schwarz: a bound, not an estimate. It needs integrals
on the line only, and shares nothing with the tables but the activation.
"""

from __future__ import annotations

import numpy as np

from kernelc.tables.chebyshev import Array
from kernelc.tables.quadrature import Sampled, half_line

TERMS = 64
NODES = 1200


def mehler(phi: Sampled, s: Array, rho: float) -> tuple[Array, Array]:
    """E[φ(u)φ(v)] of all pairs of scales at one correlation, |ρ| well below 1, and a bound for what is left out."""
    z, w = half_line(NODES)
    parts = phi.value(s[:, None] * z)
    moment = sum((part * part) @ w for part in parts)
    before, hermite = np.zeros_like(z), np.ones_like(z)
    value, tail = np.zeros((len(s), len(s))), np.array(moment)
    for k in range(TERMS + 1):
        a = (parts[(k + 1) % 2] * hermite) @ w  # the odd part first
        value += np.outer(a, a) * rho**k
        tail -= a * a
        before, hermite = hermite, (z * hermite - np.sqrt(k) * before) / np.sqrt(k + 1)
    left = np.maximum(tail, 4 * np.finfo(float).eps * moment)
    return value, abs(rho) ** (TERMS + 1) * np.sqrt(np.outer(left, left))
