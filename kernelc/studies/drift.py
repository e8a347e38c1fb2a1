"""‖H(t) − H(0)‖ = O(m^(−1/2)): the wider the network, the less training moves its tangent kernel.

At a fixed time t the bound is O(m^(−1/2)) (Jacot et al. 2018, arXiv:1806.07572, Theorem 2; Du et al. 2019,
arXiv:1810.02054; Lee et al. 2019, arXiv:1902.06720, Theorem 2.1). It is a bound: Lee et al. saw about 1/m in practice,
and a smooth network with outputs of mean zero has it by symmetry. So the slope is expected to be −1/2 or steeper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kernelc.driver import NetworkLike
from kernelc.errors import InputError
from kernelc.montecarlo.architecture import architecture
from kernelc.montecarlo.estimate import Progress
from kernelc.montecarlo.single import count
from kernelc.montecarlo.training import FiniteNetwork, size
from kernelc.studies.finding import Finding
from kernelc.studies.fit import SIGMAS, TOLERANCE, Mean, PowerLaw, judge, mean, power_law
from kernelc.studies.inputs import TARGETS, Setting, generator, positive, setting, several, widths
from kernelc.studies.records import Job, Tick, digest, results

WIDTHS, NETWORKS, STEPS = (64, 128, 256, 512, 1024), 10, 100
MOST_STEPS = 10**6
BOUND = -0.5
ROUNDING = 1e-12  # relative drift: below, nothing moves
STATEMENT = "at a given time, ‖H(t) − H(0)‖ = O(m^(−1/2)) as the width m grows"


@dataclass(frozen=True)
class Drift:
    """Means over networks, one tuple for each width, one entry for each of ``steps``.

    ``frobenius`` is ‖H(t) − H(0)‖_F/‖H(0)‖_F, ``spectral`` the same of ‖·‖₂, and ``loss`` is 1/(2n) Σ (f − y)², each
    after that many steps of gradient descent, t = steps · rate. ``law`` is that of the last Frobenius norms over the
    widths, ``spectral_law`` that of the spectral ones.
    """

    finding: Finding
    spec: str
    points: int
    dimension: int
    networks: int
    seed: int
    rate: float
    steps: tuple[int, ...]
    widths: tuple[int, ...]
    frobenius: tuple[tuple[Mean, ...], ...]
    spectral: tuple[tuple[Mean, ...], ...]
    loss: tuple[tuple[Mean, ...], ...]
    law: PowerLaw
    spectral_law: PowerLaw
    bound: float


def drift(
    net: NetworkLike = "relu-3",
    points: int = 10,
    dimension: int = 10,
    widths_: Sequence[int] = WIDTHS,
    networks: int = NETWORKS,
    steps: int = STEPS,
    rate: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Drift:
    """Run the study on random N(0, 1) targets; the default learning rate is n/λ_max(H*), half of what is stable.

    Raises InputError, SpecError or UnsupportedError.
    """
    ms, networks, steps = widths(widths_), several("networks", networks), count("steps", steps, 1, MOST_STEPS)
    at = setting(net, points, dimension, seed)
    rate = points / float(np.linalg.eigvalsh(at.limit)[-1]) if rate is None else positive("rate", rate)
    when = schedule(steps)
    jobs = [Job(m, number, size(architecture(at.net, dimension, m))) for m in ms for number in range(networks)]
    key = digest("drift", at.net.dumps(), ms, networks, when, rate, seed, arrays=[at.x])
    found = results(jobs, lambda job, tick: history(at, job, when, rate, seed, tick), key, progress, checkpoint)
    samples = np.array([[found[job] for job in jobs if job.width == m] for m in ms])  # width, network, time, quantity
    if samples[:, :, -1, 0].mean(axis=1).min() <= ROUNDING:
        raise InputError(
            f"{at.net.name}: its tangent kernel does not change in training; choose a spec with an activation"
        )
    frobenius, spectral, loss = (_means(samples[..., quantity]) for quantity in range(3))
    law = power_law(ms, [row[-1] for row in frobenius])
    measured = (
        f"slope {law} of log ‖H(t) − H(0)‖_F/‖H(0)‖_F over log m after {steps} steps "
        f"of learning rate {rate:.3g}; expected −1/2 or steeper, "
        f"within {SIGMAS:g} standard errors and {TOLERANCE:g}"
    )
    return Drift(
        finding=Finding(STATEMENT, measured, judge(law, BOUND, networks, at_most=True)),
        spec=at.net.name,
        points=points,
        dimension=dimension,
        networks=networks,
        seed=seed,
        rate=rate,
        steps=when,
        widths=ms,
        frobenius=frobenius,
        spectral=spectral,
        loss=loss,
        law=law,
        spectral_law=power_law(ms, [row[-1] for row in spectral]),
        bound=BOUND,
    )


def schedule(steps: int) -> tuple[int, ...]:
    """When to look: after 1, 2, 5, 10, 20, 50, ... steps, and at the end.

    >>> schedule(30)
    (1, 2, 5, 10, 20, 30)
    """
    found = {digit * 10**k for k in range(len(str(steps))) for digit in (1, 2, 5)}
    return (*sorted(step for step in found if step < steps), steps)


def history(at: Setting, job: Job, when: tuple[int, ...], rate: float, seed: int, tick: Tick) -> np.ndarray:
    """Train one network: its relative drift in both norms, and its loss, at the times ``when``, (times, 3)."""
    n, d = at.x.shape
    network = FiniteNetwork(at.net, d, job.width, np.random.SeedSequence(seed, spawn_key=(job.width, job.number)))
    y = generator(seed, TARGETS).standard_normal((n, network.architecture.n_out))
    start, rows = network.ntk(at.x), []
    for step in range(1, when[-1] + 1):
        network.step(at.x, y, rate)
        tick(step / when[-1])
        if step in when:
            change = network.ntk(at.x) - start
            drifts = [float(np.linalg.norm(change, kind) / np.linalg.norm(start, kind)) for kind in ("fro", 2)]
            rows.append([*drifts, network.loss(at.x, y)])
    return np.array(rows)


def _means(samples: np.ndarray) -> tuple[tuple[Mean, ...], ...]:
    """Of samples (widths, networks, times), over the networks."""
    return tuple(tuple(mean(at_once) for at_once in of_width.T) for of_width in samples)
