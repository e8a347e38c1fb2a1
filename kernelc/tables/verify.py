"""The measured error of a table: against quadrature with other, finer parameters, off its own grid.

E[φφ] is integrated from φ itself, while the table has it from φ' by Price's theorem, so the two share nothing but the
activation. At ρ = ±½ Mehler's expansion, whose remainder has a bound, certifies the values.
"""

from __future__ import annotations

import math

import numpy as np

from kernelc.runtime.table import DualTable
from kernelc.tables.chebyshev import Array
from kernelc.tables.mehler import mehler
from kernelc.tables.quadrature import Halves, Sampled, half_line, plane
from kernelc.tables.record import Table

SCALES = 9


def measured_error(table: Table, phi: Sampled, quadrature: tuple[int, int]) -> float:
    """The largest error of E[φφ] and of E[φ'φ'] at 9 × 9 scales and 9 angles, relative to √(E11 E22)."""
    low, high = (0.5 * math.log(q) for q in table.q_range)
    place = (np.arange(SCALES) * 0.6180339887498949 + 0.11) % 1.0  # spread evenly, on no grid
    place[:3] = 0.0, 1.0, place[3] + 1e-3  # both ends, and two scales that nearly agree
    s = np.exp(low + (high - low) * place)
    dual = DualTable("", table.q_range, table.delta, (table.at_zero, table.slope_at_zero), dict(table.arrays()))
    root, slope = np.sqrt(_moments(phi.value, s)), np.sqrt(_moments(phi.slope, s))
    d = table.delta
    worst = float(np.abs(np.sqrt(dual.moment(s)) / root - 1).max())
    for theta in (0.0, 1e-4 * d, 0.03 * d, 0.4 * d, 1.1 * d, min(3 * d, 1.4), 0.8, 1.3, math.pi / 2):
        nngp, ntk = looked_up(dual, s, theta)
        odd, even = plane(phi.value, s, theta, *quadrature)
        of_even, of_odd = plane(phi.slope, s, theta, *quadrature)
        worst = max(worst, float(np.abs(nngp - (odd + even) / np.outer(root, root)).max()))
        worst = max(worst, float(np.abs((ntk - of_odd - of_even) / np.outer(slope, slope)).max()))
    return max(worst, certified_error(dual, phi, s, root))


def certified_error(dual: DualTable, phi: Sampled, s: Array, root: Array) -> float:
    """The largest error of E[φφ] at ρ = ±½ against Mehler's expansion, what that leaves out included."""
    worst = 0.0
    for rho in (0.5, -0.5):
        nngp, _ = looked_up(dual, s, math.acos(abs(rho)), math.copysign(1.0, rho))
        value, bound = mehler(phi, s, rho)
        worst = max(worst, float(((np.abs(nngp * np.outer(root, root) - value) + bound) / np.outer(root, root)).max()))
    return worst


def looked_up(dual: DualTable, s: Array, theta: float, side: float = 1.0) -> tuple[Array, Array]:
    """E[φφ]/√(E11 E22) and E[φ'φ'] of all pairs of scales at one angle, or its supplement where ``side`` is −1."""
    shape = len(s), len(s)
    given = np.full(shape, math.sin(theta / 2) ** 2), np.full(shape, side), s[:, None], s[None, :]
    gap, new = dual.angle(*given)
    return new * (1 - 2 * gap), dual.dot(*given)


def _moments(f: Halves, s: Array) -> Array:
    z, w = half_line(1200)
    odd, even = f(s[:, None] * z)
    return (odd * odd + even * even) @ w
