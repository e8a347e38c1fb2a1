"""Kernels that depend on the angle alone: when to replace the layers by a table."""

import threading
from typing import Any

import numpy as np

from kernelc.runtime.inputs import KEPT, SPHERE, alike

F: Any = np.float64  # stand-ins for what a generated module defines itself
NORMALIZE: Any = None
HOMOGENEOUS: Any = ()
BLOCKS: Any = ()
tabulated: Any = None

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
    limit = 100 * np.finfo(F).eps * max(1.0, 0.1 * sum(count for count, *_ in BLOCKS))  # a noisy one is left alone
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
