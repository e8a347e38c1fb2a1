"""Where a closed form is sound in float64: against quadrature, over a range of variances.

Far out the terms of a closed form may cancel: E[φ²] of relu(x − 1) is 1e-225 at q = 1e-3, a difference of numbers that
agree to six digits. There quadrature takes over, where its own error is small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelc import runtime
from kernelc.duals.numeric import of_numeric
from kernelc.duals.numpy_code import Numeric
from kernelc.evaluation.quadrature import NODES
from kernelc.runtime.closed import ClosedDual
from kernelc.runtime.polar import Polar

POINTS = 13
ERROR = 2e-13  # a closed form that is off by more gives way to quadrature
STATED = 2 * ERROR  # no smaller error is stated: between the scales compared, the formula may be off by ERROR and more
TRUST = 1e-12  # quadrature that is off by more is not used

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Soundness:
    """Standard deviations between which a closed form holds; whether quadrature serves the rest; the largest error."""

    low: float
    high: float
    polar: bool
    error: float


def soundness(texts: str, names: list[str], phi: Numeric, q_range: tuple[float, float]) -> Soundness:
    """Compare the functions ``names`` that ``texts`` defines with quadrature, at scales of a range."""
    space = vars(runtime.execute(_module(texts), "closed forms"))
    functions: list[Any] = [None if name == "None" else space[name] for name in names]
    nngp, nngp_diag, ntk, ntk_diag = functions
    closed = ClosedDual(nngp, nngp_diag, ntk, ntk_diag, None, phi.at_zero, (0.0, np.inf))
    coarse, fine = (of_numeric(phi, nodes) for nodes in (NODES, NODES * 3 // 2))
    s: Array = np.exp(0.5 * np.linspace(math.log(q_range[0]), math.log(q_range[1]), POINTS))
    with np.errstate(all="ignore"):
        s = s[np.isfinite(closed.moment(s)) & np.isfinite(fine.moment(s))]
        true, rough, formula = (_values(dual, s, ntk is not None and phi.has_ntk) for dual in (fine, coarse, closed))
        doubt, error = _change(rough, true), _change(formula, true)
    trusted = bool(doubt.size and doubt.max() <= TRUST)
    if not trusted:
        return Soundness(0.0, np.inf, False, TRUST)
    good = np.flatnonzero(error <= ERROR)
    if not good.size:
        return Soundness(np.inf, np.inf, True, TRUST)
    run = max(np.split(good, np.flatnonzero(np.diff(good) > 1) + 1), key=len)
    low = 0.0 if run[0] == 0 else float(s[run[0]])
    high = np.inf if run[-1] == len(s) - 1 else float(s[run[-1]])
    return Soundness(low, high, True, max(2 * float(max(doubt.max(), error[run].max())), STATED))


def _values(dual: Any, s: Array, slopes: bool) -> list[Array]:
    """Moments, and at every scale a few pairs: E[φφ] and E[φ'φ'] over their moments."""
    found = [np.log(dual.moment(s))] + ([np.log(dual.slope_moment(s))] if slopes else [])
    for gap, side, other in ((0.03, 1.0, 1.0), (0.3, 1.0, 0.7), (0.03, -1.0, 1.0), (0.4, -1.0, 0.7)):
        pairs = np.full(s.shape, gap), np.full(s.shape, side), s, other * s
        first, second = dual.angle(*pairs)
        found.append(np.minimum(first, second) if isinstance(dual, Polar) else first)
        if slopes:
            size = np.sqrt(dual.slope_moment(s)) * np.sqrt(dual.slope_moment(other * s))
            found.append(dual.dot(*pairs) / (1.0 if isinstance(dual, Polar) else size))
    return found


def _change(one: list[Array], two: list[Array]) -> Array:
    difference: Array = np.max([np.abs(a - b) for a, b in zip(one, two, strict=True)], axis=0)
    return np.where(np.isfinite(difference), difference, np.inf)


def _module(texts: str) -> str:
    head = "from typing import Any\nimport numpy as np\nF = np.float64\n"
    return head + runtime.source("special") + "\n" + texts
