"""The test of finite networks: Hotelling's T² where there is nothing else, and milder where there is."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from kernelc.checking import statistics
from kernelc.checking.report import KernelResult
from kernelc.checking.statistics import ROUNDING, coefficients, compare

WIDTHS = (128, 256)


def gaussian(seed, networks, entries, mean=0.0):
    """Samples of correlated normal entries, whose covariance is the same for every seed."""
    root = np.random.default_rng(99).standard_normal((entries, entries))
    return mean + np.random.default_rng(seed).standard_normal((networks, entries)) @ root


def judged(samples, expected, **options):
    """The agreement of samples of one width, which need no extrapolation."""
    return compare([samples], [1], expected, np.ones(samples.shape[1]), **options)


def two_widths(seed, networks, limit, slope=0.0, curvature=0.0, noise=0.1):
    """Samples at two widths whose means are K (1 + slope/m + curvature/m²)."""
    random = np.random.default_rng(seed)
    return [
        limit * (1 + slope / m + curvature / m**2) + noise * random.standard_normal((networks, len(limit)))
        for m in WIDTHS
    ]


# --- extrapolation


@pytest.mark.parametrize("widths", [(128,), (128, 256), (32, 64, 128), (10, 20, 50, 100)])
def test_polynomials_in_one_over_width_are_extrapolated_exactly(widths):
    random = np.random.default_rng(0)
    polynomial = random.standard_normal(len(widths))
    values = [np.polynomial.polynomial.polyval(1 / m, polynomial) for m in widths]
    assert coefficients(widths) @ values == pytest.approx(polynomial[0], rel=1e-10)


@pytest.mark.parametrize("widths", [(128,), (128, 256), (32, 64, 128)])
def test_coefficients_sum_to_one(widths):
    assert coefficients(widths).sum() == pytest.approx(1, rel=1e-14)


# --- the p-value of a right kernel


def test_p_values_are_uniform_for_a_right_kernel():
    p_values = [judged(gaussian(seed, 100, 6), np.zeros(6)).p_value for seed in range(1000)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_p_values_are_uniform_for_random_combinations_of_many_entries():
    p_values = [judged(gaussian(seed, 60, 40), np.zeros(40)).p_value for seed in range(1000)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_p_value_is_hotellings():
    samples = gaussian(3, 50, 4)
    expected = np.array([0.3, -0.2, 0.1, 0.0])
    deviation = samples.mean(axis=0) - expected
    squared = 50 * deviation @ np.linalg.solve(np.cov(samples, rowvar=False), deviation)
    assert judged(samples, expected).p_value == pytest.approx(stats.f.sf(squared * 46 / (4 * 49), 4, 46), rel=1e-6)


def test_one_entry_is_students():
    samples = gaussian(4, 30, 1)
    truth = stats.ttest_1samp(samples[:, 0], 0.1).pvalue
    assert judged(samples, np.array([0.1])).p_value == pytest.approx(truth, rel=1e-4)


def test_what_extrapolation_leaves_over_is_forgiven():
    limit = np.array([1.0, 2.0, 0.5])
    samples = two_widths(0, 40_000, limit, slope=40.0, curvature=800.0, noise=0.02)  # K e^{40/m}, to second order
    assert compare(samples, WIDTHS, limit, limit).p_value > 0.01


def test_two_widths_reject_a_right_kernel_at_most_as_often_as_stated():
    limit = np.array([1.0, 2.0, 0.5])
    found = [compare(two_widths(seed, 100, limit, slope=5.0), WIDTHS, limit, limit).p_value for seed in range(1000)]
    rejected = int((np.array(found) < 0.01).sum())
    assert stats.binomtest(rejected, 1000, 0.01, alternative="greater").pvalue > 0.001


def test_leftover_makes_the_test_milder_only(monkeypatch):
    limit = np.array([1.0, 2.0, 0.5])
    cases = [two_widths(seed, 100, limit, slope=30.0) for seed in range(50)]
    mild = [compare(case, WIDTHS, 1.05 * limit, limit).p_value for case in cases]
    monkeypatch.setattr(statistics, "_left_over", lambda samples, widths, scale: np.zeros(len(scale)))
    strict = [compare(case, WIDTHS, 1.05 * limit, limit).p_value for case in cases]
    assert all(a >= b * (1 - 1e-9) for a, b in zip(mild, strict, strict=True))
    assert any(a > 2 * b for a, b in zip(mild, strict, strict=True))


# --- the p-value of a wrong one


def test_a_wrong_mean_is_found():
    samples = gaussian(5, 2000, 6, mean=1.0)
    assert judged(samples, np.ones(6)).p_value > 0.01
    assert judged(samples, np.full(6, 0.7)).p_value < 1e-6


def test_one_wrong_entry_among_thirty_is_found():
    samples = np.random.default_rng(6).standard_normal((2000, 30))
    expected = np.zeros(30)
    expected[17] = 0.3
    found = judged(samples, expected)
    assert found.p_value < 1e-6
    assert np.argmax(np.abs(found.z)) == 17


# --- what does not vary


def test_a_singular_covariance_judges_what_is_independent():
    samples = gaussian(7, 80, 4)
    mixing = np.vstack([np.eye(4), np.random.default_rng(1).standard_normal((3, 4))]).T
    expected = np.array([0.2, 0.0, -0.1, 0.1])
    alone = judged(samples, expected).p_value
    assert judged(samples @ mixing, expected @ mixing).p_value == pytest.approx(alone, rel=1e-3)


def test_deterministic_entries_must_be_right_to_rounding():
    samples = np.ones((50, 3))
    assert judged(samples, np.ones(3)).p_value == 1
    assert judged(samples, np.array([1, 1 + ROUNDING, 1])).p_value == 1
    assert judged(samples, np.array([1, 1 + 100 * ROUNDING, 1])).p_value == 0


def test_a_deterministic_entry_beside_random_ones():
    samples = np.hstack([gaussian(8, 100, 3), np.ones((100, 1))])
    right, wrong = np.array([0, 0, 0, 1.0]), np.array([0, 0, 0, 1.01])
    alone = judged(samples[:, :3], right[:3]).p_value
    assert judged(samples, right).p_value == pytest.approx(alone, rel=1e-3)
    assert judged(samples, wrong).p_value == 0


def test_grain_is_the_least_error():
    samples = np.ones((50, 2))
    assert judged(samples, np.array([1, 1.005]), grain=1e-3).p_value == 1
    assert judged(samples, np.array([1, 1.005]), grain=1e-4).p_value == 0
    assert judged(samples, np.array([1, 1.005]), grain=1e-3).z == pytest.approx([0, 5])


@pytest.mark.parametrize("unit", [1e-200, 1e-3, 1e3, 1e150])
def test_units_do_not_matter(unit):
    samples, expected = gaussian(9, 60, 3, mean=5.0), np.array([5.1, 5.0, 4.9])
    here = compare([samples], [1], expected, np.full(3, 5.0))
    there = compare([unit * samples], [1], unit * expected, np.full(3, unit * 5.0))
    assert there.p_value == pytest.approx(here.p_value, rel=1e-6)
    assert there.error / unit == pytest.approx(here.error, rel=1e-10)
    assert there.ratio == pytest.approx(here.ratio, rel=1e-6)


def test_zeros_agree_with_zeros():
    found = judged(np.zeros((20, 3)), np.zeros(3))
    assert found.p_value == 1
    assert math.isnan(found.ratio)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_no_number_is_rejected_and_reported(value):
    samples = gaussian(10, 50, 3)
    found = judged(samples, np.array([0, value, 0]))
    assert found.p_value == 0
    matrix = np.array([[0, value], [value, 0]])
    result = KernelResult("ntk", found.p_value, found.ratio, found.ratio_error, (0, 1), matrix, matrix, matrix, matrix)
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert json.loads(text)["kernel"][0][1] == (value if np.isfinite(value) else None)
    assert json.loads(text)["ratio"] is None


# --- the factor


def test_the_factor_by_which_a_kernel_is_too_large():
    mean = np.array([1.0, 2.0, -0.5, 3.0])
    samples = mean + 0.3 * np.random.default_rng(11).standard_normal((5000, 4))
    found = judged(samples, 1.07 * mean)
    assert abs(found.ratio - 1.07) < 4 * found.ratio_error
    assert found.ratio_error < 0.01


def test_errors_are_those_of_the_mean():
    samples = gaussian(12, 400, 3, mean=2.0)
    found = judged(samples, np.full(3, 2.0))
    assert found.mean == pytest.approx(samples.mean(axis=0))
    assert found.error == pytest.approx(samples.std(axis=0, ddof=1) / 20)
    assert found.z == pytest.approx((2.0 - found.mean) / found.error)
