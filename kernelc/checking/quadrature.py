"""E[φ(u)φ(v)] by quadrature straight from the definition: an oracle for duals that shares nothing with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.optimize import brentq
from sympy import Expr
from sympy.core.relational import Relational

from kernelc.montecarlo.pointwise import Pointwise
from kernelc.symbols import x

Array = np.ndarray

FARTHEST = 1e3  # where switches are looked for
COARSE, FINE = (14.0, 40, 12), (18.0, 66, 16)  # reach in standard deviations, panels, nodes a panel


@dataclass(frozen=True)
class Mean:
    """A mean over a bivariate Gaussian, and what a finer rule changes in it, both relative to √(E[φ(u)²] E[φ(v)²])."""

    value: float
    doubt: float


def mean(phi: Pointwise, slope: bool, q1: float, q2: float, rho: float) -> Mean:
    """E[φ(u)φ(v)], or with ``slope`` E[φ'(u)φ'(v)], for variances q1, q2 and correlation ρ.

    Iterated Gauss–Legendre quadrature in independent normals, the first of them u's, panels split where φ switches.
    """
    kinks = switches(phi.phi)
    function = phi.slope if slope else phi.value
    coarse, fine = (_integral(function, kinks, q1, q2, rho, *rule) for rule in (COARSE, FINE))
    size = np.sqrt(abs(_integral(function, kinks, q1, q1, 1.0, *FINE) * _integral(function, kinks, q2, q2, 1.0, *FINE)))
    return Mean(fine / size, abs(fine - coarse) / size) if size > 0 else Mean(fine, abs(fine - coarse))


def switches(phi: Expr) -> tuple[float, ...]:
    """Where φ may change its formula: the zeros of what it compares or takes the modulus of."""
    found: set[float] = set()
    for node in phi.atoms(sp.Abs, sp.sign, sp.Heaviside):
        found |= _zeros(node.args[0])
    for node in phi.atoms(sp.Max, sp.Min, Relational):
        for i, arg in enumerate(node.args):
            found = found.union(*(_zeros(arg - other) for other in node.args[:i]))
    return tuple(sorted(found))


def _zeros(expr: Expr) -> set[float]:
    if not expr.has(x):
        return set()
    if expr.is_polynomial(x) and sp.degree(expr, x) == 1:
        return {float(sp.solve(expr, x)[0])}
    function = Pointwise("switch", expr).value
    grid = np.concatenate([-np.geomspace(FARTHEST, 1e-6, 4000), [0.0], np.geomspace(1e-6, FARTHEST, 4000)])
    values = function(grid)
    zeros = {float(v) for v in grid[values == 0]}
    for i in np.flatnonzero(values[:-1] * values[1:] < 0):
        zeros.add(float(brentq(lambda v: float(function(np.array([v]))[0]), grid[i], grid[i + 1], xtol=1e-15)))
    return zeros


def _integral(
    function: Callable[[Array], Array],
    kinks: tuple[float, ...],
    q1: float,
    q2: float,
    rho: float,
    reach: float,
    panels: int,
    nodes: int,
) -> float:
    s1, s2, kappa = np.sqrt(q1), np.sqrt(q2), np.sqrt((1 - rho) * (1 + rho))
    even = np.linspace(-reach, reach, panels + 1)
    outer, weights = _rule(_split(even[None], [np.array([[k / s1]]) for k in kinks]), nodes)
    u, wu = outer[0], weights[0] * np.exp(-0.5 * outer[0] ** 2) / np.sqrt(2 * np.pi)
    if kappa == 0:
        return float(np.sum(wu * function(s1 * u) * function(np.sign(rho) * s2 * u)))
    cuts = [((k / s2 - rho * u) / kappa)[:, None] for k in kinks]
    inner, weights = _rule(_split(np.broadcast_to(even, (len(u), len(even))), cuts), nodes)
    v = function((s2 * (rho * u[:, None] + kappa * inner)).ravel()).reshape(inner.shape)
    means = np.sum(v * weights * np.exp(-0.5 * inner**2), axis=1) / np.sqrt(2 * np.pi)
    return float(np.sum(wu * function(s1 * u) * means))


def _split(even: Array, cuts: list[Array]) -> Array:
    """The ends of panels, one row each: even ones, and the cuts that fall between the first and the last."""
    return np.sort(np.concatenate([even, *(np.clip(cut, even[:, :1], even[:, -1:]) for cut in cuts)], axis=1), axis=1)


def _rule(ends: Array, nodes: int) -> tuple[Array, Array]:
    """Gauss–Legendre nodes and weights on every panel of every row."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    half, middle = np.diff(ends, axis=1) / 2, (ends[:, 1:] + ends[:, :-1]) / 2
    points = middle[:, :, None] + half[:, :, None] * t
    return points.reshape(len(ends), -1), (half[:, :, None] * w).reshape(len(ends), -1)
