"""E[φ(u)φ(v)] by quadrature straight from the definition: an oracle for duals that shares nothing with them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy.optimize import brentq
from sympy import Expr
from sympy.core.relational import Relational

from kernelc.errors import InputError
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
    size = np.prod([np.sqrt(abs(_integral(function, kinks, q, q, 1.0, *FINE))) for q in (q1, q2)])
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
    compiled = sp.lambdify(x, expr, modules=["scipy", "numpy"])

    def function(z: Array) -> Array:
        with np.errstate(all="ignore"):  # far out it may overflow, which is a sign too
            signs: Array = np.sign(np.asarray(compiled(z), dtype=float) + np.zeros_like(z))
        return signs

    grid = np.concatenate([-np.geomspace(FARTHEST, 1e-6, 4000), [0.0], np.geomspace(1e-6, FARTHEST, 4000)])
    values = function(grid)
    zeros = {float(v) for v in grid[1:-1][(values[1:-1] == 0) & (values[:-2] * values[2:] != 0)]}
    for i in np.flatnonzero(values[:-1] * values[1:] < 0):
        zeros.add(float(brentq(lambda v: float(function(np.array(v))), grid[i], grid[i + 1], xtol=1e-15)))
    return zeros


def rarity(phi: Pointwise, slope: bool, q: float) -> float:
    """E[φ⁴]/E[φ²]², or with ``slope`` of φ', for the variance q: of how many units one makes a mean of φ².

    Infinite where it overflows, and 0 for a φ that is 0 itself.
    """
    kinks, root = switches(phi.phi), np.sqrt(q)
    function = phi.slope if slope else phi.value
    with np.errstate(all="ignore"), suppress(InputError):  # φ itself overflows
        size = np.abs(function(root * np.linspace(-4, 4, 97))).max()  # so that no square of it under- or overflows
        if not size > 0:
            return 0.0
        moments = (
            _integral(power, kinks, q, q, 1.0, *FINE)
            for power in (lambda z: np.abs(function(z)) / size, lambda z: (function(z) / size) ** 2)
        )
        second, fourth = moments
        found = float(np.divide(fourth, second**2))
        if np.isfinite(found):
            return found
    return np.inf


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
    kinks = (*kinks, *_near_zero(max(s1, s2) * reach / panels))
    outer, weights = _rule(_split(even[None], [np.array([[k / s1]]) for k in kinks]), nodes)
    u, wu = outer[0], weights[0] * np.exp(-0.5 * outer[0] ** 2) / np.sqrt(2 * np.pi)
    if kappa == 0:
        return float(np.sum(wu * function(s1 * u) * function(np.sign(rho) * s2 * u)))
    cuts = [((k / s2 - rho * u) / kappa)[:, None] for k in kinks]
    inner, weights = _rule(_split(np.broadcast_to(even, (len(u), len(even))), cuts), nodes)
    v = function((s2 * (rho * u[:, None] + kappa * inner)).ravel()).reshape(inner.shape)
    means = np.sum(v * weights * np.exp(-0.5 * inner**2), axis=1) / np.sqrt(2 * np.pi)
    return float(np.sum(wu * function(s1 * u) * means))


def _near_zero(panel: float) -> tuple[float, ...]:
    """Ends of panels that grow from zero, for a φ whose own scale is far below that of its Gaussian input."""
    if panel < 1:
        return ()
    ends = np.geomspace(0.25, panel, int(min(24, np.log2(panel) / 2 + 3)))
    return (*map(float, -ends[::-1]), 0.0, *map(float, ends))


def _split(even: Array, cuts: list[Array]) -> Array:
    """The ends of panels, one row each: even ones, and the cuts that fall between the first and the last."""
    return np.sort(np.concatenate([even, *(np.clip(cut, even[:, :1], even[:, -1:]) for cut in cuts)], axis=1), axis=1)


def _rule(ends: Array, nodes: int) -> tuple[Array, Array]:
    """Gauss–Legendre nodes and weights on every panel of every row."""
    t, w = np.polynomial.legendre.leggauss(nodes)
    half, middle = np.diff(ends, axis=1) / 2, (ends[:, 1:] + ends[:, :-1]) / 2
    points = middle[:, :, None] + half[:, :, None] * t
    points = np.where(half[:, :, None] > 0, points, ends[:, :1, None])  # an empty panel may lie on a pole of φ
    return points.reshape(len(ends), -1), (half[:, :, None] * w).reshape(len(ends), -1)
