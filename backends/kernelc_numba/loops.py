"""What a generated Numba module does with a tile of pairs outside its layers; its text is embedded there."""

from typing import Any

import numba
import numpy as np

from kernelc_numba.compiling import Loop

F: Any = np.float64  # stand-ins for what a generated module defines itself
CLOSE: Any = 0.995
refined_angles: Any = None
DEGREE: Any = None


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
def angles(rho_tile: Any, side_tile: Any, inverse_rows: Any, inverse_columns: Any) -> int:
    """Gap, in place of the inner products, and side; the number of pairs that are too close for them."""
    close = 0
    for i in range(rho_tile.shape[0]):
        inverse1 = inverse_rows[i, 0]
        for j in range(rho_tile.shape[1]):
            rho = rho_tile[i, j] * inverse1 * inverse_columns[0, j]
            size = abs(rho)
            rho_tile[i, j] = HALF * (ONE - size)
            side_tile[i, j] = -ONE if rho < ZERO else ONE
            close += size > CLOSEST
    return close


def first_angles(rho: Any, one: Any, two: Any, i: slice, j: slice) -> tuple[Any, Any]:
    """Gap and side of a tile of pairs of inputs, from their inner products (which are overwritten)."""
    side = np.empty_like(rho)
    close = angles(rho, side, one.inverse[i, None], two.inverse[None, j])
    places = np.nonzero(rho < HALF * (ONE - CLOSEST)) if close else (np.empty(0, int), np.empty(0, int))
    found: tuple[Any, Any] = refined_angles(rho, side, places, one, two, i, j)
    return found


@Loop
def polynomials(
    gap_tile: Any, side_tile: Any, flat: Any, bits: Any, behind: Any, ahead: Any, first: int, step: int,
    root_rows: Any, root_columns: Any, out_tile: Any,
) -> None:  # fmt: skip
    """A kernel from its table, row by row: first the piece and the place in it of each pair, then the polynomials."""
    width = gap_tile.shape[1]
    digits = gap_tile.view(bits.dtype)
    keys, rest = np.empty(width, bits.dtype), np.empty(width, bits.dtype)
    t = rest.view(gap_tile.dtype)
    for i in range(gap_tile.shape[0]):
        for j in range(width):
            lift = ahead[0] if side_tile[i, j] > ZERO else behind[0]
            low = ahead[1] if side_tile[i, j] > ZERO else behind[1]
            high = ahead[2] if side_tile[i, j] > ZERO else behind[2]
            keys[j] = min(max((digits[i, j] >> bits[1]) + lift, low), high)
            rest[j] = ((digits[i, j] << bits[0]) & bits[2]) | bits[3]
        root = root_rows[i, 0]
        for j in range(width):
            place = np.uint64(keys[j]) * np.uint64(step) + np.uint64(first)
            u = t[j] - THREE
            total = flat[place + np.uint64(DEGREE)]
            for d in range(DEGREE - 1, -1, -1):
                total = total * u + flat[place + np.uint64(d)]
            out_tile[i, j] = root * root_columns[0, j] * total


def looked_up(table: Any, gap: Any, side: Any, roots: Any) -> list[Any]:
    """The kernels of a tile from their table in the angle; ``roots`` are sqrt(K_ii) and sqrt(K_jj) of each kernel."""
    bits = np.array([table.bits, table.shift, table.mantissa, table.two])
    (low, high), pieces = table.floors, len(table.coefficients)
    behind = np.array([table.lifts[0], low, high - 1], bits.dtype)
    ahead = np.array([table.lifts[1], high, pieces - 1], bits.dtype)
    _, kernels, size = table.coefficients.shape
    found = []
    for k, (root1, root2) in enumerate(roots):
        out = np.empty_like(gap)
        place = k * size, kernels * size
        polynomials(gap, side, table.coefficients.ravel(), bits, behind, ahead, *place, root1, root2, out)
        found.append(out)
    return found
