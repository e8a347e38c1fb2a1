"""The elementary helpers against 40-digit arithmetic."""

import mpmath
import numpy as np
import pytest

from kernelc.runtime import elementary

TRUTH = {
    "expit": lambda t: 1 / (1 + mpmath.exp(-t)),
    "softplus": lambda t: mpmath.log1p(mpmath.exp(t)),
    "sech": mpmath.sech,
    "log_cosh": lambda t: mpmath.log(mpmath.cosh(t)),
}


@pytest.mark.parametrize("name", TRUTH)
def test_relative_accuracy(name):
    x = np.concatenate([[0.0], np.geomspace(1e-12, 700, 400)])
    x = np.concatenate([x, -x])
    found = getattr(elementary, name)(x)
    with mpmath.workdps(60):
        for point, value in zip(x, found, strict=True):
            true = TRUTH[name](mpmath.mpf(float(point)))
            assert abs(value - true) <= 1e-15 * abs(true), point


@pytest.mark.parametrize(
    ("name", "ends"),
    [("expit", (0, 1)), ("softplus", (0, 1e5)), ("sech", (0, 0)), ("log_cosh", (1e5 - np.log(2), 1e5 - np.log(2)))],
)
def test_far_out(name, ends):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert getattr(elementary, name)(np.array([-1e5, 1e5])) == pytest.approx(ends, rel=1e-15)


@pytest.mark.parametrize("name", TRUTH)
def test_longdouble_stays(name):
    assert getattr(elementary, name)(np.ones(2, dtype=np.longdouble)).dtype == np.longdouble
