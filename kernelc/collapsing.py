"""How good the table is that stands for the layers of a collapsed kernel: measured when the kernel is compiled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType

import numpy as np

from kernelc.exact import zonal_values
from kernelc.steps import activations
from kernelc.symbolic import SymbolicKernel

WIDTH = 3  # of the points; only a first layer with n_in in its gain sees it
FLOOR = 1e-15  # no smaller error is stated
LAYERS = 100  # of 50-digit arithmetic, over all angles, that a compilation may spend


def collapse_error(module: ModuleType, kernel: SymbolicKernel, parameters: Mapping[str, float]) -> float | None:
    """The largest error of a module's table on the sphere |x|² = d, relative to √(K_ii K_jj); None without one.

    It is the sum of the difference from the module's own layers, between the nodes of every piece, and of that from
    50-digit arithmetic at up to 32 angles. The latter is left out for duals that have no closed form.
    """
    get = ("nngp",) if kernel.ntk_reason else ("nngp", "ntk")
    inner = {f"{name}_": value for name, value in parameters.items()}
    try:
        table = module.tabulated(1.0, WIDTH, inner, get)
    except ValueError:  # |x|² = d is outside the range of an activation's table
        return None
    if table is None or any(step.dual.tier != "exact" for step in activations(kernel.steps)):
        return None if table is None else float(table.error)
    depth = max(1, sum(1 for _ in activations(kernel.steps)))
    count = int(np.clip(LAYERS // depth, 4, 32))
    gap = np.geomspace(1e-18, 0.5, count // 2).astype(module.F)
    gap, side = np.tile(gap, 2), np.repeat(np.array([1, -1], dtype=module.F), count // 2)
    try:
        exact = zonal_values(kernel, gap.tolist(), side.tolist(), WIDTH, get, parameters)
    except OverflowError:
        return None
    return float(table.error + np.max(np.abs(np.stack(table(gap, side), axis=1) - exact)))


def stated(error: float) -> float:
    """The error as a module states it: the next of 1, 2, 5 times a power of ten, at least 1e-15; rounding varies."""
    power = math.floor(math.log10(max(error, FLOOR)))
    digit = next(d for d in (1, 2, 5, 10) if max(error, FLOOR) <= d * 10.0**power * (1 + 1e-9))
    return float(f"{digit}e{power}")
