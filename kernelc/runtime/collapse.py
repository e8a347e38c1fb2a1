"""Kernels that depend on the angle alone: when to replace the layers by a table, and its construction."""

import copy
import threading
from typing import Any

import numpy as np

F: Any = np.float64  # stand-ins for what a generated module defines itself
NORMALIZE, CAREFUL = False, False
HOMOGENEOUS: Any = ()
BLOCKS: Any = ()
SPHERE: Any = None
KEPT: Any = None
alike: Any = None
DD: Any = None
Rows: Any = None
zonal: Any = None
layered: Any = None
library_on_one_thread: Any = None

COLLAPSE_FROM = 100_000  # pairs from which on a table, of tens of thousands of angles, pays
TABLES: dict[Any, Any] = {}  # those built last
ONE_TABLE = threading.Lock()


def collapsed(one: Any, two: Any, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The table of the kernels ``get``, in units of sqrt(K_ii K_jj), as functions of the angle; None without one.

    There is one if the kernels are homogeneous, or if all rows are on one sphere, provided that there are many pairs.
    """
    if len(one.x) * len(two.x) < COLLAPSE_FROM:
        return None
    scale = 1.0 if set(get) <= set(HOMOGENEOUS) else sphere(one, two)
    if scale is None:
        return None
    key = (BLOCKS, scale, one.x.shape[1], get, tuple(sorted(parameters.items())))
    with ONE_TABLE:  # threads that want the same wait for it
        if key not in TABLES:
            while len(TABLES) >= KEPT:
                TABLES.pop(next(iter(TABLES)))
            TABLES[key] = tabulated(scale, one.x.shape[1], parameters, get)
        table = TABLES[key]
    limit = 100 * np.finfo(F).eps * max(1.0, 0.1 * len(one.saved))  # a noisy one is left alone
    return table if table is not None and table.error <= limit else None


def sphere(one: Any, two: Any) -> float | None:
    """The common sqrt(x.x/d) of all rows, up to rounding; None if there is none."""
    if NORMALIZE:
        return 1.0
    low = min(float(rows.scale.min()) for rows in (one, two))
    high = max(float(rows.scale.max()) for rows in (one, two))
    if not (low > 0 and alike((low, high), SPHERE)):
        return None
    return float(f"{0.5 * (low + high):.14g}")  # the same for every batch from one sphere


def tabulated(scale: float, width: int, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The table for points with sqrt(x.x/d) = scale, from the layers; None where the kernels are 0 or overflow."""
    root = np.array([scale])
    one = Rows(np.zeros((1, width), F), parameters, (), DD(root) if CAREFUL else root)
    diagonal = [one.diagonal[name][0] for name in get]
    if not all(np.isfinite(value) and value > np.finfo(F).tiny / np.finfo(F).eps for value in diagonal):
        return None

    def values(gap: Any, side: Any) -> Any:
        two = copy.copy(one)
        two.saved = [[np.repeat(value, gap.size) for value in saved] for saved in one.saved]
        two.root = {name: np.repeat(value, gap.size) for name, value in one.root.items()}
        tile = gap[None].copy(), side[None].copy()  # layers may overwrite their arguments
        found = layered(*tile, one, two, slice(0, 1), slice(0, gap.size), parameters, get)
        return np.stack([found[name][0] / value for name, value in zip(get, diagonal, strict=True)])

    with library_on_one_thread():
        return zonal(values)
