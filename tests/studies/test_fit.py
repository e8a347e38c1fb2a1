"""The fit of a power law: against NumPy's least squares, and its standard error against repetition."""

import numpy as np
import pytest

from kernelc.studies.fit import Mean, PowerLaw, judge, mean, power_law


def test_the_fit_is_weighted_least_squares() -> None:
    random = np.random.default_rng(0)
    m, y, error = (8, 32, 100, 400), random.uniform(1, 9, 4), random.uniform(0.1, 0.5, 4)
    found = power_law(m, [Mean(*pair) for pair in zip(y, error, strict=True)])
    (slope, height), covariance = np.polyfit(np.log(m), np.log(y), 1, w=y / error, cov="unscaled")
    assert found.exponent == pytest.approx(slope, rel=1e-9)
    assert found.error == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)
    assert found.prefactor == pytest.approx(np.exp(height), rel=1e-9)


def test_the_standard_error_is_that_of_repetitions() -> None:
    random, m = np.random.default_rng(1), (10, 20, 40, 80)
    laws = [power_law(m, [mean(w**-0.5 * random.lognormal(0, 0.5, 50)) for w in m]) for _ in range(400)]
    slopes = np.array([law.exponent for law in laws])
    assert abs(slopes.mean() + 0.5) < 4 * slopes.std() / 20
    assert slopes.std() == pytest.approx(np.mean([law.error for law in laws]), rel=0.15)


@pytest.mark.parametrize(
    ("exponent", "error", "at_most", "verdict"),
    [
        (-0.51, 0.01, False, "holds"),
        (-0.4, 0.01, False, "refuted"),
        (-0.6, 0.01, False, "refuted"),
        (-0.5, 0.2, False, "undecided"),
        (-0.9, 0.01, True, "holds"),
        (-2.0, 0.2, True, "holds"),
        (-0.4, 0.01, True, "refuted"),
        (-0.5, 0.2, True, "undecided"),
    ],
)
def test_verdicts(exponent: float, error: float, at_most: bool, verdict: str) -> None:
    assert judge(PowerLaw(exponent, error, 1.0), -0.5, 20, at_most) == verdict
    few = judge(PowerLaw(exponent, error, 1.0), -0.5, 19, at_most)
    assert few == ("undecided" if verdict == "refuted" else verdict)
