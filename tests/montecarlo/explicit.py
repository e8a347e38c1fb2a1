"""A finite network written out: every weight a number, every layer a line of NumPy, gradients by complex steps.

f(θ + ih) = f(θ) + ih f'(θ) + O(h²), so that with h = 1e-30 Im f/h is the derivative to rounding, without a difference.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from kernelc import Activation, Dense, Network, Normalize, Residual, Sum
from kernelc.montecarlo.architecture import Affine, Branches, Node, architecture
from kernelc.montecarlo.weights import Drawn, biases, layer_seeds

STEP = 1e-30


def swirl(z):
    """A Python function: a spec cannot hold it."""
    return z * np.cos(z)


PHI: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: z * (z.real > 0),
    "abs": lambda z: z * np.sign(z.real),
    "tanh": np.tanh,
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "sin": np.sin,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softsign": lambda z: z / (1 + z * np.sign(z.real)),
    "elu": lambda z: np.where(z.real > 0, z, np.exp(z) - 1),
    "hard_tanh": lambda z: np.where(abs(z.real) < 1, z, np.sign(z.real)),
    "sign": lambda z: np.sign(z.real) + 0j,
    "swirl": swirl,
}


@dataclass
class Layer:
    """z = W a + b, W_std and b_std as given; how the square of a gradient in a weight, or in a bias, counts."""

    W: np.ndarray
    b: np.ndarray
    W_std: float
    b_std: float
    W_counts: float
    b_counts: float


class Explicit:
    """The network that ``empirical(net, ..., width, seed)`` samples."""

    def __init__(self, net: Network, d: int, width: int | None, seed: int) -> None:
        self.net, self.normalize = net, isinstance(net.flat[0], Normalize)
        self.shapes, self.seeds = affines(architecture(net, d, width).stages), (np.random.SeedSequence(seed),)
        self.affine: list[Layer] = []
        self.layers, _ = self.written(net.flat[self.normalize :], d)

    def written(self, layers: tuple, n_in: int) -> tuple[list, int]:
        """The layers with numbers for weights, in the order of the data; ``n_in`` is the spec's."""
        found: list = []
        for layer in layers:
            match layer:
                case Dense():
                    found.append(self.drawn(layer.at(self.net.parameters), next(self.shapes), n_in))
                    n_in = layer.width
                case Activation(name=name):
                    found.append(PHI[name])
                case Residual(inner):
                    found.append([[], self.written(inner, n_in)[0]])
                case Sum(branches):
                    ends = [self.written(branch, n_in) for branch in branches]
                    found.append([layers for layers, _ in ends])
                    n_in = ends[0][1]
        return found, n_in

    def drawn(self, layer: Dense, affine: Affine, n_in: int) -> Layer:
        seeds = layer_seeds(self.seeds, affine.number)
        W = np.concatenate([block for _, _, block in Drawn(affine, seeds).blocks()])
        b = biases(W, affine, seeds)[0, 0]
        assert (W.shape, b.shape) == ((affine.n_out, affine.n_in), (affine.n_out,))
        W_std, b_std = float(layer.W_std), float(layer.b_std)
        scale = W_std / np.sqrt(affine.n_in)
        if self.net.parameterization == "standard":  # weights are parameters themselves; as if as wide as in the spec
            W_counts, b_counts = n_in / affine.n_in, 1.0
        else:  # the parameters are standard normal
            W_counts, b_counts = scale**2, b_std**2
        weights, bias = layer.train in ("all", "weights"), layer.train in ("all", "bias")
        self.affine.append(Layer(scale * W + 0j, b_std * b + 0j, W_std, b_std, W_counts * weights, b_counts * bias))
        return self.affine[-1]

    def inputs(self, x: np.ndarray) -> np.ndarray:
        return (np.sqrt(x.shape[1]) * x / np.sqrt((x * x).sum(axis=1, keepdims=True)) if self.normalize else x) + 0j

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """(n, n_out) of points (n, d)."""
        return chain(self.layers, self.inputs(x))

    def gradients(self, x: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
        """For every parameter the gradient (n, n_out) of the outputs in it, and how its square counts."""
        for layer in self.affine:
            for values, counts in ((layer.W, layer.W_counts), (layer.b, layer.b_counts)):
                for place in np.ndindex(values.shape) if counts else ():
                    values[place] += 1j * STEP
                    yield self.outputs(x).imag / STEP, counts
                    values[place] -= 1j * STEP

    def ntk(self, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
        """Σ_θ ∂f/∂θ(x) ∂f/∂θ(x'), the mean over outputs."""
        n = len(x1)
        total = np.zeros((n, len(x2)))
        for gradient, counts in self.gradients(np.concatenate([x1, x2])):
            total += counts * (gradient[:n] @ gradient[n:].T) / gradient.shape[1]
        return total

    def nngp(self, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
        """The covariance of the outputs over the last weights, or the mean over units if these are not the last."""
        return covariance(self.layers, self.inputs(np.concatenate([x1, x2])))[: len(x1), len(x1) :]


def chain(layers: list, z: np.ndarray) -> np.ndarray:
    for layer in layers:
        match layer:
            case Layer():
                z = z @ layer.W.T + layer.b
            case list():
                z = sum(chain(branch, z) for branch in layer)
            case _:
                z = layer(z)
    return z


def covariance(layers: list, z: np.ndarray) -> np.ndarray:
    *head, last = layers
    a = chain(head, z).real
    if isinstance(last, Layer):
        return last.W_std**2 * (a @ a.T) / a.shape[1] + last.b_std**2
    if ends_in_weights(layers):
        return sum(covariance(branch, a + 0j) for branch in last)
    out = chain([last], a + 0j).real
    return out @ out.T / out.shape[1]


def ends_in_weights(layers: list) -> bool:
    last = layers[-1] if layers else None
    return isinstance(last, Layer) or (isinstance(last, list) and all(map(ends_in_weights, last)))


def affines(nodes: tuple) -> Iterator[Affine]:
    """The affine layers of an architecture in the order of the data."""
    node: Node | tuple
    for node in nodes:
        match node:
            case Affine():
                yield node
            case Branches(branches):
                yield from affines(branches)
            case tuple():
                yield from affines(node)
