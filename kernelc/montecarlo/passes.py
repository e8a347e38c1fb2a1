"""One pass forward and one back through a batch of finite networks, and the kernels that they show.

For z = W a the gradient of an output in W is δ aᵀ, so the tangent kernel is the sum over layers of (a·a')(δ·δ'), entry
by entry: Gram products, never a Jacobian of points × parameters (Novak et al. 2022, arXiv:2206.08720, § 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kernelc.montecarlo.architecture import Affine, Architecture, Branches, Node
from kernelc.montecarlo.arrays import Array, gram, namespace
from kernelc.montecarlo.pointwise import Pointwise
from kernelc.montecarlo.weights import Drawn, Revealed, Seeds, biases, generator, layer_seeds

PROBE = 1 << 20  # the layer number whose random numbers are the probe's


@dataclass(frozen=True)
class Kernels:
    """What each network of a batch shows: arrays of shape (R, n, m).

    ``covariances`` are the Σ^(h) of the stages, each a mean over units, or over the weights of its own affine layer,
    given the layers before; ``ntk`` is the empirical NTK, None if it was not asked for.
    """

    covariances: tuple[Array, ...]
    ntk: Array | None


@dataclass(frozen=True)
class _Signal:
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
    walk = _Walk(seeds, left, right, whole)
    if net.normalize:
        x = x * (np.sqrt(x.shape[1]) / xp.linalg.norm(x, axis=1, keepdims=True))
    values = xp.broadcast_to(x, (len(seeds), *x.shape))
    signal = _Signal(values, lambda: walk.gram(values) / x.shape[1], raw=True)
    covariances, backs = [], []
    for stage in net.stages:
        signal, back = walk.chain(stage, signal)
        covariances.append(signal.covariance())
        backs.append(back)
    if not ntk:
        return Kernels(tuple(covariances), None)
    walk.ntk = xp.zeros(covariances[-1].shape)
    _through(backs, _probes(signal.values, seeds, trace))
    return Kernels(tuple(covariances), walk.ntk)


def _probes(outputs: Array, seeds: Seeds, trace: bool) -> Array:
    """Gradients at the outputs: each output by itself, or one random combination of them."""
    xp, (R, n, n_out) = namespace(outputs), outputs.shape
    if trace or n_out == 1:
        rows = xp.broadcast_to(xp.eye(n_out), (R, n, n_out, n_out))
    else:
        signs = [generator(seed, 0).integers(0, 2, (1, 1, n_out)) for seed in layer_seeds(seeds, PROBE)]
        rows = xp.broadcast_to(xp.asarray(2.0 * np.stack(signs) - 1.0), (R, n, 1, n_out))
    return rows / np.sqrt(n_out)


def _through(backs: list[Back], delta: Array | None) -> Array | None:
    for back in reversed(backs):
        delta = None if delta is None else back(delta)
    return delta


class _Walk:
    """Every node's pass forward, which gives its pass back; the pass back adds its layer's share to ``ntk``."""

    def __init__(self, seeds: Seeds, left: slice, right: slice, whole: bool) -> None:
        self.seeds, self.left, self.right, self.whole = seeds, left, right, whole
        self.ntk: Array = None

    def gram(self, values: Array) -> Array:
        return gram(values, self.left, self.right)

    def chain(self, nodes: tuple[Node, ...], signal: _Signal) -> tuple[_Signal, Back]:
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

    def affine(self, node: Affine, signal: _Signal) -> tuple[_Signal, Back]:
        seeds = layer_seeds(self.seeds, node.number)
        weights = (Drawn if node.signs or self.whole else Revealed)(node, seeds)
        a, scale = signal.values, node.W_std / np.sqrt(node.n_in)
        z = scale * weights.forward(a)
        if node.b_std:
            z += node.b_std * biases(a, node, seeds)

        def second_moment() -> Array:
            return self.gram(a) / node.n_in

        def back(delta: Array) -> Array | None:
            R, n, probes, width = delta.shape
            slopes = self.gram(delta.reshape(R, n, probes * width))
            self.ntk += (node.W_gain * second_moment() + node.b_gain) * slopes
            if signal.raw:
                return None
            back = scale * weights.backward(delta.reshape(R, n * probes, width))
            return back.reshape(R, n, probes, node.n_in)

        return _Signal(z, lambda: node.W_std**2 * second_moment() + node.b_std**2), back

    def pointwise(self, node: Pointwise, signal: _Signal) -> tuple[_Signal, Back]:
        a = node.value(signal.values)

        def back(delta: Array) -> Array:
            return delta * node.slope(signal.values)[:, :, None, :]

        return _Signal(a, lambda: self.gram(a) / a.shape[2]), back

    def sum(self, node: Branches, signal: _Signal) -> tuple[_Signal, Back]:
        ends, backs = zip(*(self.chain(branch, signal) for branch in node.branches), strict=True)
        z = sum(end.values for end in ends)

        def covariance() -> Array:
            # outputs that feed nothing are few; their branches end in weights of their own, so their means just add
            return sum(end.covariance() for end in ends) if node.narrow else self.gram(z) / z.shape[2]

        def back(delta: Array) -> Array | None:
            found = [back(delta) for back in backs]
            return None if signal.raw else sum(found)

        return _Signal(z, covariance), back
