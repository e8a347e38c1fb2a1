"""The gaps of close pairs, from the difference of the points: their inner product has lost the digits."""

from typing import Any

import numpy as np

from kernelc.runtime.errorfree import two_product

F: Any = np.float64  # stand-ins for what a generated module defines itself
floats: Any = None
panels: Any = None

CLOSE = 0.995  # |ρ| from which on 1 - |ρ| has lost too many digits
ROUNDING = 1e-60  # sin² of an angle so small that rounding alone explains it: the points are multiples of each other
PAIRS = 2**18  # numbers in the rows of close pairs that are compared at once


def refine_angles(
    gap: Any, side: Any, close: tuple[Any, Any], one: Any, two: Any, i: slice, j: slice, square: bool
) -> None:
    """Compute the gaps of the ``close`` pairs anew, given by their places in the tile; side None: the signs of gap.

    ``square``: the tile begins on the diagonal, where pairs are one point.
    """
    rows, columns = close
    if square and len(rows):
        apart = rows != columns
        rows, columns = rows[apart], columns[apart]
        np.fill_diagonal(gap[:, : len(gap)], 0)
    for part in panels(len(rows), max(1, PAIRS // one.x.shape[1])):
        k, m = rows[part], columns[part]
        sign = np.copysign(F(1), gap[k, m]) if side is None else side[k, m]
        found = close_gaps(one, two, i.start + k, j.start + m, sign)
        gap[k, m] = found if side is not None else np.copysign(found, sign)
    zero1, zero2 = one.inverse[i] == 0, two.inverse[j] == 0
    if zero1.any() and zero2.any():
        gap[np.ix_(zero1, zero2)] = 0  # rows at the origin are one point


def close_gaps(one: Any, two: Any, i: Any, j: Any, side: Any) -> Any:
    """sin²(θ/2) between rows i of one set and rows j of another (or their opposites), pair by pair, nearly parallel.

    4 |x| |y| sin²(θ/2) = |d|² - (|x| - |y|)² with d = x - y, exact for close rows, and
    |x| - |y| = (2 d.x - |d|²)/(|x| + |y|). Where the second term is most of the first, see :func:`unlike_gaps`.
    """
    power = -np.frexp(one.scale[i])[1]
    root = np.sqrt(one.x.shape[1])
    a, b = np.ldexp(one.scale[i], power) * root, np.ldexp(two.scale[j], power) * root
    with np.errstate(all="ignore"):  # rows of very unlike norms may overflow: they are computed another way
        x = np.ldexp(floats(one.x, i), power[:, None])
        d = x - np.ldexp(floats(two.x, j), power[:, None]) * side[:, None]
        square = np.einsum("ij,ij->i", d, d)
        longer = (2 * np.einsum("ij,ij->i", d, x) - square) / (a + b)
        gap = (square - longer * longer) / (4 * a * b)
        along = ~(2 * longer * longer < square) | ~(abs(a - b) < 0.5 * np.maximum(a, b))
    along &= square > 0
    if along.any():
        gap[along] = unlike_gaps(one, two, i[along], j[along])
    return gap


def unlike_gaps(one: Any, two: Any, i: Any, j: Any) -> Any:
    """sin²(θ/2) between rows i of one set and rows j of another, pair by pair, for the lines that they are on.

    sin θ = |w|/|y| with w the part of y at right angles to x: y - t x with t = x.y/x.x, its products exact, so that x
    and 2x have no angle at all; then the same once more, for t is rounded.
    """
    x, y = (np.ldexp(floats(s.x, k), -np.frexp(s.scale[k])[1][:, None]) for s, k in ((one, i), (two, j)))
    square = np.sum(x * x, axis=1, keepdims=True)
    high, low = two_product(np.sum(x * y, axis=1, keepdims=True) / square, x)
    w = (y - high) - low
    w -= np.sum(w * x, axis=1, keepdims=True) / square * x
    sine = np.sum(w * w, axis=1) / np.sum(y * y, axis=1)
    return np.where(sine < ROUNDING, 0, 0.5 * sine / (1 + np.sqrt(1 - sine)))
