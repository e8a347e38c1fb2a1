"""A kernel on one sphere as piecewise polynomials in y = (1 − |ρ|)/2, with proved error bounds.

On a sphere (all points of one second moment q) a kernel is h(ρ) = Σ b_k ρ^k with b_k ≥ 0, whatever the network: so is
E[φφ] as a function of the correlation (Mehler 1866: b_k is the square of the k-th Hermite coefficient), likewise
E[φ'φ'], and sums with nonnegative weights, products and compositions of such functions are such functions again
(Schoenberg 1942). Hence, for |ρ| ≤ r < 1 and every N,

    |h^(N)(ρ)| ≤ h^(N)(r)        and        0 ≤ h(r) − h(ρ),

so that *one* number, a Taylor coefficient of h at the end r of a piece that is nearest to 1, bounds Lagrange's
remainder on the whole piece, on both sides (ρ and −ρ). The numbers come from ball arithmetic on the recursion; no
wide ball ever goes through it.

Pieces: side = sign ρ; y ∈ [2^-e (1 + j/4), 2^-e (1 + (j+1)/4)], j = 0..3: the key is the exponent and two bits of the
mantissa of y. About the centre m of a piece of width w, with t = (y − m)/(w/2) ∈ [−1, 1], ρ = side·(1 − 2m) −
side·w·t, and h = Σ_j a_j (−side·w·t)^j with the Taylor coefficients a_j at side·(1 − 2m).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from flint import arb, arb_series
from numpy.typing import NDArray

from kernelc.certificates.balls import precision
from kernelc.certificates.data.rounding import U, above, below, nearest, up
from kernelc.certificates.data.walk import Walk

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BITS = 384
TERMS = 22  # of a Taylor series; radius over distance to the nearest singularity is at most 1/8 at the nearest end
LAST = 104  # below y = 2^-104 h is taken for constant: pairs so near do not come from distinct rows of floats
SHIFT = 50  # of the bits of a float64: what stays is its exponent and two bits of its mantissa
FIRST = int(np.float64(2.0**-LAST).view(np.int64)) >> SHIFT  # key 0 is the piece [0, 2^-104]
COUNT = (int(np.float64(0.5).view(np.int64)) >> SHIFT) - FIRST  # the last piece ends in 1/2


def keys(y: Floats) -> Ints:
    """The piece of each y in [0, 1/2]: 0 up to 2^-104, then four an octave."""
    key: Ints = (y.view(np.int64) >> SHIFT) - (FIRST - 1)
    return np.clip(key, 0, COUNT, out=key)


def bounds(key: int) -> tuple[float, float]:
    """The ends of a piece."""
    if key == 0:
        return 0.0, 2.0**-LAST
    octave, quarter = divmod(key - 1, 4)
    unit = 2.0 ** (octave - LAST)
    return unit * (1 + quarter / 4), unit * (1 + (quarter + 1) / 4)


@dataclass(frozen=True)
class Piece:
    """A polynomial in t, a bound for its error as evaluated by Horner's rule, and one for |dh/dy| from y = lo − w
    on."""

    coefficients: tuple[float, ...]
    error: float
    slope: float


@dataclass
class Scalar:
    """h on the points of second moment q; pieces are made when they are needed.

    ``top`` is h(1), without what cut series leave out (:mod:`walk`).
    """

    walk: Walk
    q: arb
    pieces: dict[tuple[int, int], Piece] = field(default_factory=dict)
    edges: dict[int, tuple[arb, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with precision(BITS, TERMS + 1):
            self.top = self.walk.top(self.q)

    def left(self, key: int) -> float:
        """A bound for what cut series leave out of h where the gap was found in a piece: y ≥ lo/2, error and all."""
        with precision(BITS, TERMS + 1):
            return above(abs(self.walk.left(self.q, 1 - arb(bounds(key)[0])))) if self.walk.cut else 0.0

    def rest(self, beside: float) -> tuple[float, float]:
        """Bounds on the eigenvalues of what cut series leave out of a matrix.

        By Gershgorin, with a bound for its row sums off the diagonal, and because that matrix is positive semidefinite.
        """
        if not self.walk.cut:
            return 0.0, 0.0
        with precision(BITS, TERMS + 1):
            diagonal = self.walk.diagonal(self.q) - self.top
            return max(below(diagonal - arb(beside)), 0.0), above(diagonal + arb(beside))

    def piece(self, key: int, side: int) -> Piece:
        """The polynomial of one piece on the side of ρ > 0 (1) or ρ < 0 (−1)."""
        if (key, side) not in self.pieces:
            with precision(BITS, TERMS + 1):
                self.pieces[key, side] = self._made(key, side)
        return self.pieces[key, side]

    def _series(self, rho: arb, terms: int) -> tuple[arb, ...]:
        """Taylor coefficients of h at ρ: balls."""
        with precision(BITS, terms):
            try:
                found = self.walk.zonal(self.q, arb_series([self.q * rho, self.q]))
            except (ValueError, ZeroDivisionError):  # a ball around 0 for a divisor: nothing is proved
                return (arb("nan"),) * terms
            if isinstance(found, arb_series) and found.prec < terms:
                return (arb("nan"),) * terms
            series = found if isinstance(found, arb_series) else arb_series([found])
            return tuple(series[k] for k in range(terms))

    def _edge(self, key: int) -> tuple[arb, ...]:
        """Taylor coefficients at the end of the piece that is nearest to ρ = 1: bounds for all of it."""
        if key not in self.edges:
            self.edges[key] = self._series(1 - 2 * arb(bounds(key)[0]), TERMS + 1)
        return self.edges[key]

    def _made(self, key: int, side: int) -> Piece:
        if key == 0:
            return self._constant(side)
        lo, hi = bounds(key)
        width, middle = arb(hi) - arb(lo), (arb(hi) + arb(lo)) / 2
        edge = self._edge(key)
        slope = 2 * abs(self._series(1 - 2 * (arb(lo) - width), 2)[1])  # dρ/dy = ∓2
        wanted = abs(self.top) * U / 16
        remainders = [abs(edge[n]) * width**n for n in range(TERMS + 1)]
        terms = next((n for n in range(1, TERMS + 1) if remainders[n] < wanted), TERMS)
        taylor = self._series(side * (1 - 2 * middle), terms)
        return rounded([a * (-side * width) ** n for n, a in enumerate(taylor)], remainders[terms], above(slope))

    def _constant(self, side: int) -> Piece:
        """[0, 2·2^-104]: h(1) − h(r) bounds the change on either side, because h(1) − h(ρ) falls with ρ.

        Twice as wide as the piece, so that an error of y is in it; its slope is zero.
        """
        r = 1 - 2 * arb(2.0 ** (1 - LAST))
        last = self.walk.zonal(self.q, self.q * side * r)
        change = abs(self.top - self.walk.zonal(self.q, self.q * r))
        return rounded([last], change, 0.0)

    def table(self, wanted: Sequence[tuple[int, int]]) -> Table:
        """The polynomials of some pieces, (key, side), as arrays."""
        found = [self.piece(key, side) for key, side in wanted]
        degree = max((len(piece.coefficients) for piece in found), default=1)
        rows = np.zeros((degree, len(found)))
        for at, piece in enumerate(found):
            rows[: len(piece.coefficients), at] = piece.coefficients
        index = np.full((2, COUNT + 1), -1, dtype=np.int64)
        middle, scale = np.zeros(len(found)), np.zeros(len(found))
        for at, (key, side) in enumerate(wanted):
            index[int(side < 0), key] = at
            lo, hi = bounds(key)
            if key:
                middle[at], scale[at] = (lo + hi) / 2, 2 / (hi - lo)  # exact, both
        errors, slopes = np.array([p.error for p in found]), np.array([p.slope for p in found])
        return Table(rows, index, middle, scale, errors, slopes)


def rounded(balls: Sequence[arb], remainder: arb, slope: float) -> Piece:
    """The polynomial with the nearest floats for coefficients c_j, and a bound for what Horner's rule makes of it.

    p_j = fl(c_j + fl(t·p_{j+1})), |t| ≤ 1, t exact (see :meth:`Table.values`). With S_j ≥ |p_j| (computed) and e_j
    the bound for |p_j − exact|: the product errs by u·S_{j+1}, the sum by u·S_j, the coefficient by its distance d_j
    to its ball, so e_j = e_{j+1} + u(S_{j+1} + S_j) + d_j, and S_j = |c_j| + S_{j+1}, both (1 + u)² and rounded up.
    """
    floats = [nearest(ball) for ball in balls]
    size = error = 0.0
    for value, distance in reversed(floats):
        larger = up((abs(value) + size) * (1 + 4 * U), 3)
        error = up(error + U * (size + larger) + distance, 6)
        size = larger
    bound = up(error + above(remainder) + 2.0**-1060, 2)  # the last for underflow
    return Piece(tuple(value for value, _ in floats), bound if math.isfinite(size) else math.inf, slope)


@dataclass(frozen=True)
class Table:
    """Pieces as arrays: coefficients (degree, pieces), index (2, keys), centre, 2/width, error and slope of each."""

    rows: Floats
    index: Ints
    middle: Floats
    scale: Floats
    errors: Floats
    slopes: Floats

    def values(self, y: Floats, at: Ints) -> Floats:
        """h as the polynomials say, for y in the pieces ``at``.

        t = (y − m)·(2/w) is exact: y/2 ≤ m ≤ 2y (Sterbenz 1974), and 2/w is a power of two. In the piece at 0 scale
        is 0.
        """
        t = (y - self.middle[at]) * self.scale[at]
        out: Floats = np.take(self.rows[-1], at)
        buffer = np.empty_like(out)
        for row in self.rows[-2::-1]:
            out *= t
            np.take(row, at, out=buffer, mode="clip")
            out += buffer
        return out
