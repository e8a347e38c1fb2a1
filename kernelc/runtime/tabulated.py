"""The table that stands for all layers of a NumPy module, built from them."""

import copy
from typing import Any

import numpy as np

F: Any = np.float64  # stand-ins for what a generated module defines itself
CAREFUL: Any = None
DD: Any = None
Rows: Any = None
zonal: Any = None
layered: Any = None
library_on_one_thread: Any = None


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
