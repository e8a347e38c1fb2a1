"""The gaps of close pairs, from the difference of the points: their inner product has lost the digits."""

from typing import Any

import numpy as np

F: Any = np.float64  # stand-ins for what a generated module defines itself
floats: Any = None
panels: Any = None

CLOSE = 0.995  # |ρ| from which on 1 - |ρ| has lost too many digits
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
        gap[along] = unlike_gaps(one, two, i[along], j[along], side[along])
    return gap


def unlike_gaps(one: Any, two: Any, i: Any, j: Any, side: Any) -> Any:
    """|u - v|²/4 for the unit vectors of rows i of one set and rows j of another (or their opposites).

    With d = x - y, exact for close rows, and |x| >= |y|: u - v = (d - v (|x| - |y|))/|x|, where |x| - |y| =
    d.(x + y)/(|x| + |y|); otherwise with x and y exchanged. Rows of unlike norms are divided by them first, so that
    x and 2x have no angle at all.
    """
    power = -np.frexp(np.maximum(one.scale[i], two.scale[j]))[1]
    x = np.ldexp(floats(one.x, i), power[:, None])
    y = np.ldexp(floats(two.x, j), power[:, None]) * side[:, None]
    root = np.sqrt(x.shape[1])
    a, b = ((np.ldexp(s, power) * root)[:, None] for s in (one.scale[i], two.scale[j]))
    d, u, v = x - y, x / a, y / b
    longer = np.sum(d * (x + y), axis=1, keepdims=True) / (a + b)
    near = (d - np.where(a < b, u, v) * longer) / np.maximum(a, b)
    apart = np.where(abs(a - b) < 0.5 * np.maximum(a, b), near, u - v)
    return 0.25 * np.einsum("ij,ij->i", apart, apart)
