"""Figure 1 of Jacot, Gabriel, Hongler 2018 (arXiv:1806.07572): the tangent kernel on the unit circle, before and after.

Θ(x0, x) for x0 = (1, 0) and x = (cos γ, sin γ), of networks of depth 4 with ReLU and β = 0.1 (the spec jacot-4), at
t = 0 and after 200 steps of gradient descent with learning rate 1. They learn f*(x) = x1 x2 by least squares on
points with random N(0, 1) entries, L = 1/(2n) Σ (f − f*)²; how many, the paper does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kernelc.driver import compile
from kernelc.montecarlo.architecture import architecture
from kernelc.montecarlo.estimate import Progress
from kernelc.montecarlo.single import count
from kernelc.montecarlo.training import FiniteNetwork, size
from kernelc.network import Network, load
from kernelc.studies.finding import Finding, Verdict, joint
from kernelc.studies.fit import Mean, mean
from kernelc.studies.inputs import MOST, POINTS, generator, positive, several, widths
from kernelc.studies.records import Job, Tick, digest, results

SPEC = "jacot-4"
WIDTHS, WIDE = (100, 500), (500, 10_000)
HALF = 50  # angles on each side of 0
MOST_STEPS = 10**6
SIGMAS = 2.0
STATEMENT = "Θ(x0, x) nears its limit as the width grows, and training moves it the less the wider the network is"


@dataclass(frozen=True)
class Width:
    """The curves Θ(x0, x) of every network of a width, at t = 0 and after training, and how far they are.

    ``distance`` is ‖Θ − Θ_∞‖₂/‖Θ_∞‖₂ of the curves at t = 0, ``change`` is ‖Θ_t − Θ_0‖₂/‖Θ_0‖₂, and ``growth`` the mean
    of Θ_t(x0, x0)/Θ_0(x0, x0), which the paper calls inflation. ``loss`` is that before and after training.
    """

    width: int
    before: tuple[tuple[float, ...], ...]
    after: tuple[tuple[float, ...], ...]
    distance: Mean
    change: Mean
    growth: Mean
    loss: tuple[Mean, Mean]


@dataclass(frozen=True)
class Jacot:
    """``gamma`` are the angles of x, ``limit`` is Θ_∞(x0, x) there."""

    finding: Finding
    spec: str
    points: int
    networks: int
    steps: int
    rate: float
    seed: int
    gamma: tuple[float, ...]
    limit: tuple[float, ...]
    widths: tuple[Width, ...]


@dataclass(frozen=True)
class _Task:
    net: Network
    x: np.ndarray
    y: np.ndarray
    circle: np.ndarray
    steps: int
    rate: float
    seed: int


def jacot(
    points: int = 32,
    widths_: Sequence[int] = WIDTHS,
    networks: int = 10,
    steps: int = 200,
    rate: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Jacot:
    """Run the study. Memory: 1.6 GB for a network of width 10,000, in float64. Raises InputError."""
    ms, networks, n = widths(widths_), several("networks", networks), count("points", points, 1, MOST)
    steps, rate = count("steps", steps, 1, MOST_STEPS), positive("rate", rate)
    net, x = load(SPEC), generator(seed, POINTS).standard_normal((n, 2))
    gamma = np.pi * np.arange(-HALF, HALF + 1) / HALF
    task = _Task(net, x, x[:, :1] * x[:, 1:], circle(gamma), steps, rate, seed)
    jobs = [Job(m, number, size(architecture(net, 2, m))) for m in ms for number in range(networks)]
    key = digest("jacot", net.dumps(), ms, networks, steps, rate, seed, arrays=[x, gamma])
    found = results(jobs, lambda job, tick: curves(task, job, tick), key, progress, checkpoint)
    limit = compile(net).ntk(circle(np.zeros(1)), task.circle)[0]
    rows = tuple(_width(m, np.array([found[job] for job in jobs if job.width == m]), limit) for m in ms)
    return Jacot(
        finding=_finding(rows, steps),
        spec=net.name,
        points=n,
        networks=networks,
        steps=steps,
        rate=rate,
        seed=seed,
        gamma=tuple(gamma.tolist()),
        limit=tuple(limit.tolist()),
        widths=rows,
    )


def circle(gamma: np.ndarray) -> np.ndarray:
    """The points (cos γ, sin γ) of the unit circle."""
    return np.stack([np.cos(gamma), np.sin(gamma)], axis=1)


def curves(task: _Task, job: Job, tick: Tick) -> np.ndarray:
    """Train one network: Θ(x0, x) and then the loss, in a row each for before and after (2, angles + 1)."""
    seed = np.random.SeedSequence(task.seed, spawn_key=(job.width, job.number))
    network, x0 = FiniteNetwork(task.net, 2, job.width, seed), circle(np.zeros(1))
    rows = []
    for steps in (0, task.steps):
        for step in range(steps):
            network.step(task.x, task.y, task.rate)
            tick((step + 1) / steps)
        rows.append([*network.ntk(x0, task.circle)[0], network.loss(task.x, task.y)])
    return np.array(rows)


def _width(m: int, found: np.ndarray, limit: np.ndarray) -> Width:
    """Of what was found (networks, 2, angles + 1)."""
    before, after, loss = found[:, 0, :-1], found[:, 1, :-1], found[:, :, -1]
    return Width(
        width=m,
        before=tuple(map(tuple, before.tolist())),
        after=tuple(map(tuple, after.tolist())),
        distance=mean(np.linalg.norm(before - limit, axis=1) / np.linalg.norm(limit)),
        change=mean(np.linalg.norm(after - before, axis=1) / np.linalg.norm(before, axis=1)),
        growth=mean(after[:, HALF] / before[:, HALF]),
        loss=(mean(loss[:, 0]), mean(loss[:, 1])),
    )


def _finding(rows: Sequence[Width], steps: int) -> Finding:
    narrow, wide = rows[0], rows[-1]
    parts, verdicts = [], []
    for name, first, last in (
        ("distance to the limit at t = 0", narrow.distance, wide.distance),
        (f"change in {steps} steps", narrow.change, wide.change),
    ):
        falls = (first.value - last.value) / np.hypot(first.error, last.error)
        parts.append(f"{name}: {_percent(first)} at width {narrow.width}, {_percent(last)} at width {wide.width}")
        verdicts.append(_verdict(float(falls)))
    sentence = "; ".join(parts) + f"; expected to fall, by {SIGMAS:g} standard errors or more"
    return Finding(STATEMENT, sentence, joint(verdicts))


def _percent(mean: Mean) -> str:
    return f"{mean.value:.1%} ± {mean.error:.1%}"


def _verdict(falls: float) -> Verdict:
    """By how many standard errors something falls that should."""
    return "holds" if falls > SIGMAS else "refuted" if falls < -SIGMAS else "undecided"
