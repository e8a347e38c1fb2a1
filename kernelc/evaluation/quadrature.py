"""The measured error of quadrature pair by pair: against itself with half as many nodes again."""

from __future__ import annotations

import math

import numpy as np

from kernelc.duals.numeric import of_numeric
from kernelc.duals.numpy_code import Numeric

NODES = 16  # of a piece of an integral
ROUNDING = 1e-13  # of a sum of thousands of values, which both rules share
GAPS = (0.0, 1e-3, 0.05, 0.4)


def measured_error(phi: Numeric, q_range: tuple[float, float]) -> float:
    """Twice the largest change of E[φφ] and E[φ'φ'], relative to √(E11 E22), over scales and angles of a range."""
    low, high = (math.sqrt(q) for q in q_range)
    ends = np.array([low, high])
    s1, s2, gap, side = (v.ravel() for v in np.meshgrid(ends, ends, GAPS, (-1.0, 1.0)))
    coarse, fine = (_values(phi, nodes, gap, side, s1, s2) for nodes in (NODES, NODES * 3 // 2))
    return max(2 * max(float(np.abs(a - b).max()) for a, b in zip(coarse, fine, strict=True)), ROUNDING)


def _values(phi: Numeric, nodes: int, *pairs: np.ndarray) -> list[np.ndarray]:
    polar = of_numeric(phi, nodes)
    near, far = polar.angle(*pairs)
    found = [near, far]
    if polar.slope is not None:
        found.append(polar.dot(*pairs))
    return found
