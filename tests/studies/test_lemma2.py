"""Lemma 2: its limit kernel, its width, and frequencies against networks written out by hand."""

import mpmath
import numpy as np
import pytest
from scipy.stats import binomtest

from kernelc.studies import lemma2 as study
from kernelc.studies.inputs import Setting
from kernelc.studies.lemma2 import bound, lecture, limits, required_width

from .test_rate import by_hand


def test_the_limit_is_the_formula_of_the_lecture() -> None:
    at = lecture(7, 5, 3)
    x = at.x / np.sqrt(5)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, rtol=1e-14)
    for i in range(7):
        for j in range(7):
            cosine = min(float(x[i] @ x[j]), 1.0) if i != j else 1.0
            assert at.limit[i, j] == pytest.approx(cosine * (np.pi - np.arccos(cosine)) / (2 * np.pi), abs=1e-13)


@pytest.mark.parametrize(("n", "epsilon", "delta"), [(10, 0.1, 0.1), (3, 0.7, 0.01), (50, 0.25, 0.5)])
def test_the_width_is_the_least_that_hoeffding_gives(n: int, epsilon: float, delta: float) -> None:
    exact = mpmath.mpf(n) ** 2 / (2 * mpmath.mpf(epsilon) ** 2) * mpmath.log(2 * n * n / mpmath.mpf(delta))
    m = required_width(n, epsilon, delta)
    assert m - 1 < exact <= m
    assert bound(n, epsilon, m) <= delta < bound(n, epsilon, m - 1)


@pytest.mark.parametrize(("failures", "trials"), [(0, 400), (3, 50), (50, 50), (17, 40)])
def test_limits_are_clopper_and_pearsons(failures: int, trials: int) -> None:
    exact = binomtest(failures, trials).proportion_ci(0.9, method="exact")  # 95% on each side
    assert limits(failures, trials) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_frequencies_are_those_of_networks_written_out() -> None:
    found = study.lemma2(points=5, dimension=4, epsilons=(0.3, 0.6), trials=400)
    assert found.finding.verdict == "holds"
    x, compared = lecture(5, 4, 0).x / 2, 0
    for tolerance in found.tolerances:
        assert tolerance.at_the_lemma.width == required_width(5, tolerance.epsilon, 0.1)
        assert tolerance.at_the_lemma.upper <= 0.1
        assert tolerance.enough is not None
        assert tolerance.enough < tolerance.width / 10
        for here in tolerance.curve:
            if here.width < 200:
                norms = by_hand(x, here.width, 4000, np.random.default_rng(here.width))
                expected = np.mean(norms > tolerance.epsilon)
                error = np.sqrt(max(expected * (1 - expected), 1e-3) / 400)
                assert abs(here.frequency - expected) < 4 * error
                compared += 0.05 < expected < 0.95
    assert compared >= 3


def test_a_wrong_limit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(n: int, d: int, seed: int) -> Setting:
        at = lecture(n, d, seed)
        return Setting(at.net, at.x, 2 * at.limit)

    monkeypatch.setattr(study, "lecture", wrong)
    assert study.lemma2(points=5, epsilons=(0.3,), trials=50).finding.verdict == "refuted"


def test_few_trials_leave_it_undecided() -> None:
    assert study.lemma2(points=3, epsilons=(0.5,), trials=5).finding.verdict == "undecided"
