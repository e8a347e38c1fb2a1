"""The builder of a table: quadrature on a grid of scales and angles, Chebyshev series of it, and their measured error.

What is sampled is E[φ_P'(u) φ_P'(v)]; E[φ_P(u) φ_P(v)] follows by Price's theorem (Price 1958),

    E(0) − E(θ) = s1 s2 ∫₀^θ sin t · E[φ_P'(u) φ_P'(v)](t) dt,

an integral of a smooth function near θ = 0, so that the deficit has all its digits at small angles.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from kernelc.errors import UnsupportedError
from kernelc.tables.chebyshev import Array, angle, angle_rate, basis, length, nodes, transform
from kernelc.tables.quadrature import Sampled, half_line, legendre, plane
from kernelc.tables.record import Table, TablePart
from kernelc.tables.verify import measured_error

TARGET = 1e-12
FLOOR = 1e-15  # coefficients below this are dropped
ABSENT = 1e-26  # a part with less than this share of E[φ²] is rounding
RADII = (48, 64, 80, 120, 200, 400, 800)
ARCS = (48, 64, 80, 120, 180, 260, 400)
WORK = 2e9  # values of an activation at most: about a minute
SCALES = (16, 24, 32, 40, 48, 56, 64, 80, 96, 128, 160, 192)
INTEGRALS = "the integrals of a table do not settle"
LINE = 800  # nodes of integrals on the line
ANGLES = (24, 32, 40, 48, 56, 64, 80, 96, 128, 192)

Progress = Callable[[float], None]


def build(
    phi: Sampled,
    q_range: tuple[float, float],
    target: float = TARGET,
    progress: Progress | None = None,
    work: float = WORK,
) -> Table:
    """The table of an activation for E[u²] in ``q_range``.

    Raises UnsupportedError where the integrals, or the series, do not settle to ``target``, or where the table would
    take more than ``work`` values of the activation.
    """
    with np.errstate(all="ignore"), threadpool_limits(1):  # small products: threads would only wait for each other
        builder = _Builder(phi, q_range, target, work)
        table = builder.table(progress)
        error = 2 * measured_error(table, phi, (2 * builder.radii, 3 * builder.arc // 2))
    if not error <= 10 * target:
        raise UnsupportedError(f"its table is off by {error:.0e}, not by {target:.0e} at most")
    return replace(table, error=max(error, 1e-14))


class _Builder:
    def __init__(self, phi: Sampled, q_range: tuple[float, float], target: float, work: float) -> None:
        self.phi, self.q_range, self.target, self.work = phi, q_range, target, work
        self.lo, self.hi = (0.5 * math.log(q) for q in q_range)
        self.delta = min(1.0, math.exp(-self.hi))
        self.arc = self._settled(
            ARCS, lambda n: self._change((120, n), (120, n * 3 // 2)), "the integrals of a table do not settle"
        )
        a = self.arc
        self.radii = self._settled(
            RADII, lambda n: self._change((n, a), (n * 3 // 2, a)), "the integrals of a table do not settle"
        )
        self.m = self._settled(SCALES, self._row_tail, "its series in the variance does not settle")
        self.n = self._settled(SCALES, self._scale_tail, "its series in the variances does not settle")
        self.k = self._settled(ANGLES, self._angle_tail, "its series in the angle does not settle")
        self._affordable(self.n, self.k)

    def _affordable(self, n: int, k: int) -> None:
        """Raise UnsupportedError where n scales and k angles would take too long."""
        work = 4.0 * n * self.radii * self.arc * k
        if work > self.work:
            raise UnsupportedError(f"a table would take {work:.0e} values of the activation")

    def _settled(self, sizes: Sequence[int], error: Callable[[int], float], what: str) -> int:
        """The first size at which an error is small enough."""
        found = math.inf
        for size in sizes:
            found = error(size)
            if found <= max(self.target / 50, 2e-14):
                return size
        raise UnsupportedError(f"{what}: the error stays at {found:.0e}")

    def scales(self, n: int) -> Array:
        """The nodes in σ, as s = e^σ."""
        return np.exp(0.5 * (self.lo + self.hi) + 0.5 * (self.hi - self.lo) * nodes(n))

    def slopes(self, s: Array, theta: float, quadrature: tuple[int, int] | None = None) -> tuple[Array, Array]:
        """E[φ_P'(u) φ_P'(v)], P the odd and the even part."""
        with np.errstate(all="ignore"):  # of each thread its own
            of_even, of_odd = plane(self.phi.slope, s, theta, *(quadrature or (self.radii, self.arc)))
        return of_odd, of_even

    def _size(self, s: Array) -> Array:
        """√(E[φ'(u)²] E[φ'(v)²]), by which errors are measured."""
        z, w = half_line(LINE)
        root = np.sqrt(sum((part * part) @ w for part in self.phi.slope(s[:, None] * z)))
        return np.outer(root, root)

    def _change(self, coarse: tuple[int, int], fine: tuple[int, int]) -> float:
        s, worst = np.exp([self.lo, 0.5 * (self.lo + self.hi), self.hi]), 0.0
        size = self._size(s)
        for theta in (self.delta / 30, self.delta, 0.7, math.pi / 2):
            for one, two in zip(self.slopes(s, theta, coarse), self.slopes(s, theta, fine), strict=True):
                worst = max(worst, float(np.abs((one - two) / size).max()))
        return worst

    def _row_tail(self, m: int) -> float:
        s = self.scales(m)
        across = [_tail(transform(transform(_across(np.log(s), *v), 0), 1)) for v in self._shapes(s).values()]
        return max(*across, *(_tail(transform(row, 0)) for row in self._rows(s)))

    def _scale_tail(self, n: int) -> float:
        self._affordable(n, ANGLES[0])
        s = self.scales(n)
        size = self._size(s)
        pairs = [v / size for theta in (self.delta / 3, 1.0) for v in self.slopes(s, theta)]
        return max(_tail(transform(transform(v, 0), 1)) for v in pairs)

    def _angle_tail(self, k: int) -> float:
        s = self.scales(4)
        size = self._size(s)
        return max(_tail(transform(v / size, 0)) for v in self._sample(s, k, None))

    def _sample(self, s: Array, k: int, progress: Progress | None) -> tuple[Array, Array]:
        """E[φ_P'φ_P'] at k angles, shape (k, n, n), odd and even."""
        out = np.empty((2, k, len(s), len(s)))
        angles = angle(0.5 * (nodes(k) + 1), self.delta).tolist()
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
            for i, pair in enumerate(pool.map(partial(self.slopes, s), angles)):
                out[:, i] = pair
                if progress is not None:
                    progress((i + 1) / k)
        return out[0], out[1]

    def _rows(self, s: Array) -> tuple[Array, ...]:
        """What depends on one point: log E[φ²], log E[φ'²], the odd part's share of E[φ²], E[φ] and E[φ'] in units of
        the roots of these.
        """
        z, w = half_line(LINE)
        (odd, even), slopes = self.phi.value(s[:, None] * z), self.phi.slope(s[:, None] * z)
        own = (odd * odd) @ w
        moment = own + (even * even) @ w
        flux = sum((v * v) @ w for v in slopes)
        means = (even @ w) / np.sqrt(moment), (slopes[1] @ w) / np.sqrt(flux)
        return np.log(moment), np.log(flux), own / moment, *means

    def _shapes(self, s: Array) -> dict[str, tuple[Array, Array, Array]]:
        """Of each part that is more than rounding: f = φ_P(sz)/√E[φ²], ∂f/∂σ at the nodes z, and their weights."""
        z, w = half_line(LINE)
        values, (of_even, of_odd) = self.phi.value(s[:, None] * z), self.phi.slope(s[:, None] * z)
        inverse = 1 / np.sqrt((values[0] * values[0] + values[1] * values[1]) @ w)[:, None]
        shapes = [(v * inverse, s[:, None] * z * d * inverse) for v, d in zip(values, (of_odd, of_even), strict=True)]
        drift = np.array([(f * rate) @ w for f, rate in shapes]).sum(axis=0)[:, None]  # ∂ log √E[φ²]/∂σ
        found = {parity: (f, rate - drift * f, w) for parity, (f, rate) in zip(("odd", "even"), shapes, strict=True)}
        return {parity: shape for parity, shape in found.items() if ((shape[0] * shape[0]) @ w > ABSENT).any()}

    def table(self, progress: Progress | None) -> Table:
        """Sample, transform."""
        fine = self.scales(self.m)
        rows = [_trimmed(row) for row in self._rows(fine)]
        samples = dict(zip(("odd", "even"), self._sample(self.scales(self.n), self.k, progress), strict=True))
        size = self._size(self.scales(self.n))
        parts = tuple(
            _part(parity, samples[parity] / size, _across(np.log(fine), *shape), self.delta)
            for parity, shape in self._shapes(fine).items()
        )
        at_zero = self.phi.at_zero, self.phi.slope_at_zero
        moment, flux, share, mean, slope_mean = rows
        return Table(self.q_range, self.delta, parts, moment, flux, share, mean, slope_mean, *at_zero, 0.0)


def _part(parity: str, dot: Array, across: Array, delta: float) -> TablePart:
    """C at the nodes (k, n, n) and B (m, m) as a part of a table."""
    near = np.tensordot(_drops(0.5 * (nodes(len(dot)) + 1), delta), dot, axes=1)
    near, dot = (transform(transform(transform(v, -1), -2), 0) for v in (near, dot))
    basis, (near, dot) = _compressed(near, dot)
    across_basis, (across,) = _compressed(transform(transform(across, -1), -2)[None])
    return TablePart(parity, basis, _short(near), _short(dot), across_basis, across[0])


def _drops(tau: Array, delta: float) -> Array:
    """The matrix from C(θ) at the nodes to ∫₀^θ sin t C(t) dt/(2 sin²(θ/2)) there: A, but for its scale."""
    y, w = legendre(len(tau) + 16)
    y, w = 0.5 * (y + 1), 0.5 * w
    to_series = transform(np.eye(len(tau)), 0)
    rows = []
    for t in tau:
        inner = t * y
        theta = angle(inner, delta)
        weight = w * t * angle_rate(inner, delta) * np.sin(theta)
        rows.append((weight @ basis(2 * inner - 1, len(tau))) @ to_series / (2 * np.sin(0.5 * angle(t, delta)) ** 2))
    return np.array(rows)


def _across(sigma: Array, f: Array, rate: Array, w: Array) -> Array:
    """B = E[(f(s1) − f(s2))²]/(4 (σ1 − σ2)²); on the diagonal E[(∂f/∂σ)²]/4, f = φ_P(sz)/√E[φ²]."""
    apart = sigma[:, None] - sigma
    np.fill_diagonal(apart, 1.0)
    out = np.array([((row - f) ** 2) @ w for row in f]) / (4 * apart * apart)
    np.fill_diagonal(out, (rate * rate) @ w / 4)
    return out


def _compressed(*series: Array) -> tuple[Array, list[Array]]:
    """An orthonormal frame of row features that spans every core, and the cores in it."""
    columns = np.hstack([v.transpose(1, 0, 2).reshape(v.shape[1], -1) for v in series])
    u, size, _ = np.linalg.svd(columns, full_matrices=False)
    frame = u[:, : max(1, int((size > FLOOR * max(1.0, size[0])).sum()))]
    return frame, [np.einsum("nr,knm,ms->krs", frame, v, frame, optimize=True) for v in series]


def _short(core: Array) -> Array:
    return core[: length(core, 0, FLOOR)]


def _trimmed(values: Array) -> Array:
    series = transform(values, 0)
    return series[: length(series, 0, FLOOR)]


def _tail(series: Array) -> float:
    """The last coefficients of a series against its largest, or 1."""
    return float(np.abs(series[-2:]).max() / max(1.0, np.abs(series).max()))
