"""How far training moves the kernel: against gradient descent written out by hand."""

import numpy as np
import pytest

import kernelc
from kernelc.errors import InputError
from kernelc.montecarlo.training import FiniteNetwork
from kernelc.studies import drift as study
from kernelc.studies.drift import drift, history, schedule
from kernelc.studies.inputs import TARGETS, generator, setting
from kernelc.studies.records import Job


def test_the_history_is_that_of_gradient_descent_written_out() -> None:
    """f = 1/√m Σ a_k max(0, w_k·x/√d): W −= rate/n Σ (f_i − y_i) ∂f_i/∂W, and H the Gram matrix of ∂f_i/∂W."""
    n, d, m, rate, when = 6, 4, 30, 2.0, (1, 7, 20)
    at = setting("relu-frozen-output", n, d, 5)
    network = FiniteNetwork(at.net, d, m, np.random.SeedSequence(5, spawn_key=(m, 2)))
    w, a = network.weights[1].V * np.sqrt(d), network.weights[2].V[0] * np.sqrt(m)
    y = generator(5, TARGETS).standard_normal(n)
    x = at.x / np.sqrt(d)

    def jacobian() -> np.ndarray:
        return ((w @ x.T > 0).T * a)[:, :, None] * x[:, None, :] / np.sqrt(m)

    def values() -> np.ndarray:
        return np.maximum(x @ w.T, 0) @ a / np.sqrt(m)

    def kernel() -> np.ndarray:
        return np.einsum("ikp,jkp->ij", jacobian(), jacobian())

    start, rows = kernel(), []
    for step in range(1, when[-1] + 1):
        w = w - rate / n * np.einsum("i,ikp->kp", values() - y, jacobian())
        if step in when:
            change = kernel() - start
            drifts = [np.linalg.norm(change, kind) / np.linalg.norm(start, kind) for kind in ("fro", 2)]
            rows.append([*drifts, np.sum((values() - y) ** 2) / (2 * n)])
    found = history(at, Job(m, 2, 0), when, rate, 5, lambda share: None)
    assert found[-1, 0] > 0.01
    np.testing.assert_allclose(found, rows, rtol=1e-9)


def test_the_drift_falls_with_the_width() -> None:
    found = drift("relu-1", points=5, dimension=5, widths_=(32, 128, 512), networks=20, steps=40)
    assert found.finding.verdict == "holds"
    assert found.law.exponent < -0.45
    assert [len(row) for row in found.frobenius] == [len(found.steps)] * 3
    for row in found.loss:
        assert row[-1].value < 0.5 * row[0].value


def test_a_drift_that_does_not_fall_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = lambda net, d, width, seed: FiniteNetwork(net, d, 16, seed)  # noqa: E731
    monkeypatch.setattr(study, "FiniteNetwork", narrow)
    found = drift("relu-1", points=5, dimension=5, widths_=(32, 128, 512), networks=20, steps=40)
    assert found.finding.verdict == "refuted"


def test_when_to_look() -> None:
    assert schedule(1) == (1,)
    assert schedule(100) == (1, 2, 5, 10, 20, 50, 100)
    assert schedule(120) == (1, 2, 5, 10, 20, 50, 100, 120)


def test_a_kernel_that_cannot_move_is_said() -> None:
    fixed = kernelc.Network([kernelc.Dense(train="none"), kernelc.Activation("relu"), kernelc.Dense()], name="fixed")
    with pytest.raises(InputError, match="fixed: its tangent kernel does not change in training"):
        drift(fixed, points=3, widths_=(8, 16), networks=2, steps=3)


def test_a_rate_that_is_too_high_is_said() -> None:
    with pytest.raises(InputError, match="diverged at learning rate 10000; take a smaller one"):
        drift("relu-3", points=3, widths_=(8, 16), networks=2, rate=1e4)
