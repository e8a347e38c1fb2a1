"""‖H(0) − H*‖₂ ~ m^(−1/2): how fast the tangent kernel at initialisation nears its limit as the width grows.

H(0) is a mean over about m units, so its entries are off by a random O(m^(−1/2)), and by a mean O(1/m) that vanishes
beside it (Jacot et al. 2018, arXiv:1806.07572, Theorem 1; the rate: Arora et al. 2019, arXiv:1904.11955, Theorem 3.1
has m^(−1/4) for certain).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kernelc.driver import NetworkLike
from kernelc.errors import InputError
from kernelc.montecarlo.estimate import Plan, Progress, sample
from kernelc.studies.finding import Finding
from kernelc.studies.fit import SIGMAS, TOLERANCE, Mean, PowerLaw, judge, mean, power_law
from kernelc.studies.inputs import Setting, setting, several, widths

WIDTHS, NETWORKS = (64, 128, 256, 512, 1024, 2048, 4096, 8192), 100
EXPECTED = -0.5
ROUNDING = 1e-9  # of ‖H*‖₂: below, H(0) does not vary
STATEMENT = "‖H(0) − H*‖₂ falls like m^(−1/2) as the width m grows"


@dataclass(frozen=True)
class Rate:
    """``norms`` are the ‖H(0) − H*‖₂ of every network of each width, ``limit_norm`` is ‖H*‖₂."""

    finding: Finding
    spec: str
    points: int
    dimension: int
    networks: int
    seed: int
    widths: tuple[int, ...]
    norms: tuple[tuple[float, ...], ...]
    means: tuple[Mean, ...]
    limit_norm: float
    law: PowerLaw
    expected: float


def rate(
    net: NetworkLike = "relu-3",
    points: int = 10,
    dimension: int = 10,
    widths_: Sequence[int] = WIDTHS,
    networks: int = NETWORKS,
    seed: int = 0,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Rate:
    """Run the study. Raises InputError, SpecError or UnsupportedError."""
    ms, networks = widths(widths_), several("networks", networks)
    at = setting(net, points, dimension, seed)
    found = distances(at, ms, networks, seed, progress, checkpoint)
    limit = float(np.linalg.norm(at.limit, 2))
    means = tuple(mean(norms) for norms in found)
    if min(m.value for m in means) <= ROUNDING * limit:
        raise InputError(
            f"{at.net.name}: H(0) is H* at every width, so there is no rate; choose a spec with an activation"
        )
    law = power_law(ms, means)
    measured = (
        f"slope {law} of log ‖H(0) − H*‖₂ over log m; expected −1/2, "
        f"within {SIGMAS:g} standard errors and {TOLERANCE:g}"
    )
    return Rate(
        finding=Finding(STATEMENT, measured, judge(law, EXPECTED, networks)),
        spec=at.net.name,
        points=points,
        dimension=dimension,
        networks=networks,
        seed=seed,
        widths=ms,
        norms=tuple(tuple(norms.tolist()) for norms in found),
        means=means,
        limit_norm=limit,
        law=law,
        expected=EXPECTED,
    )


def distances(
    at: Setting,
    ms: tuple[int, ...],
    networks: int,
    seed: int,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> list[np.ndarray]:
    """‖H(0) − H*‖₂ of the networks (networks,) of each width."""
    n = len(at.x)
    found = sample(Plan(at.net, at.x, ms, networks, seed, True), progress, checkpoint)
    rows, columns = np.triu_indices(n)
    out = []
    for m in ms:
        difference = np.zeros((networks, n, n))
        difference[:, rows, columns] = found.values[m][:, found.stage(len(found.titles))] - at.limit[rows, columns]
        difference[:, columns, rows] = difference[:, rows, columns]
        out.append(np.abs(np.linalg.eigvalsh(difference)).max(axis=1))
    return out
