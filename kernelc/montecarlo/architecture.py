"""Network → the finite network of a given width that samples will have: numbers in place of symbols."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Expr

from kernelc.errors import InternalError
from kernelc.layers import Activation, Dense, Layer, Normalize, Residual, Sum
from kernelc.montecarlo.pointwise import Pointwise
from kernelc.network import Network


@dataclass(frozen=True)
class Affine:
    """z = W_std/√n_in · W a + b_std · b, entries of W and b of variance one, those of W ±1 if ``signs``.

    ``number`` counts the affine layers. The gradient's squared length is ``W_gain`` |a|²/n_in for a unit's weights and
    ``b_gain`` for its bias; 0 is frozen.
    """

    number: int
    n_in: int
    n_out: int
    W_std: float
    b_std: float
    W_gain: float
    b_gain: float
    signs: bool


@dataclass(frozen=True)
class Branches:
    """The sum of what each list of layers makes of the same input. ``narrow``: no layer takes the sum as its input."""

    branches: tuple[tuple[Node, ...], ...]
    narrow: bool


Node = Affine | Pointwise | Branches


@dataclass(frozen=True)
class Architecture:
    """A finite network.

    ``stages`` are what a reader calls layers: stretches that end in an affine layer or a sum. ``titles`` name them;
    ``normalize`` puts inputs on the sphere of radius √d first.
    """

    stages: tuple[tuple[Node, ...], ...]
    titles: tuple[str, ...]
    normalize: bool
    n_out: int


def architecture(net: Network, d: int, width: int | None) -> Architecture:
    """The finite network on inputs of length ``d``, parameters at their defaults.

    Every layer whose outputs feed another is ``width`` wide; a last layer has the width that the spec gives it, unless
    its outputs feed others too, as in a residual block at the end. With None all widths are the spec's.
    """
    normalize = isinstance(net.flat[0], Normalize)
    layers = net.flat[1:] if normalize else net.flat
    builder = _Builder(net, width)
    state = _State(d, d)
    stages = []
    for stage in _stages(layers):
        last = stage[-1] is layers[-1] and _narrow(layers)
        nodes, state = builder.run(stage, state, last)
        stages.append(nodes)
    return Architecture(tuple(stages), tuple(map(_title, _stages(layers))), normalize, state.width)


@dataclass(frozen=True)
class _State:
    """How wide a signal is, in the finite network and in the spec."""

    width: int
    spec: int


@dataclass
class _Builder:
    net: Network
    width: int | None
    affines: int = 0

    def run(self, layers: tuple[Layer, ...], state: _State, narrow: bool) -> tuple[tuple[Node, ...], _State]:
        """The nodes of a list of layers; ``narrow`` says that what the last of them puts out feeds no other."""
        nodes: list[Node] = []
        for i, layer in enumerate(layers):
            last = narrow and i == len(layers) - 1
            match layer:
                case Dense():
                    affine = self.affine(layer, state, last)
                    nodes.append(affine)
                    state = _State(affine.n_out, _given(layer))
                case Activation():
                    nodes.append(Pointwise(layer.label, layer.at(self.net.parameters)))
                case Residual(inner):
                    found, end = self.branches(((), inner), state, last)
                    nodes.append(found)
                    state = end
                case Sum(branches):
                    found, state = self.branches(branches, state, last)
                    nodes.append(found)
                case _:
                    raise InternalError(f"no finite network for {layer!r}")
        return tuple(nodes), state

    def branches(self, branches: tuple[tuple[Layer, ...], ...], state: _State, narrow: bool) -> tuple[Branches, _State]:
        done = [self.run(branch, state, narrow) for branch in branches]
        return Branches(tuple(nodes for nodes, _ in done), narrow), done[-1][1]

    def affine(self, layer: Dense, state: _State, last: bool) -> Affine:
        layer = layer.at(self.net.parameters)
        W_std, b_std = _number(layer.W_std), _number(layer.b_std)
        standard = self.net.parameterization == "standard"
        # under "standard" the gradient grows with n_in: with the spec's, so that the limit is that of the spec
        W_gain, b_gain = (float(state.spec), 1.0) if standard else (W_std**2, b_std**2)
        self.affines += 1
        return Affine(
            number=self.affines,
            n_in=state.width,
            n_out=_given(layer) if last or self.width is None else self.width,
            W_std=W_std,
            b_std=b_std,
            W_gain=W_gain if layer.train in ("all", "weights") else 0.0,
            b_gain=b_gain if layer.train in ("all", "bias") else 0.0,
            signs=layer.weights == "rademacher",
        )


def _given(layer: Dense) -> int:
    if layer.width is None:
        raise InternalError("a dense layer of a flat network has no width")
    return layer.width


def _number(value: Expr) -> float:
    return float(value.evalf(20))


def _narrow(layers: tuple[Layer, ...]) -> bool:
    """Whether the outputs come straight from affine layers whose own outputs feed nothing else."""
    match layers[-1] if layers else None:
        case Dense():
            return True
        case Sum(branches):
            return all(_narrow(branch) for branch in branches)
    return False


def _stages(layers: tuple[Layer, ...]) -> Iterator[tuple[Layer, ...]]:
    start = 0
    for i, layer in enumerate(layers):
        if not isinstance(layer, Activation) or i == len(layers) - 1:
            yield layers[start : i + 1]
            start = i + 1


def _title(layers: tuple[Layer, ...]) -> str:
    names = []
    for layer in layers:
        match layer:
            case Activation():
                names.append(layer.label)
            case Residual(inner):
                names.append(f"residual({_title(inner)})")
            case Sum(branches):
                names.append("sum(" + " | ".join(_title(branch) or "identity" for branch in branches) + ")")
            case _:
                names.append("dense")
    return ", ".join(names)
