"""What the norms of stored rows are to a kernel: one sphere, one homogeneous degree, or neither."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from flint import arb, arb_series

from kernelc.certificates.balls import precision
from kernelc.certificates.data.directions import Directions
from kernelc.certificates.data.entries import Radii, Scaled
from kernelc.certificates.data.families import degree
from kernelc.certificates.data.rounding import U, above, up
from kernelc.certificates.data.scalar import BITS
from kernelc.certificates.data.walk import Walk

EQUAL = 1e-9  # rows whose squared norms agree so far are taken for rows on one sphere
ALIKE = 1e-6  # scales that agree so far cost a lower bound nothing


def candidates(walk: Walk, rows: Directions, normalize: bool) -> Iterator[Radii]:
    """Ways to see the rows as one sphere's, the better one first; none where there is none."""
    power = degree(walk.steps, walk.get)
    if normalize:
        yield Radii(arb(1))
    elif power is not None:
        yield from _homogeneous(rows, power)
    else:
        yield from _sphere(walk, rows)


def _homogeneous(rows: Directions, power: int) -> Iterator[Radii]:
    """K = D H D with D_i = (|x_i|/√d)^p: H with Ostrowski's bounds where the D_i are alike, else K itself first."""
    d = rows.high.shape[1]
    with np.errstate(over="ignore", under="ignore"):
        radius = np.ldexp(np.sqrt(rows.square) / math.sqrt(d), rows.exponents)
        factors = np.ones_like(radius)
        for _ in range(power):
            factors = factors * radius
    # √ of the rounded square, within u/2 + u; √d and the quotient u each; p of these and p − 1 products: below 5u·p
    relative = up(5 * U * max(power, 1), 2)
    low, high = float(factors.min()), float(factors.max())
    if not (low > 1e-140 and high < 1e140):
        return
    slack = 2 * relative + 4 * U
    alike = Radii(arb(1), low=low * low * (1 - 2 * slack), high=high * high * (1 + 2 * slack))
    if high <= low * (1 + ALIKE):
        yield alike
        return
    yield Scaled(arb(1), factors=factors, relative=relative)
    yield alike


def _sphere(walk: Walk, rows: Directions) -> Iterator[Radii]:
    """All q_i = |x_i|²/d equal but for roundings: |k(x_i, x_i) − h(1)| ≤ |q_i − q|·sup |d k(x, x)/dq|."""
    d = rows.high.shape[1]
    moments = [_moment(rows, i, d) for i in range(len(rows.high))]
    ordered = sorted(moments)
    centre = ordered[len(ordered) // 2]
    if not Fraction(1, 10**100) < centre < 10**100:
        return
    middle = 1.0 if abs(centre - 1) < Fraction(1, 10**12) else float(centre)
    q = Fraction(middle)
    spread = max(abs(one - q) for one in moments) + q * Fraction(2 * rows.square_error)
    if spread > q * Fraction(EQUAL):
        return
    bound = up(float(spread), 2)
    slope = above(abs(_slope(walk, arb(middle) + arb(0, bound))))
    yield Radii(arb(middle), bound, up(slope * bound, 2))


def _slope(walk: Walk, q: arb) -> arb:
    """d k(x, x)/dq on a ball of q."""
    with precision(BITS, 2):
        found = walk.diagonal(arb_series([q, 1]))
        return found[1] if isinstance(found, arb_series) else arb(0)


def _moment(rows: Directions, i: int, d: int) -> Fraction:
    """|x_i|²/d, within (1 ± ``square_error``)."""
    square = Fraction(float(rows.square[i])) + Fraction(float(rows.rest[i]))
    return square * Fraction(4) ** int(rows.exponents[i]) / d
