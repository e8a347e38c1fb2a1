"""The verdict of finite networks on a kernel: extrapolation to infinite width, and Hotelling's T² over all entries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

Array = np.ndarray

ROUNDING = 1e-5  # relative: what float32 kernels promise; combinations of entries that vary less are not random
FITS = 1e-3  # p-value from which on one factor explains a difference
PER_DIRECTION = 6  # networks for each degree of freedom of the test, at least


@dataclass(frozen=True)
class Agreement:
    """A kernel's entries against finite networks.

    ``mean`` and ``error`` (p,) are the entries at infinite width by extrapolation and their standard errors, ``z`` the
    deviations of the kernel in those errors; ``p_value`` is that of one test over all of them. ``ratio`` ±
    ``ratio_error`` is the factor by which the kernel exceeds the networks; NaN where no one factor says it.
    """

    mean: Array
    error: Array
    z: Array
    p_value: float
    ratio: float
    ratio_error: float


def coefficients(widths: Sequence[int]) -> Array:
    """How to combine the means at each width into that at 1/width = 0: the polynomial in 1/width through them, there.

    >>> coefficients((128, 256))
    array([-1.,  2.])
    """
    u = 1 / np.array(widths, dtype=float)
    return np.array([np.prod([v / (v - w) for j, v in enumerate(u) if j != i]) for i, w in enumerate(u)])


def compare(
    samples: Sequence[Array], widths: Sequence[int], expected: Array, scale: Array, grain: float = ROUNDING
) -> Agreement:
    """Test ``expected`` (p,) against ``samples``, an array (networks, p) for each width.

    The networks of different widths are independent, and number r of each make one extrapolated sample y_r. With
    their mean ȳ and covariance S, T² = R (ȳ − μ)ᵀ S⁻¹ (ȳ − μ) has Hotelling's distribution where μ is right: F with
    (p, R − p) degrees of freedom times p (R − 1)/(R − p) (Anderson 2003, § 5.2). ``scale`` (p,) is what the entries'
    errors are relative to, √(K_ii K_jj). Two things are added to S/R: ``grain``, the least error in these units (of
    rounding, or of a unit that was not met), which bounds what is not random from below, and what extrapolation leaves
    over, guessed from the change between widths; both only make the test milder.
    """
    y = sum(weight * values for weight, values in zip(coefficients(widths), samples, strict=True))
    assert isinstance(y, np.ndarray)
    scale = np.where(scale > 0, scale, 1.0)
    R, p = y.shape
    values, left_over = y / scale, _left_over(samples, widths, scale)
    mean, error = y.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(R)
    deviation = expected - mean
    relative = deviation / scale
    z = relative / np.maximum(error, grain)
    if p > R // PER_DIRECTION:  # too many entries for so few networks: as many random combinations of them
        project = np.random.default_rng(0).standard_normal((p, R // PER_DIRECTION)) / np.sqrt(p)
        relative, values, left_over = relative @ project, values @ project, left_over @ project
    covariance = np.atleast_2d(np.cov(values, rowvar=False)) / R
    truth = expected / scale if len(relative) == p else (expected / scale) @ project
    p_value = _p_value(relative, covariance, left_over, R, grain)
    ratio, ratio_error = _ratio(relative, truth, covariance, grain)
    if (
        math.isfinite(ratio)
        and ratio
        and _p_value(truth / ratio - truth + relative, covariance, left_over, R, grain) < FITS
    ):
        ratio = ratio_error = math.nan  # the error is of another shape: a factor would mislead
    return Agreement(mean, error * scale, z, p_value, ratio, ratio_error)


def _left_over(samples: Sequence[Array], widths: Sequence[int], scale: Array) -> Array:
    """The next term of the expansion in 1/width, which extrapolation does not remove, in units of ``scale``.

    The means are taken for K e^{b/width}: of its expansion, b comes from the first and the last width.
    """
    if len(widths) < 2:
        return np.zeros(len(scale))
    u = 1 / np.array(widths, dtype=float)
    slope = (samples[0].mean(axis=0) - samples[-1].mean(axis=0)) / scale / (u[0] - u[-1])
    k = len(widths)
    left_over: Array = np.abs(slope) ** k * np.prod(u) / math.factorial(k)
    return left_over


def _p_value(deviation: Array, covariance: Array, left_over: Array, R: int, grain: float) -> float:
    """The p-value of T²; directions that do not vary beyond the grain count where they deviate beyond it."""
    if not np.abs(deviation).max() < 1e100:  # no number, or one whose square overflows
        return 0.0
    variances, axes = np.linalg.eigh(covariance)
    random = variances > grain**2
    k = int(random.sum())
    d, c = axes.T @ deviation, axes.T @ left_over
    fixed = np.abs(d[~random]) / grain
    if fixed.size and fixed.max() > 10:
        return 0.0
    if k == 0:
        return 1.0
    d, c, v = d[random], c[random], variances[random] + grain**2
    squared = float(np.sum(d * d / v) - np.sum(d * c / v) ** 2 / (1 + np.sum(c * c / v)))
    return float(stats.f.sf(squared * (R - k) / (k * (R - 1)), k, R - k))


def _ratio(deviation: Array, expected: Array, covariance: Array, grain: float) -> tuple[float, float]:
    """1/r of mean = r · expected, r by generalized least squares, and its standard error; NaN if that says nothing."""
    if not np.abs(deviation).max() < 1e100 or not expected.any():
        return math.nan, math.nan
    weights = np.linalg.solve(covariance + grain**2 * np.eye(len(expected)), expected)
    information, product = float(weights @ expected), float(weights @ (expected - deviation))
    ratio = information / product if product else math.inf
    return ratio, ratio * ratio / math.sqrt(information)
