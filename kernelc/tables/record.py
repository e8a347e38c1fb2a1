"""A table: the dual of one activation over a range of variances, as Chebyshev series, with its measured error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kernelc.tables.chebyshev import Array

ROWS = ("moment", "flux", "share", "mean", "slope_mean")
PARTS = ("basis", "near", "dot", "across_basis", "across")


@dataclass(frozen=True)
class TablePart:
    """The odd or the even part of φ. With E = E[φ²], F = E[φ'²] of all of φ and h = s√(F/E),

        ½(½(E_P(u)/E(u) + E_P(v)/E(v)) − E[φ_P(u)φ_P(v)]/√(E(u)E(v))) = gap·h1·h2·A + (σ1 − σ2)²·B,
        E[φ_P'(u) φ_P'(v)] = √F1·√F2·C,

    where E_P = E[φ_P²], and A(σ1, σ2, θ), B(σ1, σ2), C(σ1, σ2, θ) are Σ_k T_k(2τ − 1)·w(σ1)ᵀ core_k w(σ2) with row
    features w(σ) = Σ_n T_n·basis[n], for B of its own.
    """

    parity: str
    basis: Array  # (n, r)
    near: Array  # A: (k, r, r)
    dot: Array  # C: (k, r, r)
    across_basis: Array  # (m, r')
    across: Array  # B: (r', r')


@dataclass(frozen=True)
class Table:
    """The parts of an activation, and what depends on one point: series in σ of log E[φ²], log E[φ'²],
    E[φ_odd²]/E[φ²], and E[φ]/√E[φ²] and E[φ']/√E[φ'²], which rows at the origin need.

    ``q_range`` is where E[u²] may lie; ``delta`` belongs to the map of the angle; ``error`` is the largest error found,
    relative to √(E11 E22), with a margin; ``at_zero`` is φ(0).
    """

    q_range: tuple[float, float]
    delta: float
    parts: tuple[TablePart, ...]
    moment: Array
    flux: Array
    share: Array
    mean: Array
    slope_mean: Array
    at_zero: float
    slope_at_zero: float
    error: float

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Every array by its name."""
        for name in ROWS:
            yield name, getattr(self, name)
        for part in self.parts:
            for name in PARTS:
                yield f"{part.parity}_{name}", getattr(part, name)

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return sum(array.size for _, array in self.arrays())
