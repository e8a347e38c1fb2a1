"""Figure 1 of Jacot et al.: the limit against the paper's recursion, and what training does to finite networks."""

import numpy as np

from kernelc.studies.jacot import jacot

BETA = 0.1


def recursion(gamma: np.ndarray) -> np.ndarray:
    """Θ^(4)_∞(x0, x) on the unit circle: theorem 1 of the paper, with ReLU's means by Cho and Saul (2009)."""
    sigma, own = np.cos(gamma) / 2 + BETA**2, 1 / 2 + BETA**2  # 1/n_0 with n_0 = 2
    theta = sigma
    for _ in range(3):
        angle = np.arccos(np.clip(sigma / own, -1, 1))
        slope = (np.pi - angle) / (2 * np.pi)
        sigma = own * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi) + BETA**2
        own = own / 2 + BETA**2
        theta = theta * slope + sigma
    return theta


def test_limit_and_curves() -> None:
    found = jacot(points=16, widths_=(50, 400), networks=12, steps=60)
    np.testing.assert_allclose(found.limit, recursion(np.array(found.gamma)), rtol=1e-7)
    assert (found.gamma[0], found.gamma[-1], found.gamma[50]) == (-np.pi, np.pi, 0)
    assert found.finding.verdict == "holds"
    for row in found.widths:
        assert np.shape(row.before) == np.shape(row.after) == (12, 101)
        assert row.loss[1].value < 0.2 * row.loss[0].value
    wide = np.array(found.widths[1].before)
    error = wide.std(axis=0, ddof=1) / np.sqrt(12)
    assert (np.abs(wide.mean(axis=0) - found.limit) < 5 * error + 0.02).all()
    np.testing.assert_allclose(wide[:, 0], wide[:, -1], rtol=1e-10)  # γ = −π and π are one point


def test_hardly_any_training_is_undecided_or_moves_hardly_anything() -> None:
    found = jacot(points=4, widths_=(40, 60), networks=3, steps=1, rate=1e-9)
    assert all(row.change.value < 1e-6 for row in found.widths)
    assert found.finding.verdict != "holds"
