"""What every pair goes through outside the layers, in NumPy; a backend with loops of its own replaces this file."""

from typing import Any

import numpy as np

F: Any = np.float64  # stand-ins for what a generated module defines itself
CLOSE: Any = None
refined_angles: Any = None


def first_angles(rho: Any, one: Any, two: Any, i: slice, j: slice) -> tuple[Any, Any]:
    """Gap and side of a tile of pairs of inputs, from their inner products (which are overwritten)."""
    rho *= one.inverse[i, None]
    rho *= two.inverse[None, j]
    side = np.where(rho < 0, F(-1), F(1))
    np.abs(rho, out=rho)
    close = np.nonzero(rho > CLOSE)
    gap = np.subtract(1, rho, out=rho)
    gap *= F(0.5)
    angles: tuple[Any, Any] = refined_angles(gap, side, close, one, two, i, j)
    return angles


def looked_up(table: Any, gap: Any, side: Any, roots: Any) -> list[Any]:
    """The kernels of a tile from their table in the angle; ``roots`` are sqrt(K_ii) and sqrt(K_jj) of each kernel."""
    found = table(gap, side)
    for value, (root1, root2) in zip(found, roots, strict=True):
        value *= root1
        value *= root2
    return found  # type: ignore[no-any-return]
