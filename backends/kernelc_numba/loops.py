"""What a generated Numba module does with a tile of pairs outside its layers; its text is embedded there."""

from typing import Any

import numba
import numpy as np

from kernelc_numba.compiling import Loop

F: Any = np.float64  # stand-ins for what a generated module defines itself
CLOSE: Any = 0.995
refine_angles: Any = None
DEGREE: Any = None


LINE = 64 // np.dtype(F).itemsize  # numbers in a cache line
ZERO, HALF, ONE, THREE, CLOSEST = F(0), F(0.5), F(1), F(3), F(CLOSE)  # Numba's literals are double precision


@numba.njit(error_model="numpy", forceinline=True)
def minimum(a: Any, b: Any) -> Any:
    """The smaller; a if that is no number."""
    return b if b < a else a


@numba.njit(error_model="numpy", forceinline=True)
def maximum(a: Any, b: Any) -> Any:
    """The larger; a if that is no number."""
    return b if a < b else a


@Loop
def angles(
    rho_tile: Any, side_tile: Any, inverse_rows: Any, inverse_columns: Any, with_side: bool, square: bool
) -> np.int32:
    """Gap, in place of the inner products, and side, or the sign of gap; the number of pairs too close for them."""
    close = np.int32(0)  # as wide as a float32: a vector holds as many of one as of the other
    for i in range(rho_tile.shape[0]):
        inverse1 = inverse_rows[i, 0]
        for j in range(rho_tile.shape[1]):
            rho = rho_tile[i, j] * inverse1 * inverse_columns[0, j]
            size = abs(rho)
            gap = abs(HALF * (ONE - size))  # not negative: it may carry a sign
            if with_side:
                rho_tile[i, j] = gap
                side_tile[i, j] = -ONE if rho < ZERO else ONE
            else:
                rho_tile[i, j] = -gap if rho < ZERO else gap
            close = np.int32(close + (size > CLOSEST))
        if square:  # one point
            close = np.int32(close - (rho_tile[i, i] < HALF * (ONE - CLOSEST)))
            rho_tile[i, i] = ZERO
    return close


def first_angles(
    rho: Any, one: Any, two: Any, i: slice, j: slice, square: bool, signed: bool = False
) -> tuple[Any, Any]:
    """Gap and side of a tile of pairs of inputs, from their inner products (which are overwritten).

    ``signed``: the side is the sign of gap, for there are tiles enough in the cache without one of sides.
    """
    side: Any = np.empty((1, 1) if signed else rho.shape, F)
    close = angles(rho, side, one.inverse[i, None], two.inverse[None, j], not signed, square)
    side = None if signed else side
    places = np.nonzero(np.abs(rho) < HALF * (ONE - CLOSEST)) if close else (np.empty(0, int), np.empty(0, int))
    refine_angles(rho, side, places, one, two, i, j, square)
    return rho, side


@Loop
def polynomials(
    gap_tile: Any, bits: Any, behind: Any, ahead: Any, flat: Any, first: int, step: int,
    root_rows: Any, root_columns: Any, out_any: Any, square: bool, mirror_any: Any, mirrored: bool,
) -> None:  # fmt: skip
    """A kernel from its table, row by row: first the piece and the place in it of each pair, then the polynomials.

    The side is the sign of gap. Rows are written into the mirror too, a cache line of it at a time. The second loop is
    not vector code: gathers are slower than loads.
    """
    width = gap_tile.shape[1]
    keys, rest = np.empty(width, bits.dtype), np.empty(width, bits.dtype)
    t = rest.view(gap_tile.dtype)
    shift_left, shift_right, mantissa, two, magnitude = bits[0], bits[1], bits[2], bits[3], bits[4]
    lift_behind, low_behind, high_behind = behind[0], behind[1], behind[2]
    lift_ahead, low_ahead, high_ahead = ahead[0], ahead[1], ahead[2]
    for i in range(gap_tile.shape[0]):
        start = i + 1 if square else 0
        digits, columns, out = gap_tile[i, start:].view(bits.dtype), root_columns[0, start:], out_any[i, start:]
        for j in range(width - start):
            size = digits[j] & magnitude
            lift = lift_behind if digits[j] < 0 else lift_ahead
            low = low_behind if digits[j] < 0 else low_ahead
            high = high_behind if digits[j] < 0 else high_ahead
            keys[j] = min(max((size >> shift_right) + lift, low), high) * step + first
            rest[j] = ((size << shift_left) & mantissa) | two
        root = root_rows[i, 0]
        for j in range(width - start):
            place = np.uint64(keys[j])
            u = t[j] - THREE
            total = flat[place + np.uint64(DEGREE)]
            for d in range(DEGREE - 1, -1, -1):
                total = total * u + flat[place + np.uint64(d)]
            out[j] = root * columns[j] * total
        if mirrored and (i % LINE == LINE - 1 or i == gap_tile.shape[0] - 1):
            for j in range(width):
                for k in range(i - i % LINE, i + 1):
                    mirror_any[j, k] = out_any[k, j]


def looked_up(
    table: Any, rho: Any, one: Any, two: Any, i: slice, j: slice, square: bool, tiles: Any, mirror: Any
) -> None:
    """Write the kernels of a tile from their table in the angle, and their transposes into ``mirror``.

    Of a tile on the diagonal, which is square, what is right of it is written.
    """
    gap, _ = first_angles(rho, one, two, i, j, square, signed=True)
    bits = np.array([table.bits, table.shift, table.mantissa, table.two, table.integer(np.iinfo(table.integer).max)])
    (low, high), (pieces, kernels, size) = table.floors, table.coefficients.shape
    behind = np.array([table.lifts[0], low, high - 1], bits.dtype)
    ahead = np.array([table.lifts[1], high, pieces - 1], bits.dtype)
    flat = table.coefficients.ravel()
    for k, (name, tile) in enumerate(tiles.items()):
        roots = one.root[name][i, None], two.root[name][None, j]
        table_of_it = bits, behind, ahead, flat, k * size, kernels * size
        if tile.dtype == F:
            polynomials(gap, *table_of_it, *roots, tile, square, mirror.get(name, tile), bool(mirror))
            continue
        value = np.empty_like(gap)
        polynomials(gap, *table_of_it, *roots, value, square, value, False)
        tile[...] = value
        if mirror:
            mirror[name][...] = value.T


@Loop
def transposed(tile_any: Any, out_any: Any) -> None:
    """Write the transpose of a tile, a cache line of it at a time."""
    height, width = tile_any.shape
    for i in range(0, height, LINE):
        for j in range(0, width, LINE):
            for b in range(j, min(j + LINE, width)):
                for a in range(i, min(i + LINE, height)):
                    out_any[b, a] = tile_any[a, b]


@Loop
def reflected(square_any: Any, diagonal: Any) -> None:
    """Make a matrix symmetric: its upper half, and that diagonal."""
    n = len(square_any)
    for i in range(0, n, LINE):
        for j in range(i, n, LINE):
            for b in range(j, min(j + LINE, n)):
                for a in range(i, min(i + LINE, b)):
                    square_any[b, a] = square_any[a, b]
    for i in range(n):
        square_any[i, i] = diagonal[i]


def transpose(tile: Any, out: Any) -> None:
    """Write the transpose of a tile."""
    if out.dtype == F:
        transposed(tile, out)
    else:
        out[...] = tile.T


def reflect(square: Any, diagonal: Any) -> None:
    """Make a matrix symmetric: its upper half, and that diagonal."""
    if square.dtype == F:
        reflected(square, diagonal)
    else:
        upper = np.triu(square, 1)
        square[...] = upper + upper.T + np.diag(diagonal)
