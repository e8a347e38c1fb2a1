"""Near-duplicates among many rows: a change of basis that sees them.

Row j next to row i = c(j) makes K* nearly singular and every bound relative to the whole matrix useless. In the
basis with (e_j − e_i)·β_j for e_j, M* = Tᵀ K* T has the entries β_j (K*_kj − K*_ki), which ball arithmetic finds to
all digits although the difference cancels in float64. K* is positive definite iff M* is, and because xᵀK*x = yᵀM*y
with y = T⁻¹x, |y| ≥ |x|/‖T‖₂,

    λ_min(K*) ≥ λ_min(M*)/‖T‖₂²,      ‖T‖₂² ≤ ‖T‖₁ ‖T‖_∞.

β_j are powers of two, with which M*_jj is about the least eigenvalue of the other rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb
from numpy.typing import NDArray

from kernelc.certificates.balls import precision
from kernelc.certificates.data import cholesky
from kernelc.certificates.data.entries import Enclosed
from kernelc.certificates.data.exact_pairs import Pairs
from kernelc.certificates.data.rounding import above, nearest, up

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Basis:
    """Members and their centres, none of which is a member."""

    centre: dict[int, int]

    @property
    def special(self) -> list[int]:
        """All rows whose entries are needed as balls."""
        return sorted({*self.centre, *self.centre.values()})


def basis(near: list[tuple[int, int]]) -> Basis:
    """Each row that is near to one of a lower index, with that for its centre."""
    centre: dict[int, int] = {}
    for i, j in sorted(near):
        if i not in centre and j not in centre:
            centre[j] = i
    taken = set(centre.values())
    return Basis({j: i for j, i in centre.items() if j not in taken})


def upper_bound(exact: Pairs, found: Basis) -> float:
    """λ_min ≤ (K*_jj + K*_ii − 2K*_ij)/2, the Rayleigh quotient of e_j − e_i, for the nearest pair."""
    with precision(exact.bits):
        pairs = found.centre.items()
        return min(above((exact.value(j, j) + exact.value(i, i) - 2 * exact.value(i, j)) / 2) for j, i in pairs)


def lower_bound(
    enclosed: Enclosed, exact: Pairs, found: Basis, hint: float | None = None
) -> tuple[float, float] | None:
    """A lower bound for λ_min of the matrix enclosed, and the shift that proved it; None where nothing is proved."""
    n, members = len(enclosed.matrix), sorted(found.centre)
    others = [k for k in range(n) if k not in found.centre]
    K = enclosed.matrix
    rest = float(np.linalg.eigvalsh(K[np.ix_(others, others)])[0])
    if not rest > 0:
        return None
    with precision(exact.bits):
        scale = {j: _scale(exact, j, found.centre[j], rest) for j in members}
        M, square = K.copy(), 0.0
        for j in members:
            for k in range(n):
                if k in found.centre and k > j:
                    continue
                value, error = nearest(_entry(exact, found, scale, k, j))
                M[k, j] = M[j, k] = value
                square += 2 * error * error
    error = up(enclosed.error + up(math.sqrt(up(square, 4 * n * len(members))), 2), 2)
    if not np.isfinite(M).all() or not math.isfinite(error):
        return None
    if hint is None:
        values = np.linalg.eigvalsh(M)
        done = cholesky.search(M, float(values[0]), float(values[-1]), error)
    else:
        done = cholesky.factor(M, hint)
    if done is None:
        return None
    done = cholesky.tightened(M, done) if done.bound < 0.5 * done.shift else done
    proved = done.bound - up(error, 1)
    if not proved > 0:
        return None
    reserve = 1 - 2.0**-10 if hint is None else 1 - 2.0**-40
    return proved / _norm(found, scale) * reserve, done.shift


def _scale(exact: Pairs, j: int, i: int, rest: float) -> float:
    """The power of two β with β²(K_jj + K_ii − 2K_ij) about ``rest``; any would do."""
    gap = float((exact.value(j, j) + exact.value(i, i) - 2 * exact.value(i, j)).mid())
    return 2.0 ** round(0.5 * math.log2(rest / gap)) if gap > 0 else 1.0


def _entry(exact: Pairs, found: Basis, scale: dict[int, float], k: int, j: int) -> arb:
    """(TᵀK*T)_kj for a member j."""
    value = exact.value(k, j) - exact.value(k, found.centre[j])
    if k in found.centre:
        other = found.centre[k]
        value = (value - exact.value(other, j) + exact.value(other, found.centre[j])) * scale[k]
    return arb(value * scale[j])


def _norm(found: Basis, scale: dict[int, float]) -> float:
    """‖T‖₁·‖T‖_∞: columns 1 or 2β_j; rows 1, β_j, or 1 + Σβ_j over a centre's members."""
    columns = max(1.0, *(2 * beta for beta in scale.values()))
    rows: dict[int, float] = {}
    for j, i in found.centre.items():
        rows[i] = up(rows.get(i, 1.0) + scale[j], 1)
    return up(columns * max(1.0, *rows.values(), *scale.values()), 2)
