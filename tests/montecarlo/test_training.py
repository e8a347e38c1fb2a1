"""Training of finite networks: gradients and tangent kernels against finite differences, and the law of the weights."""

import numpy as np
import pytest

import kernelc
from kernelc.errors import InputError
from kernelc.montecarlo import empirical
from kernelc.montecarlo.training import FiniteNetwork
from kernelc.network import loads

SMOOTH = """schema = 1
name = "smooth"
parameterization = "PARAMETERIZATION"
[network]
layers = [
  { dense = { width = 6, W_std = 1.3, b_std = 0.4 } },
  { residual = ["sin", { dense = { width = 6, b_std = 0.2, train = "bias" } }] },
  { sum = [["erf", { dense = { width = 6, weights = "rademacher", W_std = 0.7 } }], [{ dense = { width = 6 } }]] },
  "sin",
  { dense = { width = 2, train = "TRAIN" } },
]
"""
KINDS = [("ntk", "all"), ("standard", "all"), ("ntk", "none"), ("standard", "weights")]


def network(parameterization: str, train: str) -> kernelc.Network:
    return loads(SMOOTH.replace("PARAMETERIZATION", parameterization).replace("TRAIN", train))


def finite(net: kernelc.Network, seed: int = 3, width: int = 7) -> tuple[FiniteNetwork, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return (
        FiniteNetwork(net, 4, width, np.random.SeedSequence(seed)),
        random.standard_normal((5, 4)),
        random.standard_normal((5, 2)),
    )


def descend(found: FiniteNetwork, x: np.ndarray, y: np.ndarray, steps: int, rate: float) -> list[float]:
    return [found.step(x, y, rate) for _ in range(steps)]


def arrays(found: FiniteNetwork) -> list[tuple[np.ndarray, float]]:
    """Every array of numbers behind f, with what a step of its entries counts in the kernel: 0 is frozen."""
    out = []
    for number, node in found.affines.items():
        out += [(found.weights[number].V, node.W_gain / node.n_in), (found.weights[number].c, node.b_gain)]
    return out


def differences(found: FiniteNetwork, of, array: np.ndarray, h: float = 1e-3) -> np.ndarray:
    """∂of/∂array by central differences of order h⁶, the entries of ``array`` last."""
    columns = []
    for index in np.ndindex(array.shape):
        before, total = array[index], 0.0
        for weight, shift in ((3 / 4, 1), (-3 / 20, 2), (1 / 60, 3)):
            for sign in (1, -1):
                array[index] = before + sign * shift * h
                total = total + sign * weight * of()
        array[index] = before
        columns.append(total / h)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize(("parameterization", "train"), KINDS)
def test_the_gradient_is_that_of_the_loss(parameterization: str, train: str) -> None:
    found, x, y = finite(network(parameterization, train))
    loss, slopes = found.gradient(x, y)
    assert loss == pytest.approx(np.sum((found.outputs(x) - y) ** 2) / (2 * len(x)), rel=1e-14)
    for number, node in found.affines.items():
        for name, gain in (("V", node.W_gain), ("c", node.b_gain)):
            if gain:
                array = getattr(found.weights[number], name)
                expected = differences(found, lambda: found.gradient(x, y)[0], array).reshape(array.shape)
                np.testing.assert_allclose(getattr(slopes[number], name), expected, atol=1e-9)


@pytest.mark.parametrize(("parameterization", "train"), KINDS)
def test_the_tangent_kernel_is_that_of_the_jacobian(parameterization: str, train: str) -> None:
    found, x, _ = finite(network(parameterization, train))
    found.step(x, np.ones((5, 2)), 0.1)  # not at initialisation, where another test looks
    total = 0.0
    for array, gain in arrays(found):
        jacobian = differences(found, lambda: found.outputs(x), array)
        total = total + gain * np.einsum("ikp,jkp->ij", jacobian, jacobian) / 2
    np.testing.assert_allclose(found.ntk(x), total, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.ntk(x[:2], x[2:]), found.ntk(x)[:2, 2:], rtol=1e-12)


@pytest.mark.parametrize("spec", ["relu-3", "jacot-4", "relu-frozen-output", "relu-standard", "residual-relu", "mixed"])
def test_at_initialisation_it_is_the_network_of_that_seed(spec: str) -> None:
    x = np.random.default_rng(0).standard_normal((6, 5))
    found = FiniteNetwork(kernelc.load(spec), 5, 33, np.random.SeedSequence(8))
    np.testing.assert_allclose(found.ntk(x), empirical(spec, x, width=33, seed=8), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("parameterization", "train"), KINDS)
def test_a_small_step_follows_the_tangent_kernel(parameterization: str, train: str) -> None:
    """df = −rate/n · Θ (f − y), for one output: then the kernel's mean over outputs is the kernel."""
    text = SMOOTH.replace("width = 2", "width = 1").replace("PARAMETERIZATION", parameterization)
    found, x, _ = finite(loads(text.replace("TRAIN", train)), width=20)
    y, before, rate = np.ones((5, 1)), found.outputs(x), 1e-6
    expected = -found.ntk(x) @ (before - y) / 5
    found.step(x, y, rate)
    np.testing.assert_allclose((found.outputs(x) - before) / rate, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("parameterization", "train"), KINDS)
def test_the_loss_falls_and_what_is_frozen_stays(parameterization: str, train: str) -> None:
    found, x, y = finite(network(parameterization, train), width=40)
    before = [array.copy() for array, _ in arrays(found)]
    losses = descend(found, x, y, steps=60, rate=0.05)
    assert (np.diff(losses) < 0).all()
    assert losses[-1] < 0.5 * losses[0]
    for (array, gain), old in zip(arrays(found), before, strict=True):
        assert np.array_equal(array, old) == (gain == 0)


def test_rademacher_weights_are_signs_until_they_are_trained() -> None:
    found = FiniteNetwork(kernelc.load("relu-frozen-output"), 3, 16, np.random.SeedSequence(0))
    assert set(np.abs(found.weights[2].V * 4).ravel()) == {1.0}


def test_a_rate_that_is_too_high_is_said() -> None:
    found, x, y = finite(kernelc.Network([kernelc.Dense(), kernelc.Activation("relu"), kernelc.Dense(width=2)]))
    with pytest.raises(InputError, match=r"diverged at learning rate 1000; take a smaller one"):
        descend(found, x, y, steps=200, rate=1000.0)
