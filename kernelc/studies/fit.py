"""Means over networks, the power law through them, and what its exponent says of an expected one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernelc.studies.finding import Verdict

SIGMAS, TOLERANCE = 3.0, 0.02  # the next order in 1/width bends the law a little at small widths: hence a tolerance
FEWEST = 20  # networks
COARSE = 0.25  # an exponent that may be off by more than this says nothing


@dataclass(frozen=True)
class Mean:
    """A mean over networks with its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class PowerLaw:
    """y = prefactor · width^exponent, with the standard error of the exponent."""

    exponent: float
    error: float
    prefactor: float

    def __str__(self) -> str:
        return f"{self.exponent:.3f} ± {self.error:.3f}".replace("-", "−")


def mean(samples: np.ndarray) -> Mean:
    """Of samples (networks,), at least two."""
    return Mean(float(np.mean(samples)), float(np.std(samples, ddof=1) / np.sqrt(len(samples))))


def power_law(widths: Sequence[int], means: Sequence[Mean]) -> PowerLaw:
    """Weighted least squares of log y on log width: the error of log y is that of y, relative to y.

    >>> power_law((1, 10, 100), [Mean(5.0, 0.1), Mean(0.5, 0.01), Mean(0.05, 0.001)]).exponent
    -1.0
    """
    y, error = np.array([m.value for m in means]), np.array([m.error for m in means])
    weight = (y / error) ** 2
    u, v = np.log(np.array(widths, dtype=float)), np.log(y)
    centre = np.average(u, weights=weight)
    spread = float(weight @ (u - centre) ** 2)
    exponent = float(weight @ ((u - centre) * (v - np.average(v, weights=weight)))) / spread
    prefactor = float(np.exp(np.average(v, weights=weight) - exponent * centre))
    return PowerLaw(round(exponent, 12), spread**-0.5, prefactor)


def judge(law: PowerLaw, expected: float, networks: int, at_most: bool = False) -> Verdict:
    """Whether the exponent is ``expected``, or at most that, within 3 standard errors and 0.02.

    Standard errors from fewer than 20 ``networks`` a width are too rough to refute anything.
    """
    slack = SIGMAS * law.error + TOLERANCE
    off = law.exponent - expected
    if (off if at_most else abs(off)) > slack:
        return "refuted" if networks >= FEWEST else "undecided"
    return "holds" if slack < COARSE or (at_most and off + slack < 0) else "undecided"
