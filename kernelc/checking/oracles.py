"""The two oracles that need no chance: duals against quadrature, backends against the plainest of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from kernelc import registry
from kernelc.checking.quadrature import mean
from kernelc.checking.report import BackendResult, DualResult
from kernelc.driver import compile
from kernelc.layers import Activation, Dense, Layer, Repeat, Residual, Sum
from kernelc.montecarlo.pointwise import Pointwise
from kernelc.network import Network

PROMISE = 1e-12  # of the accuracy contract: 1e-13 for elementary duals, ten times that for the others, per ten layers
DOMAIN, BEYOND = (1e-3, 100.0), 1e-8  # second moments that the contract is for, and what is asked for elsewhere


def duals(net: Network, low: float, high: float) -> Iterator[DualResult]:
    """Every activation of the network once, at second moments ``low`` and ``high`` and several angles.

    The values are those of a compiled one-layer network: E[φ(u)φ(v)] is its NNGP, and its NTK is E[uv] E[φ'(u)φ'(v)].
    """
    for activation in dict.fromkeys(activations(net.layers)):
        names = {name: net.parameters[name] for name in activation.names}
        alone = Network([Dense(), activation], name="dual", parameters=names)
        kernel = compile(alone, backend="numpy")
        has_ntk = not kernel.ntk_reason
        phi = Pointwise(activation.label, activation.at(net.parameters))
        for (q1, q2, rho), slope in product([(low, low, 0.6), (low, high, -0.7), (high, high, 0.99)], (False, True)):
            if slope and not has_ntk:
                continue
            x = np.sqrt(2) * np.array([[np.sqrt(q1), 0], np.sqrt(q2) * np.array([rho, np.sqrt(1 - rho * rho)])])
            K = kernel(x, None, "ntk" if slope else "nngp")
            if slope:
                K = K / (x @ x.T / 2)
            size = np.sqrt(K[0, 0]) * np.sqrt(K[1, 1])
            truth = mean(phi, slope, q1, q2, rho)
            error = abs(K[0, 1] / size - truth.value) if size > 0 else abs(K[0, 1])
            what = "E[φ'φ']" if slope else "E[φφ]"
            promised = DOMAIN[0] <= min(q1, q2) and max(q1, q2) <= DOMAIN[1]
            bound = (PROMISE if promised else BEYOND) + 10 * truth.doubt
            yield DualResult(activation.label, what, q1, q2, rho, float(error), float(bound), float(truth.doubt))


def backends(net: Network, x: np.ndarray, get: tuple[str, ...]) -> Iterator[BackendResult]:
    """Every backend that this machine can run against kernelc_numpy, on the points x (n, d)."""
    plainest = compile(net, backend="numpy")(x, None, get)
    bound = PROMISE * max(1.0, depth(net.layers) / 10)
    for backend in registry.available():
        if backend.missing is None and backend.name != "numpy":
            found = compile(net, backend=backend.name)(x, None, get)
            errors = [difference(a, b) for a, b in zip(found, plainest, strict=True)]
            yield BackendResult(backend.name, max(errors), bound)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of two Gram matrices relative to the second’s √(K_ii K_jj); infinite for no number."""
    if not len(b):
        return 0.0
    root = np.sqrt(np.abs(np.diag(b)))
    size = np.outer(root, root)
    with np.errstate(all="ignore"):
        relative = np.abs(a - b) / np.where(size > 0, size, 1.0)
    return float(relative.max()) if np.isfinite(relative).all() else float("inf")


def activations(layers: tuple[Layer, ...]) -> Iterator[Activation]:
    """The activations of a network, also inside blocks."""
    for layer in layers:
        match layer:
            case Activation():
                yield layer
            case Repeat() | Residual():
                yield from activations(layer.layers)
            case Sum(branches):
                for branch in branches:
                    yield from activations(branch)


def depth(layers: tuple[Layer, ...]) -> int:
    """How many affine layers the longest way through has."""
    found = 0
    for layer in layers:
        match layer:
            case Dense():
                found += 1
            case Repeat(count, inner):
                found += count * depth(inner)
            case Residual(inner):
                found += depth(inner)
            case Sum(branches):
                found += max(map(depth, branches))
    return found


def moments(stages: Sequence[Mapping[str, np.ndarray]]) -> tuple[float, float]:
    """The least and the largest second moment behind any layer but the last, zeros left out."""
    inner = [np.diag(stage["nngp"]) for stage in stages[:-1]] or [np.ones(1)]
    positive = np.concatenate(inner)
    positive = positive[positive > 0]
    return (float(positive.min()), float(positive.max())) if positive.size else (1.0, 1.0)
