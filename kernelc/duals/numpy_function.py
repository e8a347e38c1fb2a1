"""A formula in pieces as a function of a float64 array; where float64 fails, in more range, and at last in mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
from sympy import Expr

from kernelc import runtime
from kernelc.duals.numpy_print import NAMES
from kernelc.duals.rewriting import precise

Array = np.ndarray[Any, np.dtype[np.float64]]

Real = Callable[[Array], Array]

RUNTIME = ("special", "elementary")
"""The runtime modules whose functions the text may call."""


@lru_cache(maxsize=1)
def namespace() -> dict[str, Any]:
    """What the text of a formula needs."""
    found: dict[str, Any] = {"np": np}
    for module in RUNTIME:
        code = "from typing import Any\nimport numpy as np\n" + runtime.source(module)
        space: dict[str, Any] = vars(runtime.execute(code, f"runtime.{module}"))
        found |= {name: space[name] for name in set(NAMES.values()) if name in space}
    return found


def compiled(text: str) -> Real:
    """The text of a formula as a function."""
    function: Real = eval(f"lambda x: {text}", dict(namespace()))  # our own text, never the user's
    return function


class PieceFunction:
    """A piecewise text as a function of an array; where float64 fails, in more range, and at last in mpmath."""

    def __init__(self, edges: Sequence[float], texts: Sequence[str], exprs: Sequence[Expr]) -> None:
        self.edges, self.exprs = np.array(edges, dtype=np.float64), exprs
        self.parts = [compiled(text) for text in texts]

    def __call__(self, points: Array) -> Array:
        """The values at points."""
        at = np.asarray(points, dtype=np.float64)
        flat = at.reshape(-1)
        out = np.empty(flat.shape)
        which = np.searchsorted(self.edges, flat, side="right")
        with np.errstate(all="ignore"):
            for i, part in enumerate(self.parts):
                own = slice(None) if len(self.parts) == 1 else np.flatnonzero(which == i)
                if flat[own].size:
                    out[own] = part(flat[own])
            lost = np.flatnonzero(~np.isfinite(out) & np.isfinite(flat))
            if lost.size:
                out[lost] = self.rescued(flat[lost], which[lost])
        return out.reshape(at.shape)

    def rescued(self, points: Array, which: Any) -> Array:
        """The values at points at which float64 does not give a number."""
        out = np.empty(points.shape)
        for i, (point, k) in enumerate(zip(points, which, strict=True)):
            wide = self.parts[k](np.array([point], dtype=np.longdouble))
            out[i] = np.broadcast_to(wide, (1,))[0]
            if not np.isfinite(out[i]) or out[i] == 0:  # 0: that of a factor, may be
                out[i] = rescue(self.exprs[k], float(point))
        return out

    def at_zero(self) -> float:
        """The value at 0, the mean of both sides if 0 is a kink."""
        sides = self(np.array([-5e-324, 0.0]) if 0.0 in self.edges else np.zeros(1))
        mean = float(np.mean(sides))
        return mean if abs(mean) > 1e-20 else 0.0


@lru_cache(maxsize=4096)
def rescue(expr: Expr, point: float) -> float:
    """The value by multiple precision; at a removable gap, its limit."""
    with mpmath.workdps(60):
        function = precise(expr)
        for shift in (0, mpmath.mpf(10) ** -25):
            try:
                found = function(mpmath.mpf(point) + shift)
                if mpmath.isfinite(found):
                    return float(found)
            except (ZeroDivisionError, OverflowError, ValueError, TypeError):
                continue
    return math.nan
