"""Kernel matrices in float64 with a proved bound on ‖K* − K‖₂, K* the exact matrix of the stored rows.

Two ways. **One sphere**: the matrix is h(ρ_ij), times |x_i|^p|x_j|^p where the network is homogeneous, with the
piecewise polynomials of :mod:`kernelc.certificates.data.scalar`; every entry gets a bound from its piece,

    |K*_ij − K_ij| ≤ (error of the polynomial) + (bound for |dh/dy| on the piece and the one before) · (error of y) +
    (rounding of the scale).

**Any rows**: every entry from a ball, for as many pairs as the time allows. Then ‖K* − K‖₂ ≤ min(‖E‖_F, max row sum
of E).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from flint import arb, arb_series
from numpy.typing import NDArray

from kernelc.certificates.balls import precision
from kernelc.certificates.data.directions import (
    Directions,
    Halves,
    gap_error,
    gaps,
    halves,
    product_error,
    product_gaps,
)
from kernelc.certificates.data.exact_pairs import Pairs
from kernelc.certificates.data.rounding import U, above, nearest, up
from kernelc.certificates.data.scalar import BITS, COUNT, Scalar, bounds, keys

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TILE = 256
NEAR = 2.0**-12  # a gap below this is computed from the difference of the directions
CLOSE = 2.0**-100  # a gap below it may be that of parallel rows, which computes as less than 2^-128
BESIDE = 2.0**-60  # gaps of near-duplicates, for which float64 may be too coarse
WORST = 2.0**-42  # relative to h(1): a larger bound is replaced by a ball for the pair
MAX_PAIRS = 20_000


@dataclass(frozen=True)
class Enclosed:
    """A symmetric matrix of floats and a bound for the error of its exact counterpart H*; ``how`` says where it
    comes from.

    K* = D H* D with a diagonal D, ``low`` ≤ D_ii² ≤ ``high``. By Ostrowski's theorem (1959), λ_min(K*) is between
    low·λ_min(H*) and high·λ_min(H*), for H* is positive semidefinite.
    """

    matrix: Floats
    error: float
    how: str
    low: float = 1.0
    high: float = 1.0
    rest: tuple[float, float] = (0.0, 0.0)

    @property
    def scaled(self) -> bool:
        """Whether D is anything but the identity."""
        return self.low != 1.0 or self.high != 1.0


@dataclass
class Total:
    """Row sums and squares of a symmetric matrix of bounds that is never held as a whole."""

    rows: Floats
    square: float = 0.0

    def add(self, i: slice, j: slice, errors: Floats) -> None:
        """A block and, off the diagonal, its mirror image."""
        self.rows[i] += errors.sum(axis=1)
        self.square += float((errors * errors).sum()) * (1 if i == j else 2)
        if i != j:
            self.rows[j] += errors.sum(axis=0)

    def norm(self) -> float:
        """min(‖E‖_F, max row sum), rounded up: sums of nonnegative terms, each within γ_n of the exact."""
        n = len(self.rows)
        return min(up(float(self.rows.max(initial=0.0)), n + 4), up(up(self.square, n * n + 4) ** 0.5, 2))


def blocks(n: int) -> Iterator[tuple[slice, slice]]:
    """Tiles of the upper triangle."""
    starts = range(0, n, TILE)
    for a in starts:
        for b in starts:
            if b >= a:
                yield slice(a, min(a + TILE, n)), slice(b, min(b + TILE, n))


@dataclass
class Gaps:
    """The signed gaps of all pairs, sign(ρ)·(1 − |ρ|)/2 (upper tiles); pairs that may be parallel; near-duplicates."""

    signed: Floats
    cut: Halves
    close: list[tuple[int, int]] = field(default_factory=list)
    beside: list[tuple[int, int]] = field(default_factory=list)
    present: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((2, COUNT + 1), dtype=bool))


def measure(rows: Directions) -> Gaps:
    """The gaps of all pairs of directions."""
    n, cut = len(rows.high), halves(rows)
    found = Gaps(np.empty((n, n)), cut)
    for i, j in blocks(n):
        y, sign = product_gaps(cut, i, j)
        if i == j:
            y[np.tril_indices(len(y))] = 0.5  # not used: the diagonal is exact, the rest is mirrored
        near = np.nonzero(y < NEAR)
        if len(near[0]):
            y[near] = np.minimum(gaps(rows, near[0] + i.start, near[1] + j.start, sign[near] > 0), 0.5)
            found.close += _some(y < CLOSE, i, j)
            found.beside += _some((y < BESIDE) & (sign > 0), i, j)
        found.present[np.signbit(sign).astype(np.int64), keys(y)] = True
        found.signed[i, j] = np.copysign(y, sign)
    return found


def _some(where: NDArray[np.bool_], i: slice, j: slice) -> list[tuple[int, int]]:
    """The first pairs of a block where something holds."""
    return [(int(a) + i.start, int(b) + j.start) for a, b in np.argwhere(where)[:1000]]


def on_sphere(scalar: Scalar, rows: Directions, found: Gaps, radii: Radii, exact: Pairs) -> Enclosed | None:
    """The matrix of a kernel on one sphere, or of a homogeneous one; the gaps' memory is used for it.

    None where the bounds that the pieces allow are too large for more pairs than can be done one by one.
    """
    wanted = [(int(k), 1 - 2 * int(s)) for s, k in np.argwhere(found.present)]
    table = scalar.table(wanted)
    errors = np.array([_error(scalar, rows, found.cut, radii, key, side) for key, side in wanted])
    worst = WORST * above(abs(scalar.top))
    top, top_error = nearest(scalar.top)
    top_error = up(top_error + radii.diagonal, 1)
    total, matrix, n = Total(np.zeros(len(rows.high))), found.signed, len(rows.high)
    single: list[tuple[int, int]] = []
    beside, left = Total(np.zeros(n)), np.array([scalar.left(key) for key, _ in wanted])
    for i, j in blocks(n):
        z = matrix[i, j]
        y = np.abs(z)
        at = table.index[np.signbit(z).astype(np.int64), keys(y)]
        values, bound = table.values(y, at), errors[at]
        if i == j:
            lower = np.tril_indices(len(y))
            values[lower] = bound[lower] = 0.0
        if scalar.walk.cut:
            missing = left[at]
            if i == j:
                missing = np.triu(missing, 1) + np.triu(missing, 1).T
            beside.add(i, j, missing)
        bad = np.argwhere(~(bound <= worst))
        if len(bad) + len(single) > MAX_PAIRS:
            return None
        values[bad[:, 0], bad[:, 1]] = bound[bad[:, 0], bad[:, 1]] = 0.0
        single += [(int(a) + i.start, int(b) + j.start) for a, b in bad]
        if i == j:
            values, bound = values + values.T, bound + bound.T
            np.fill_diagonal(values, top)
            np.fill_diagonal(bound, top_error)
        values, bound = radii.scaled(values, bound, i, j)
        total.add(i, j, bound)
        matrix[i, j] = values
        matrix[j, i] = values.T
    for a, b in single:
        value, error = nearest(exact.value(a, b))
        matrix[a, b] = matrix[b, a] = value
        total.rows[[a, b]] += error
        total.square += 2 * error * error
    if not np.isfinite(matrix).all():
        return None
    text = f"piecewise Taylor polynomials in (1 − |ρ|)/2, {len(wanted)} pieces"
    text += f", and balls for {len(single)} near pairs" if single else ""
    rest = scalar.rest(up(float(beside.rows.max()), n + 4))
    if scalar.walk.cut:
        text += (
            f", of duals whose Hermite series are cut (the rest R is positive semidefinite, λ_min(R) ≥ {rest[0]:.3g})"
        )
    return Enclosed(matrix, total.norm(), text, radii.low, radii.high, rest)


def _error(scalar: Scalar, rows: Directions, cut: Halves, radii: Radii, key: int, side: int) -> float:
    """A bound for |h(ρ) − value| of all pairs whose gap was found in a piece.

    Pairs have their gap from the product or, below ``NEAR``, from the difference: either error is taken where either
    can be. The slope is bounded from lo − w on, so the error of y must be below w; piece 0 is as wide again beyond
    its end.
    """
    lo, hi = bounds(key)
    piece = scalar.piece(key, side)
    y_error = gap_error(rows, hi) if lo <= NEAR else 0.0
    y_error = max(y_error, product_error(rows, cut, hi) if hi >= NEAR else 0.0)
    if y_error > (hi if key == 0 else (hi - lo)):
        return np.inf
    return up(piece.error + piece.slope * y_error + radii.bound(scalar, key), 4)


@dataclass(frozen=True)
class Radii:
    """What the rows' norms do: rows of one norm.

    ``q`` is the second moment of the sphere; |q_i − q| ≤ ``spread``; ``diagonal`` bounds |k(x_i, x_i) − h(1)|.
    ``low`` and ``high``: K* is D times the matrix of the directions times D (:class:`Enclosed`).
    """

    q: arb
    spread: float = 0.0
    diagonal: float = 0.0
    low: float = 1.0
    high: float = 1.0
    cache: dict[int, float] = field(default_factory=dict)

    @property
    def directed(self) -> bool:
        """Whether the matrix is that of the directions, with nothing of the norms in it."""
        return self.low != 1.0 or self.high != 1.0

    def scaled(self, values: Floats, bound: Floats, i: slice, j: slice) -> tuple[Floats, Floats]:
        """Nothing to be scaled."""
        return values, bound

    def bound(self, scalar: Scalar, key: int) -> float:
        """A bound for |k(x_i, x_j) − h(ρ_ij)| where |ρ| ≤ r, the end of the piece next to 1.

        k as a function of (q1, q2, ρ) is Σ_n ρ^n M_n(q1, q2) with positive semidefinite kernels M_n (:mod:`scalar`,
        for rows of any norms), so at r = |ρ| it is an inner product ⟨Φ(q1), Φ(q2)⟩, and at ρ = −r the same with signs.
        By Cauchy and Schwarz |k(q1, q2, ρ) − k(q, q, ρ)| ≤ |Φ(q1) − Φ(q)||Φ(q2)| + |Φ(q)||Φ(q2) − Φ(q)|.
        |Φ(q') − Φ(q)|² = D(q') with D(q + t) = k(q + t, q + t, r) + k(q, q, r) − 2k(q + t, q, r), and D = D' = 0
        at t = 0: it is at most t²·sup D''/2, found in balls, and it grows with r. |Φ| ≤ √k at ρ = 1.
        """
        if self.spread == 0:
            return 0.0
        if key not in self.cache:
            self.cache[key] = self._bound(scalar, key)
        return self.cache[key]

    def _bound(self, scalar: Scalar, key: int) -> float:
        lo, hi = bounds(key)
        if key == 0:
            return np.inf
        with precision(BITS, 3):
            r = 1 - 2 * (arb(lo) - (arb(hi) - arb(lo)))  # one piece further, for the error of y
            q = arb_series([self.q + arb(0, self.spread), 1])
            try:
                along, across = scalar.walk.zonal(q, q * r), scalar.walk.pair(q, self.q, (q * self.q).sqrt() * r)
                second = _second(along) - 2 * _second(across)
            except (ValueError, ZeroDivisionError):  # a ball around 0 for a divisor
                return np.inf
            size = scalar.walk.diagonal(self.q + arb(0, self.spread))
            return above(2 * arb(self.spread) * (abs(second).upper() * abs(size).upper()).sqrt())


@dataclass(frozen=True)
class Scaled(Radii):
    """Rows of any norm through a homogeneous network: K = D H D with D_i = (|x_i|/√d)^p, within ``relative`` of
    ``factors``."""

    factors: Floats = field(default_factory=lambda: np.zeros(0))
    relative: float = 0.0

    def scaled(self, values: Floats, bound: Floats, i: slice, j: slice) -> tuple[Floats, Floats]:
        """fl(fl(D_i D_j)·H_ij): two roundings and the error of both factors, next to D_i D_j·(bound of H)."""
        outer = np.outer(self.factors[i], self.factors[j])
        scaled = outer * values
        slack = (2 * self.relative + 3 * U) * (1 + 2.0**-20)
        return scaled, (outer * bound + np.abs(scaled) * slack) * (1 + 2.0**-20 + slack)


def one_by_one(exact: Pairs) -> Enclosed:
    """The matrix of any network on any rows, every entry from a ball."""
    n = len(exact.x)
    matrix, errors = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            matrix[i, j], errors[i, j] = nearest(exact.value(i, j))
            matrix[j, i], errors[j, i] = matrix[i, j], errors[i, j]
    total = Total(np.zeros(n))
    total.add(slice(0, n), slice(0, n), errors)
    return Enclosed(matrix, total.norm(), "every entry from a ball")


def _second(value: arb | arb_series) -> arb:
    """The second coefficient of a series; a constant has none."""
    return value[2] if isinstance(value, arb_series) else arb(0)
