"""Entries of a kernel matrix in balls, one pair of rows at a time: for all networks and all rows, at about 0.1 ms an
entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from kernelc.certificates.balls import precision
from kernelc.certificates.data.walk import Walk


@dataclass(frozen=True)
class Pairs:
    """The exact kernel of stored rows. ``moments`` holds x_i·x_j/d; ``normalize``: the kernel of the rows'
    directions."""

    walk: Walk
    x: NDArray[np.float64]
    moments: dict[tuple[int, int], arb]
    normalize: bool
    bits: int

    def value(self, i: int, j: int) -> arb:
        """A ball around k(x_i, x_j)."""
        with precision(self.bits):
            q1, q2 = self.moment(i, i), self.moment(j, j)
            if self.normalize:
                one = arb(1)
                found = self.walk.diagonal(one) if i == j else self.walk.zonal(one, self._cosine(i, j, q1, q2))
            elif i == j or np.array_equal(self.x[i], self.x[j]):
                found = self.walk.diagonal(q1)
            else:
                found = self.walk.pair(q1, q2, self.moment(i, j))
            return arb(found)

    def _cosine(self, i: int, j: int, q1: arb, q2: arb) -> arb:
        cosine: arb = self.moment(i, j) / (q1 * q2).sqrt()
        return cosine

    def moment(self, i: int, j: int) -> arb:
        """x_i·x_j/d."""
        if (i, j) not in self.moments:
            with precision(self.bits):
                pairs = zip(self.x[i].tolist(), self.x[j].tolist(), strict=True)
                total = sum((arb(a) * arb(b) for a, b in pairs), arb(0))
                self.moments[i, j] = self.moments[j, i] = total / self.x.shape[1]
        return self.moments[i, j]

    def matrix(self) -> arb_mat:
        """All entries."""
        n = len(self.x)
        with precision(self.bits):
            points = arb_mat(self.x.tolist())
            products = points * points.transpose()
            width = self.x.shape[1]
            self.moments.update({(i, j): products[i, j] / width for i in range(n) for j in range(n)})
        rows: list[list[arb]] = [[arb(0)] * n for _ in range(n)]
        for i in range(n):
            for j in range(i + 1):
                rows[i][j] = rows[j][i] = self.value(i, j)
        return arb_mat(rows)


def pairs(walk: Walk, x: NDArray[np.float64], normalize: bool, bits: int = 256) -> Pairs:
    """The entries of a kernel on rows of floats."""
    return Pairs(walk, x, {}, normalize, bits)
