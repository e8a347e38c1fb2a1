"""A Run, one call of one contender; matches and groups of runs. Also read by the peers' Python: NumPy alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

PEERS = ("neural-tangents", "scikit-ntk")
BIAS = 0.1


@dataclass(frozen=True)
class Run:
    """One call: ``who`` computes K(x1, x2), or K(x1) if ``symmetric``, of a fully connected network.

    σ_w = √2 in every layer. ``data`` says what a kernel may exploit: "homogeneous", no bias; "sphere", a bias and rows
    of equal norm; "layerwise", a bias and rows of unequal norms.
    """

    who: str
    activation: str = "relu"
    depth: int = 3
    n: int = 4000
    d: int = 100
    data: str = "layerwise"
    symmetric: bool = False
    dtype: str = "float64"
    get: str = "ntk"  # names joined by +
    collapse: bool = True
    threads: int = 2

    @property
    def bias(self) -> float:
        return 0.0 if self.data == "homogeneous" else BIAS

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.get.split("+"))

    def inputs(self) -> tuple[np.ndarray, np.ndarray | None]:
        """x1 and x2, the same for every contender."""
        return self._points(1), None if self.symmetric else self._points(2)

    def _points(self, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        x = random.standard_normal((self.n, self.d))
        if self.data == "sphere":
            x *= np.sqrt(self.d) / np.linalg.norm(x, axis=1)[:, None]
        else:
            x *= random.uniform(0.5, 2.0, (self.n, 1))
        return x.astype(self.dtype)


@dataclass(frozen=True)
class Match:
    """Runs that are timed in turns, and the one they are compared with; ``bars``: who → the ratio to reach."""

    base: Run
    runs: tuple[Run, ...]
    bars: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """One table. ``speedup``: ratios are the base's time of an entry over a run's, bars the least; or the reverse."""

    title: str
    matches: list[Match]
    speedup: bool = False
