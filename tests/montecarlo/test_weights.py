"""Weights that are drawn only as far as points see them have the law of weights that are drawn in full."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from kernelc import Activation, Dense, Network, Residual
from kernelc.montecarlo import weights
from kernelc.montecarlo.architecture import Affine, architecture
from kernelc.montecarlo.passes import run
from kernelc.montecarlo.weights import Drawn, Revealed, biases, generator, layer_seeds

Z = Dense(1.2, 0.3)
TANH, RELU = Activation("tanh"), Activation("relu")
POINTS = {  # rows that span less than they are, or more than a layer is wide
    "general": np.random.default_rng(0).standard_normal((3, 4)),
    "duplicates": np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.5, 0.0, -1.0]]),
    "collinear": np.array([[1.0, 2.0], [-2.0, -4.0], [3.0, 6.0]]),
    "with a zero row": np.array([[0.0, 0.0], [1.0, -1.0], [0.0, 0.0]]),
    "more than the width": np.random.default_rng(1).standard_normal((6, 2)),
    "one": np.array([[0.7, -0.2]]),
}


def affine(n_in: int, n_out: int, signs: bool = False, number: int = 1) -> Affine:
    return Affine(number, n_in, n_out, 1.0, 0.0, 1.0, 0.0, signs)


def seeds(count: int, start: int = 0) -> tuple[np.random.SeedSequence, ...]:
    return tuple(np.random.SeedSequence(start, spawn_key=(r,)) for r in range(count))


@st.composite
def passes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (R, n, n_in) and gradients (R, k, n_out): any numbers of rows, some of them the same, some zero."""
    R, n, k, n_in, n_out = (draw(st.integers(1, most)) for most in (3, 6, 6, 5, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    a, delta = random.standard_normal((R, n, n_in)), random.standard_normal((R, k, n_out))
    for rows in (a, delta):
        rows[:, -1] = draw(st.sampled_from([0, 1, -2])) * rows[:, 0]
    return a, delta


@settings(max_examples=80, derandomize=True, database=None)
@given(passes(), st.sampled_from([(Drawn, False), (Drawn, True), (Revealed, False)]))
def test_the_way_back_is_the_adjoint_of_the_way_forward(
    case: tuple[np.ndarray, np.ndarray], kind: tuple[type, bool]
) -> None:
    """(W a)·δ = a·(Wᵀδ) for every point, gradient and network."""
    a, delta = case
    W = kind[0](affine(a.shape[2], delta.shape[2], kind[1]), seeds(len(a)))
    z = W.forward(a)
    assert z.shape == (*a.shape[:2], delta.shape[2])
    left, right = z @ delta.swapaxes(1, 2), a @ W.backward(delta).swapaxes(1, 2)
    assert np.abs(left - right).max() <= 1e-13 * max(1, np.abs(left).max())


@pytest.mark.parametrize("signs", [False, True])
def test_drawn_is_one_matrix(signs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = affine(7, 9, signs), np.eye(7)[None]
    monkeypatch.setattr(weights, "BLOCK", 16)  # two rows at a time
    W = Drawn(layer, seeds(1))
    matrix = np.concatenate([block for _, _, block in W.blocks()])
    assert matrix.shape == (9, 7)
    assert len(list(W.blocks())) == 5
    assert np.array_equal(W.forward(x)[0].T, matrix)
    assert np.allclose(W.backward(np.eye(9)[None])[0], matrix, rtol=0, atol=1e-15)
    if signs:
        assert set(np.unique(matrix)) == {-1.0, 1.0}


@pytest.mark.parametrize("kind", [Drawn, Revealed])
@pytest.mark.parametrize("signs", [False, True])
def test_a_network_of_a_batch_is_the_network_alone(kind: type, signs: bool) -> None:
    a, delta = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    together = kind(affine(5, 5, signs), seeds(3))
    z, back = together.forward(a), together.backward(delta)
    for r in range(3):
        alone = kind(affine(5, 5, signs), seeds(3)[r : r + 1])
        assert np.array_equal(alone.forward(a[r : r + 1])[0], z[r])
        assert np.array_equal(alone.backward(delta[r : r + 1])[0], back[r])
    assert not np.array_equal(z[0], z[1])


def test_layers_networks_and_streams_have_numbers_of_their_own() -> None:
    (seed,) = seeds(1)
    first = {
        generator(layer, stream).standard_normal()
        for number in (1, 2, 12)
        for layer in layer_seeds(seeds(3), number)
        for stream in (0, 1, 2)
    }
    assert len(first) == 27
    assert generator(seed, 1).standard_normal() == generator(seed, 1).standard_normal()
    assert biases(np.ones(1), affine(3, 4), seeds(2)).shape == (2, 1, 4)


def statistics(kind: type, a: np.ndarray, signs: bool = False) -> dict[str, np.ndarray]:
    """Numbers of many networks that mix the way forward with the way back; δ depends on W a, as in a network."""
    R = 4000
    W = kind(affine(a.shape[1], 3, signs), seeds(R, start=1 if kind is Drawn else 2))
    z = W.forward(np.broadcast_to(a, (R, *a.shape)))
    delta = np.tanh(z) + np.arange(3)
    back = W.backward(delta)
    return {
        "a unit": z[:, 0, 0],
        "the last point": z[:, -1, 1] ** 2,
        "a product": z[:, 0, 0] * z[:, -1, 0],
        "a gradient": back[:, 0, 0],
        "its length": (back[:, -1] ** 2).sum(axis=1),
        "two gradients": (back[:, 0] * back[:, -1]).sum(axis=1),
        "forward and back": z[:, 0, 0] * back[:, 0, -1],
        "the adjoint": (back * a).sum(axis=(1, 2)),
    }


@pytest.mark.parametrize("name", POINTS)
def test_revealed_has_the_law_of_drawn(name: str) -> None:
    """Kolmogorov and Smirnov's test of 4000 networks each; a right law fails at 1e-3/48 once in a thousand runs."""
    drawn, revealed = (statistics(kind, POINTS[name]) for kind in (Drawn, Revealed))
    for quantity, values in drawn.items():
        assert ks_2samp(values, revealed[quantity]).pvalue > 1e-3 / 48, quantity


def test_that_test_tells_signs_from_normal_numbers() -> None:
    signs, normal = statistics(Drawn, POINTS["one"], signs=True), statistics(Revealed, POINTS["one"])
    assert min(ks_2samp(values, normal[quantity]).pvalue for quantity, values in signs.items()) < 1e-10


def slow(*values: str) -> list:
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


NETWORKS = {
    "narrow": [Z, TANH, Z, RELU, Z],
    "residual": [Z, Residual([RELU, Z, TANH, Z]), TANH, Z],
    "ends in an activation": [Z, RELU, Z, TANH],
    "frozen": [replace(Z, train="none"), TANH, replace(Z, train="weights"), RELU, replace(Z, train="bias")],
}


@pytest.mark.parametrize("points", ["duplicates", "more than the width", *slow("general", "with a zero row")])
@pytest.mark.parametrize("name", ["narrow", "residual", *slow("ends in an activation", "frozen")])
def test_kernels_have_the_law_of_networks_drawn_in_full(name: str, points: str) -> None:
    """Means and second moments of every entry of every kernel, at width 3: 4.5 combined errors of 2000 networks each.

    About 1500 quantities in all, most of them dependent: a right law fails for one choice of seeds in a hundred.
    """
    x = POINTS[points]
    net = architecture(Network(NETWORKS[name]), x.shape[1], 3)
    samples = []
    for whole in (False, True):
        found = run(net, x, None, seeds(2000, start=10 + whole), ntk=True, whole=whole, trace=False)
        matrices = np.concatenate([*found.covariances, found.ntk], axis=1).reshape(2000, -1)
        samples.append(np.concatenate([matrices, matrices**2, matrices * matrices[:, -1:]], axis=1))
    difference = samples[0].mean(axis=0) - samples[1].mean(axis=0)
    error = np.sqrt((samples[0].var(axis=0) + samples[1].var(axis=0)) / 2000)
    assert (np.abs(difference) <= 4.5 * error + 1e-12).all()


def test_a_random_combination_of_outputs_has_the_mean_of_the_trace() -> None:
    """The same networks with a trace and with random signs of outputs: 4 errors of 3000 networks."""
    net = architecture(Network([Z, RELU, replace(Z, width=4)]), 2, 5)
    both = [
        run(net, POINTS["collinear"], None, seeds(3000), ntk=True, whole=True, trace=trace).ntk
        for trace in (True, False)
    ]
    difference = both[0] - both[1]
    assert np.abs(difference).max() > 0.1
    error = difference.std(axis=0) / np.sqrt(3000)
    assert (np.abs(difference.mean(axis=0)) <= 4 * error).all()
