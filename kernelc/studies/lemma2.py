"""Lemma 2: how wide a two-layer network must be for H(0) to lie within ε of H* with probability 1 − δ.

f(x) = 1/√m Σ_k a_k max(0, w_k·x), w_k ~ N(0, I) trained, a_k = ±1 fixed, |x| ≤ 1 (Du et al. 2019, arXiv:1810.02054;
CS 839 at Wisconsin, lecture 11, lemma 2). H_ij = x_i·x_j · 1/m Σ_k 1[w_k·x_i > 0] 1[w_k·x_j > 0] is a mean of m
independent terms in a range of length |x_i·x_j| ≤ 1, so by Hoeffding's inequality P(|H_ij − H*_ij| > s) ≤ 2 e^(−2ms²).
With s = ε/n for all n² entries, ‖H − H*‖₂ ≤ ‖H − H*‖_F ≤ ε, but with a probability of at most 2n² e^(−2mε²/n²), which
is δ at m = n²/(2ε²) · log(2n²/δ).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import beta

from kernelc.driver import compile
from kernelc.errors import InputError
from kernelc.messages import quote
from kernelc.montecarlo.estimate import Progress
from kernelc.montecarlo.single import count
from kernelc.network import load
from kernelc.studies.finding import Finding, Verdict, joint
from kernelc.studies.inputs import MOST, Setting, positive, several, sphere
from kernelc.studies.rate import distances

SPEC = "relu-frozen-output"
EPSILONS = (0.1, 0.2, 0.4)
CONFIDENCE = 0.95
HALVINGS, LEAST = 10, 4  # widths below that of the lemma
STATEMENT = "P(‖H(0) − H*‖₂ > ε) ≤ δ for widths m ≥ n²/(2ε²) · log(2n²/δ)"


@dataclass(frozen=True)
class Frequency:
    """How many networks of one width fail ε, with Clopper and Pearson's limits of 95% on each side, and the bound."""

    width: int
    failures: int
    frequency: float
    lower: float
    upper: float
    bound: float


@dataclass(frozen=True)
class Tolerance:
    """The frequencies of failure for one ε, in order of width; ``width`` is the lemma's.

    ``enough`` is the least width that was tried at which the upper limit is at most δ, as it is at all wider ones;
    None if there is no such width.
    """

    epsilon: float
    width: int
    curve: tuple[Frequency, ...]
    enough: int | None
    verdict: Verdict

    @property
    def at_the_lemma(self) -> Frequency:
        """What was found at the lemma's width."""
        return next(found for found in self.curve if found.width == self.width)


@dataclass(frozen=True)
class Lemma2:
    """``trials`` networks of each width on n points of the unit sphere."""

    finding: Finding
    spec: str
    points: int
    dimension: int
    delta: float
    trials: int
    seed: int
    confidence: float
    tolerances: tuple[Tolerance, ...]


def lemma2(
    points: int = 10,
    dimension: int = 10,
    epsilons: Sequence[float] = EPSILONS,
    delta: float = 0.1,
    trials: int = 400,
    seed: int = 0,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> Lemma2:
    """Run the study. Raises InputError."""
    n, d = count("points", points, 1, MOST), count("dimension", dimension, 1, MOST)
    delta, trials = positive("delta", delta, below=1.0), several("trials", trials)
    epsilons = tuple(sorted(positive("epsilons", epsilon) for epsilon in epsilons))
    if not epsilons or len(set(epsilons)) < len(epsilons):
        raise InputError(f"epsilons: expected different numbers, such as 0.25,0.5, found {quote(epsilons)}")
    grids = {epsilon: grid(required_width(n, epsilon, delta)) for epsilon in epsilons}
    widths = tuple(sorted(set().union(*grids.values())))
    norms = dict(zip(widths, distances(lecture(n, d, seed), widths, trials, seed, progress, checkpoint), strict=True))
    found = tuple(_tolerance(n, epsilon, delta, norms) for epsilon in epsilons)
    return Lemma2(
        finding=Finding(STATEMENT, _sentence(found, delta, trials), joint([t.verdict for t in found])),
        spec=SPEC,
        points=n,
        dimension=d,
        delta=delta,
        trials=trials,
        seed=seed,
        confidence=CONFIDENCE,
        tolerances=found,
    )


def lecture(n: int, d: int, seed: int) -> Setting:
    """The lecture's setting, |x| = 1: kernelc divides x·x' by d, so that √d x here is x there."""
    net, x = load(SPEC), np.sqrt(d) * sphere(n, d, seed)
    return Setting(net, x, compile(net).ntk(x))


def required_width(n: int, epsilon: float, delta: float) -> int:
    """The lemma's m = n²/(2ε²) · log(2n²/δ), rounded up."""
    return math.ceil(n * n / (2 * epsilon**2) * math.log(2 * n * n / delta))


def bound(n: int, epsilon: float, m: float) -> float:
    """2n² e^(−2mε²/n²), or 1 where that is more: what Hoeffding's inequality says of P(‖H(0) − H*‖₂ > ε)."""
    return min(1.0, 2 * n * n * math.exp(-2 * m * epsilon**2 / (n * n)))


def grid(m: int) -> tuple[int, ...]:
    """The lemma's width, and halves of halves of it.

    >>> grid(40)
    (5, 10, 20, 40)
    """
    return tuple(sorted({m, *(m >> k for k in range(HALVINGS + 1) if m >> k >= LEAST)}))


def limits(failures: int, trials: int) -> tuple[float, float]:
    """Clopper and Pearson's lower and upper confidence limit of a probability, of 95% each."""
    rest = trials - failures
    lower = float(beta.ppf(1 - CONFIDENCE, failures, rest + 1)) if failures else 0.0
    upper = float(beta.ppf(CONFIDENCE, failures + 1, rest)) if rest else 1.0
    return lower, upper


def _tolerance(n: int, epsilon: float, delta: float, norms: dict[int, np.ndarray]) -> Tolerance:
    width = required_width(n, epsilon, delta)
    curve = tuple(_frequency(n, epsilon, m, values) for m, values in norms.items() if m <= width)
    enough = None
    for found in reversed(curve):
        if found.upper > delta:
            break
        enough = found.width
    last = curve[-1]
    verdict: Verdict = "holds" if last.upper <= delta else "refuted" if last.lower > delta else "undecided"
    return Tolerance(epsilon, width, curve, enough, verdict)


def _frequency(n: int, epsilon: float, m: int, norms: np.ndarray) -> Frequency:
    failures = int(np.sum(norms > epsilon))
    return Frequency(m, failures, failures / len(norms), *limits(failures, len(norms)), bound(n, epsilon, m))


def _sentence(found: Sequence[Tolerance], delta: float, trials: int) -> str:
    parts = []
    for t in found:
        here = t.at_the_lemma
        more = f", {t.width / t.enough:.0f} times the width that suffices" if t.enough else ""
        parts.append(f"ε = {t.epsilon:g}: {here.failures} fail at m = {t.width}{more}, P ≤ {here.upper:.2g}")
    head = f"of {trials} networks, with P the 95% confidence limit of what must be at most δ = {delta:g}, "
    return head + "; ".join(parts)
