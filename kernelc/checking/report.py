"""What a check found, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

LEVEL = 0.01  # a right kernel fails this often


@dataclass(frozen=True)
class DualResult:
    """One mean of one activation against quadrature; ``doubt`` is what quadrature itself may be off by."""

    activation: str
    mean: str  # "E[φφ]" or "E[φ'φ']"
    q1: float
    q2: float
    rho: float
    error: float
    bound: float
    doubt: float

    @property
    def passed(self) -> bool:
        """Whether the error is within the bound."""
        return self.error <= self.bound


@dataclass(frozen=True)
class BackendResult:
    """The largest difference of a backend from kernelc_numpy, relative to √(K_ii K_jj), over all kernels."""

    backend: str
    error: float
    bound: float

    @property
    def passed(self) -> bool:
        """Whether the backend agrees."""
        return self.error <= self.bound


@dataclass(frozen=True)
class KernelResult:
    """One kernel matrix against finite networks.

    ``mean`` ± ``error`` and ``z`` are matrices (n, n): the limit of infinite width from the networks, its standard
    error, and (kernel − mean)/error. ``p_value`` is that of one test over all entries. ``worst`` is the entry of the
    largest deviation. ``ratio`` ± ``ratio_error``: kernel over networks, NaN where it is no
    one factor.
    """

    name: str
    p_value: float
    ratio: float
    ratio_error: float
    worst: tuple[int, int]
    kernel: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    z: np.ndarray

    @property
    def passed(self) -> bool:
        """Whether this kernel by itself could be right."""
        return self.p_value >= LEVEL

    def to_dict(self) -> dict[str, Any]:
        """With lists in place of arrays; an entry that is no finite number is None."""
        arrays = {name: getattr(self, name) for name in ("kernel", "mean", "error", "z")}
        scalars = {name: _finite(getattr(self, name)) for name in ("p_value", "ratio", "ratio_error")}
        lists = {name: [[_finite(v) for v in row] for row in matrix.tolist()] for name, matrix in arrays.items()}
        return {"name": self.name, "passed": self.passed, **scalars, "worst": list(self.worst), **lists}


@dataclass(frozen=True)
class LayerResult:
    """Σ^(h) after one stage of the network, against finite networks; ``departs`` names what a module has wrong there.

    ``departs`` maps "nngp" and "ntk" to the largest difference of the module from kernelc's own kernel behind this
    stage, relative to √(K_ii K_jj); it is empty where no module is judged or none of its layers can be seen.
    """

    number: int
    title: str
    p_value: float
    largest_z: float
    departs: dict[str, float]


@dataclass(frozen=True)
class CheckReport:
    """The verdict on a network's kernels, or on a module of them.

    ``passed``: every oracle agrees; for a module, the finite networks do. ``p_value`` is that of the test over all
    kernels asked for together. ``difference``: of the module from kernelc's own kernels, relative to √(K_ii K_jj), by
    name. ``blame`` says in words what is wrong and where, as far as it can be told.
    """

    name: str
    module: str | None
    passed: bool
    p_value: float
    kernels: tuple[KernelResult, ...]
    layers: tuple[LayerResult, ...]
    duals: tuple[DualResult, ...]
    backends: tuple[BackendResult, ...]
    difference: dict[str, float]
    blame: str
    widths: tuple[int, ...]
    networks: int
    seed: int
    points: tuple[int, int]
    notes: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The report for programs: what ``kernelc check --json`` prints."""
        return {
            "name": self.name,
            "module": self.module,
            "passed": self.passed,
            "p_value": self.p_value,
            "level": LEVEL,
            "blame": self.blame or None,
            "kernels": [kernel.to_dict() for kernel in self.kernels],
            "layers": [{**asdict(layer), "departs": _finites(layer.departs)} for layer in self.layers],
            "duals": [{**asdict(dual), "passed": dual.passed} for dual in self.duals],
            "backends": [{**asdict(backend), "passed": backend.passed} for backend in self.backends],
            "difference": _finites(self.difference),
            "widths": list(self.widths),
            "networks": self.networks,
            "seed": self.seed,
            "points": list(self.points),
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def _finites(values: dict[str, float]) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in values.items()}


def _finite(value: float) -> float | None:
    """JSON has no infinities."""
    return float(value) if np.isfinite(value) else None
