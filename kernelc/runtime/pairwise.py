"""What every pair goes through outside the layers, in NumPy; a backend with loops of its own replaces this file."""

from typing import Any

import numpy as np

F: Any = np.float64  # stand-ins for what a generated module defines itself
CLOSE: Any = None
refine_angles: Any = None


def first_angles(rho: Any, one: Any, two: Any, i: slice, j: slice, square: bool) -> tuple[Any, Any]:
    """Gap and side of a tile of pairs of inputs, from their inner products (which are overwritten)."""
    rho *= one.inverse[i, None]
    rho *= two.inverse[None, j]
    side = np.where(rho < 0, F(-1), F(1))
    np.abs(rho, out=rho)
    close = rho > CLOSE
    places = np.nonzero(close if close.any() else close[:0])
    gap = np.subtract(1, rho, out=rho)
    gap *= F(0.5)
    refine_angles(gap, side, places, one, two, i, j, square)
    return gap, side


def looked_up(
    table: Any, rho: Any, one: Any, two: Any, i: slice, j: slice, square: bool, tiles: Any, mirror: Any
) -> None:
    """Write the kernels of a tile from their table in the angle, and their transposes into ``mirror``."""
    values = table(*first_angles(rho, one, two, i, j, square))
    for value, (name, tile) in zip(values, tiles.items(), strict=True):
        value *= one.root[name][i, None]
        value *= two.root[name][None, j]
        tile[...] = value
        if mirror:
            transpose(value[:, -len(mirror[name]) :], mirror[name])


def reflect(square: Any, diagonal: Any) -> None:
    """Make a matrix symmetric: its upper half, and that diagonal."""
    upper = np.triu(square, 1)
    square[...] = upper + upper.T + np.diag(diagonal)


def transpose(tile: Any, out: Any) -> None:
    """Write the transpose of a tile."""
    out[...] = tile.T
