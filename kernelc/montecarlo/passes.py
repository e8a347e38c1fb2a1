"""One pass forward and one back through a batch of finite networks, and the kernels that they show.

For z = W a the gradient of an output in W is δ aᵀ, so the tangent kernel is the sum over layers of (a·a')(δ·δ'), entry
by entry: Gram products, never a Jacobian of points × parameters (Novak et al. 2022, arXiv:2206.08720, § 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kernelc.errors import InputError
from kernelc.montecarlo.architecture import Affine, Architecture, Branches, Node
from kernelc.montecarlo.arrays import Array, gram, namespace
from kernelc.montecarlo.pointwise import Pointwise
from kernelc.montecarlo.weights import Drawn, Revealed, Seeds, Weights, biases, generator, layer_seeds

PROBE = 1 << 20  # the layer number whose random numbers are the probe's
PROBED = 1 << 22  # gradients of outputs held at once (32 MiB), if there are many outputs


@dataclass(frozen=True)
class Kernels:
    """What each network of a batch shows: arrays of shape (R, n, m).

    ``covariances`` are the Σ^(h) of the stages, each a mean over units, or over the weights of its own affine layer,
    given the layers before; ``ntk`` is the empirical NTK, None if it was not asked for.
    """

    covariances: tuple[Array, ...]
    ntk: Array | None


@dataclass(frozen=True)
class Signal:
    """Values (R, n, width) between two nodes; ``covariance`` computes their (R, n, m); ``raw`` is the input itself."""

    values: Array
    covariance: Callable[[], Array]
    raw: bool = False


Back = Callable[[Array], Array | None]  # gradients (R, n, probes, width) of outputs → the same at the node's input


def run(
    net: Architecture, x1: Array, x2: Array | None, seeds: Seeds, *, ntk: bool, whole: bool, trace: bool
) -> Kernels:
    """The kernels of one network for each seed, of points x1 (n, d) with x2 (m, d), None for x1.

    ``whole`` draws every weight, so that a seed is one network whatever the points; otherwise weights are drawn as far
    as these points see them. ``trace`` averages the NTK over all outputs; otherwise a random combination of them, whose
    mean is the same, stands for it.
    """
    xp = namespace(x1)
    x = x1 if x2 is None else xp.concatenate([x1, x2])
    left, right = slice(0, len(x1)), slice(0 if x2 is None else len(x1), len(x))
    walk = Walk(lambda node: RandomLayer(node, seeds, whole), left, right)
    signal = walk.start(net, x, len(seeds))
    covariances, backs = [], []
    for stage in net.stages:
        signal, back = walk.chain(stage, signal)
        covariances.append(signal.covariance())
        backs.append(back)
    if not ntk:
        return Kernels(tuple(covariances), None)
    walk.ntk = xp.zeros(covariances[-1].shape)
    for probes in _probes(signal.values, seeds, trace, whole):
        _through(backs, probes)
    return Kernels(tuple(covariances), walk.ntk)


def _probes(outputs: Array, seeds: Seeds, trace: bool, whole: bool) -> Iterator[Array]:
    """Gradients at the outputs: each output by itself, some at a time if there are many, or one random combination.

    Weights that are drawn as they are seen can be seen from one set of gradients only.
    """
    xp, (R, n, n_out) = namespace(outputs), outputs.shape
    if not trace and n_out > 1:
        signs = [generator(seed, 0).integers(0, 2, (1, 1, n_out)) for seed in layer_seeds(seeds, PROBE)]
        rows = xp.asarray((2.0 * np.stack(signs) - 1.0) / np.sqrt(n_out))
        yield xp.broadcast_to(rows, (R, n, 1, n_out))
        return
    size = max(1, PROBED // max(1, R * n * n_out)) if whole else n_out
    for start in range(0, n_out, size):
        count = min(size, n_out - start)
        yield xp.broadcast_to(xp.eye(count, n_out, start) / np.sqrt(n_out), (R, n, count, n_out))


def _through(backs: list[Back], delta: Array | None) -> Array | None:
    for back in reversed(backs):
        delta = None if delta is None else back(delta)
    return delta


class Layer(Protocol):
    """An affine layer with its weights: z of a (R, n, n_in), and the gradient in a, of δ (R, k, n_out) in z."""

    def forward(self, a: Array) -> Array: ...  # noqa: D102

    def backward(self, delta: Array) -> Array: ...  # noqa: D102


class RandomLayer:
    """An affine layer at initialisation in the networks of a batch, one for each seed."""

    def __init__(self, node: Affine, seeds: Seeds, whole: bool) -> None:
        self.node, self.seeds = node, layer_seeds(seeds, node.number)
        self.weights: Weights = (Drawn if node.signs or whole else Revealed)(node, self.seeds)
        self.scale = node.W_std / np.sqrt(node.n_in)

    def forward(self, a: Array) -> Array:
        """z = W_std/√n_in · W a + b_std · b."""
        z = self.scale * self.weights.forward(a)
        if self.node.b_std:
            z += self.node.b_std * biases(a, self.node, self.seeds)
        return z

    def backward(self, delta: Array) -> Array:
        """W_std/√n_in · Wᵀδ."""
        return self.scale * self.weights.backward(delta)


class Walk:
    """Every node's pass forward, which gives its pass back; the pass back adds its layer's share to ``ntk``.

    ``layer`` makes an affine node a layer with weights. Kernels are of the points ``left`` with the points ``right``.
    """

    def __init__(self, layer: Callable[[Affine], Layer], left: slice, right: slice) -> None:
        self.layer, self.left, self.right = layer, left, right
        self.ntk: Array = None

    def start(self, net: Architecture, x: Array, batch: int) -> Signal:
        """The points (n, d) as they enter each network of a batch."""
        xp = namespace(x)
        if net.normalize:
            x = self._on_sphere(x)
        values = xp.broadcast_to(x, (batch, *x.shape))
        return Signal(values, lambda: self.gram(values) / x.shape[1], raw=True)

    def _on_sphere(self, x: Array) -> Array:
        """Rows (n, d) of length √d; raises InputError for a zero row."""
        xp, size = namespace(x), abs(x).max(axis=1, keepdims=True)
        for row in map(int, xp.flatnonzero(size == 0)):
            of = "" if self.right.start == 0 else " of x1" if row < self.right.start else " of x2"
            raise InputError(
                f"row {row - self.right.start * (of == ' of x2')}{of} is zero and cannot be put on the sphere"
            )
        x = x / size  # so that no square under- or overflows
        return x * (np.sqrt(x.shape[1]) / xp.linalg.norm(x, axis=1, keepdims=True))

    def share(self, node: Affine, a: Array, delta: Array) -> None:
        """Add what one affine layer contributes: a (R, n, n_in) went in, delta (R, n, probes, n_out) comes back."""
        R, n, probes, width = delta.shape
        slopes = self.gram(delta.reshape(R, n, probes * width))
        self.ntk += (node.W_gain * (self.gram(a) / node.n_in) + node.b_gain) * slopes

    def gram(self, values: Array) -> Array:
        """The products of points, of values (R, n, width)."""
        return gram(values, self.left, self.right)

    def chain(self, nodes: tuple[Node, ...], signal: Signal) -> tuple[Signal, Back]:
        """Through nodes in order."""
        backs: list[Back] = []
        for node in nodes:
            match node:
                case Affine():
                    signal, back = self.affine(node, signal)
                case Pointwise():
                    signal, back = self.pointwise(node, signal)
                case Branches():
                    signal, back = self.sum(node, signal)
            backs.append(back)
        return signal, lambda delta: _through(backs, delta)

    def affine(self, node: Affine, signal: Signal) -> tuple[Signal, Back]:
        """Through an affine layer."""
        layer, a = self.layer(node), signal.values
        z = layer.forward(a)

        def second_moment() -> Array:
            return self.gram(a) / node.n_in

        def back(delta: Array) -> Array | None:
            R, n, probes, width = delta.shape
            self.share(node, a, delta)
            if signal.raw:
                return None
            back = layer.backward(delta.reshape(R, n * probes, width))
            return back.reshape(R, n, probes, node.n_in)

        return Signal(z, lambda: node.W_std**2 * second_moment() + node.b_std**2), back

    def pointwise(self, node: Pointwise, signal: Signal) -> tuple[Signal, Back]:
        """Through an activation."""
        a = node.value(signal.values)

        def back(delta: Array) -> Array:
            return delta * node.slope(signal.values)[:, :, None, :]

        return Signal(a, lambda: self.gram(a) / a.shape[2]), back

    def sum(self, node: Branches, signal: Signal) -> tuple[Signal, Back]:
        """Through the branches of a sum."""
        ends, backs = zip(*(self.chain(branch, signal) for branch in node.branches), strict=True)
        z = sum(end.values for end in ends)

        def covariance() -> Array:
            # outputs that feed nothing are few; their branches end in weights of their own, so their means just add
            return sum(end.covariance() for end in ends) if node.narrow else self.gram(z) / z.shape[2]

        def back(delta: Array) -> Array | None:
            found = [back(delta) for back in backs]
            return None if signal.raw else sum(found)

        return Signal(z, covariance), back
