"""One finite network with its weights in memory, trained by gradient descent on squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernelc.errors import InputError
from kernelc.montecarlo.architecture import Affine, Architecture, Branches, Node, architecture
from kernelc.montecarlo.passes import Layer, Walk
from kernelc.montecarlo.weights import BLOCK, Drawn, biases, layer_seeds
from kernelc.network import Network

Array = np.ndarray
DIVERGED = 1e20  # a loss beyond all reason, from which the next step does not yet overflow


@dataclass(frozen=True)
class StoredLayer:
    """An affine layer z = V a + c: V = W_std/√n_in · W (n_out, n_in) and c = b_std · b (n_out,), changed in place."""

    V: Array
    c: Array

    def forward(self, a: Array) -> Array:
        """z of every point: (1, n, n_in) → (1, n, n_out)."""
        z: Array = a @ self.V.T
        z += self.c
        return z

    def backward(self, delta: Array) -> Array:
        """Vᵀδ: (1, k, n_out) → (1, k, n_in)."""
        back: Array = delta @ self.V
        return back


@dataclass(frozen=True)
class Gradient:
    """The gradient of one affine layer: ∂L/∂V = δᵀa as its factors ``delta`` (n, n_out) and ``a`` (n, n_in)."""

    delta: Array
    a: Array

    @property
    def V(self) -> Array:
        """∂L/∂V (n_out, n_in)."""
        product: Array = self.delta.T @ self.a
        return product

    @property
    def c(self) -> Array:
        """∂L/∂c (n_out,)."""
        total: Array = self.delta.sum(axis=0)
        return total


class FiniteNetwork:
    """A network of ``net``'s architecture on inputs of length ``d``, every layer that feeds another ``width`` wide.

    ``seed`` makes the same network as it does for :func:`kernelc.montecarlo.empirical`.
    The loss is L = 1/(2n) Σ_i |f(x_i) − y_i|². Gradient descent moves the entries of W and b, of variance one, under
    the parameterization "ntk", and V and c under "standard", there with V's rate times n_in(spec)/n_in, as its NTK is
    counted. So with one output f follows df/dt = −1/n Θ_t (f − y) while steps are small, Θ_t that of :meth:`ntk`.
    Frozen parameters stay.
    Memory: 8 bytes for each weight.
    """

    def __init__(self, net: Network, d: int, width: int | None, seed: np.random.SeedSequence) -> None:
        self.architecture = architecture(net, d, width)
        self.affines = {node.number: node for node in affines(self.nodes)}
        self.weights = {number: _drawn(node, seed) for number, node in self.affines.items()}

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of all stages."""
        return tuple(node for stage in self.architecture.stages for node in stage)

    def outputs(self, x: Array) -> Array:
        """f(x) of the points x (n, d), of shape (n, n_out)."""
        walk = _Descent(self._layer, slice(None), slice(None))
        signal, _ = walk.chain(self.nodes, walk.start(self.architecture, x, 1))
        values: Array = signal.values[0]
        return values

    def loss(self, x: Array, y: Array) -> float:
        """L at the points x (n, d) with targets y (n, n_out)."""
        return float(np.sum((self.outputs(x) - y) ** 2) / (2 * len(x)))

    def gradient(self, x: Array, y: Array) -> tuple[float, dict[int, Gradient]]:
        """The loss at the points x (n, d) with targets y (n, n_out), and its gradient in every trained layer."""
        walk = _Descent(self._layer, slice(None), slice(None))
        signal, back = walk.chain(self.nodes, walk.start(self.architecture, x, 1))
        residual = signal.values[0] - y
        back(residual[None, :, None, :] / len(x))
        return float(np.sum(residual**2) / (2 * len(x))), walk.slopes

    def step(self, x: Array, y: Array, rate: float) -> float:
        """One step of gradient descent; the loss before it. Raises InputError if that has diverged."""
        loss, slopes = self.gradient(x, y)
        if not loss < DIVERGED:
            raise InputError(f"training diverged at learning rate {rate:g}; take a smaller one")
        for number, slope in slopes.items():
            self._move(self.affines[number], self.weights[number], slope, rate)
        return loss

    def ntk(self, x1: Array, x2: Array | None = None) -> Array:
        """The tangent kernel at the present weights (n, m), the mean over outputs."""
        x = x1 if x2 is None else np.concatenate([x1, x2])
        walk = Walk(self._layer, slice(0, len(x1)), slice(0 if x2 is None else len(x1), len(x)))
        signal, back = walk.chain(self.nodes, walk.start(self.architecture, x, 1))
        n_out = signal.values.shape[2]
        walk.ntk = np.zeros((1, len(x1), len(x1 if x2 is None else x2)))
        back(np.broadcast_to(np.eye(n_out) / np.sqrt(n_out), (1, len(x), n_out, n_out)))
        found: Array = walk.ntk[0]
        return found

    def _layer(self, node: Affine) -> StoredLayer:
        return self.weights[node.number]

    @staticmethod
    def _move(node: Affine, weights: StoredLayer, slope: Gradient, rate: float) -> None:
        """The update, row block by row block; gains turn steps of V and c into those of the parameters behind them."""
        if node.W_gain:
            delta = (-rate * node.W_gain / node.n_in) * slope.delta.T
            size = max(1, BLOCK // node.n_in)
            for start in range(0, node.n_out, size):
                weights.V[start : start + size] += delta[start : start + size] @ slope.a
        if node.b_gain:
            np.add(weights.c, -rate * node.b_gain * slope.c, out=weights.c)


def affines(nodes: tuple[Node, ...]) -> tuple[Affine, ...]:
    """All affine layers among nodes and their branches."""
    found: list[Affine] = []
    for node in nodes:
        if isinstance(node, Affine):
            found.append(node)
        elif isinstance(node, Branches):
            found += [inner for branch in node.branches for inner in affines(branch)]
    return tuple(found)


def size(net: Architecture) -> int:
    """How many weights a network has."""
    return sum(node.n_in * node.n_out + node.n_out for node in affines(tuple(n for s in net.stages for n in s)))


class _Descent(Walk):
    """A walk whose way back collects a gradient, and no kernel."""

    def __init__(self, layer: Callable[[Affine], Layer], left: slice, right: slice) -> None:
        super().__init__(layer, left, right)
        self.slopes: dict[int, Gradient] = {}

    def share(self, node: Affine, a: Array, delta: Array) -> None:
        if node.W_gain or node.b_gain:
            self.slopes[node.number] = Gradient(delta[0, :, 0], a[0])


def _drawn(node: Affine, seed: np.random.SeedSequence) -> StoredLayer:
    seeds = layer_seeds((seed,), node.number)
    V = np.empty((node.n_out, node.n_in))
    for _, rows, block in Drawn(node, seeds).blocks():
        np.multiply(block, node.W_std / np.sqrt(node.n_in), out=V[rows])
    c = node.b_std * biases(V, node, seeds)[0, 0] if node.b_std else np.zeros(node.n_out)
    return StoredLayer(V, c)
