"""How fast H(0) nears H*: the distances against networks written out by hand, and both verdicts."""

import numpy as np
import pytest

import kernelc
from kernelc.errors import InputError
from kernelc.studies import inputs
from kernelc.studies.lemma2 import lecture
from kernelc.studies.rate import distances, rate

MS = (16, 32, 64, 128, 256)


def by_hand(x: np.ndarray, m: int, networks: int, random: np.random.Generator) -> np.ndarray:
    """‖H(0) − H*‖₂ of the lecture's networks, H* from its formula; x (n, d) on the unit sphere."""
    on = (random.standard_normal((networks, m, x.shape[1])) @ x.T > 0).astype(float)
    h = x @ x.T * (on.swapaxes(1, 2) @ on) / m
    cosine = np.clip(x @ x.T, -1, 1)
    return np.linalg.norm(h - cosine * (np.pi - np.arccos(cosine)) / (2 * np.pi), 2, axis=(1, 2))


def test_distances_have_the_law_of_networks_written_out() -> None:
    at = lecture(6, 4, 0)
    for m, found in zip((8, 200), distances(at, (8, 200), 500, 0), strict=True):
        expected = by_hand(at.x / 2, m, 500, np.random.default_rng(m))
        error = np.hypot(found.std(), expected.std()) / np.sqrt(500)
        assert abs(found.mean() - expected.mean()) < 4 * error
        assert found.std() == pytest.approx(expected.std(), rel=0.2)


def test_the_rate_is_seen() -> None:
    found = rate("relu-1", points=5, dimension=4, widths_=MS, networks=200)
    assert found.finding.verdict == "holds"
    assert found.law.error < 0.03
    assert found.means[-1].value < found.limit_norm
    assert np.shape(found.norms) == (len(MS), 200)


def test_a_wrong_limit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def ntk(self, x: np.ndarray) -> np.ndarray:
            matrix: np.ndarray = 1.2 * kernelc.compile("relu-1").ntk(x)
            return matrix

    monkeypatch.setattr(inputs, "compile", lambda _: Wrong())
    assert rate("relu-1", points=5, dimension=4, widths_=MS, networks=200).finding.verdict == "refuted"


def test_few_networks_leave_it_undecided() -> None:
    assert rate("relu-1", points=3, widths_=(16, 24), networks=5).finding.verdict == "undecided"


def test_a_kernel_that_does_not_vary_has_no_rate() -> None:
    linear = kernelc.Network([kernelc.Dense()], name="linear")
    with pytest.raises(InputError, match=r"linear: H\(0\) is H\* at every width, so there is no rate"):
        rate(linear, widths_=(8, 16), networks=3)
