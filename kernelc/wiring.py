"""How layers fit together: what is Gaussian where, which branches are uncorrelated, and how wide everything is.

A walk over the layers in the order of the data, once for each round of a repeat. Its laws:

* the data comes in raw; an affine layer makes it Gaussian; an activation needs it Gaussian and leaves it not so;
* a sum is Gaussian when every branch is, and its branches have one width;
* branches are uncorrelated when all but one end in fresh weights of their own (mean zero, independent of the rest).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from kernelc.errors import SpecError
from kernelc.layers import Activation, Dense, Layer, Normalize, Repeat, Residual, Sum

DEFAULT_WIDTH = 512


class _Width:
    """The width of a signal; signals that are added share one (a union-find)."""

    def __init__(self, given: int | None = None, path: str = "") -> None:
        self.given, self.path = given, path
        self.same: _Width | None = None

    def root(self) -> "_Width":
        node = self
        while node.same is not None:
            node = node.same
        return node

    def unify(self, other: "_Width", path: str) -> None:
        one, two = self.root(), other.root()
        if one is two:
            return
        if one.given and two.given and one.given != two.given:
            raise SpecError(
                f"{path}: what is added has one width, but {one.path} is {one.given} wide and {two.path} {two.given}; "
                "give both the same width, or leave it out"
            )
        child, parent = (one, two) if two.given else (two, one)
        child.same = parent


@dataclass(frozen=True)
class _Signal:
    """What flows between layers: raw input, a Gaussian pre-activation, or (neither) an activation's output."""

    kind: str  # "input", "gaussian" or the path and name of the activation that it comes out of
    width: _Width


def connect(layers: tuple[Layer, ...], path: str = "network.layers") -> tuple[Layer, ...]:
    """The layers with repeats unrolled and every dense width filled in; raises :class:`SpecError` if they don't fit."""
    if not layers:
        raise SpecError(
            f'{path}: expected at least one layer, found none; a network begins with an affine one, "dense"'
        )
    widths: list[_Width] = []
    _Walk(widths).chain(layers, path, _Signal("input", _Width()))
    flat = tuple(unroll(layers))
    if isinstance(flat[-1], Dense) and flat[-1].width is None:
        widths[-1].given = 1
    supply = iter(widths)
    return tuple(_filled(layer, supply) for layer in flat)


def unroll(layers: Iterable[Layer]) -> Iterator[Layer]:
    """The layers with every repeat written out; residuals and sums stay, unrolled inside."""
    for layer in layers:
        match layer:
            case Repeat(count, inner):
                for _ in range(count):
                    yield from unroll(inner)
            case Residual(inner):
                yield Residual(tuple(unroll(inner)))
            case Sum(branches):
                yield Sum(tuple(tuple(unroll(branch)) for branch in branches))
            case _:
                yield layer


def _filled(layer: Layer, supply: Iterator[_Width]) -> Layer:
    match layer:
        case Dense():
            return replace(layer, width=next(supply).root().given or DEFAULT_WIDTH)
        case Residual(inner):
            return Residual(tuple(_filled(item, supply) for item in inner))
        case Sum(branches):
            return Sum(tuple(tuple(_filled(item, supply) for item in branch) for branch in branches))
    return layer


class _Walk:
    """One pass over the layers; ``widths`` collects the width of each dense layer in the order of ``_filled``."""

    def __init__(self, widths: list[_Width]) -> None:
        self.widths = widths

    def chain(self, layers: tuple[Layer, ...], path: str, signal: _Signal) -> _Signal:
        for i, layer in enumerate(layers):
            here = f"{path}[{i}]"
            if isinstance(layer, Normalize):
                following = next(unroll(layers[i + 1 :]), None)
                if here != "network.layers[0]" or not isinstance(following, Dense):
                    raise SpecError(f'{here}: "normalize" is for the input: it comes first, and "dense" comes next')
            signal = self.step(layer, here, signal)
        return signal

    def step(self, layer: Layer, path: str, signal: _Signal) -> _Signal:
        match layer:
            case Dense(width=width):
                self.widths.append(_Width(width, path))
                return _Signal("gaussian", self.widths[-1])
            case Activation():
                return self.activate(layer, path, signal)
            case Repeat(count, inner):
                for _ in range(count):
                    signal = self.chain(inner, f"{path}.layers", signal)
                return signal
            case Residual(inner):
                return self.add(path, signal, [((), path), (inner, f"{path}.residual")])
            case Sum(branches):
                return self.add(path, signal, [(branch, f"{path}.sum[{i}]") for i, branch in enumerate(branches)])
        return signal

    def activate(self, layer: Activation, path: str, signal: _Signal) -> _Signal:
        if signal.kind != "gaussian":
            found = "the raw input" if signal.kind == "input" else f"the output of {signal.kind}"
            raise SpecError(
                f"{path}: the activation '{layer.label[:100]}' needs a Gaussian input, but gets {found}; "
                'put an affine layer, "dense", before it'
            )
        return replace(signal, kind=f"'{layer.label[:100]}' at {path}")

    def add(self, path: str, signal: _Signal, branches: list[tuple[tuple[Layer, ...], str]]) -> _Signal:
        if signal.kind == "input" and any(not branch for branch, _ in branches):
            raise SpecError(f'{path}: a network begins with an affine layer, "dense", but here the raw input is added')
        ends = [self.chain(branch, where, signal) for branch, where in branches]
        stale = [where for branch, where in branches if freshness(branch) is not True]
        if len(stale) > 1:
            raise SpecError(
                f"{path}: branches must be uncorrelated: every branch but one ends in an affine layer of its own, but "
                f'{_branch(stale[0], path)} and {_branch(stale[1], path)} do not; end one of them in "dense"'
            )
        for end in ends[1:]:
            ends[0].width.unify(end.width, path)
        return next((end for end in ends if end.kind != "gaussian"), ends[0])


def _branch(where: str, path: str) -> str:
    return "the skip connection" if where == path else where


def freshness(layers: tuple[Layer, ...]) -> bool | None:
    """Whether the output is mean zero given all that came before: it ends in weights of its own.

    None: the layers hand on what came in, with fresh terms added at most, so that it depends on what comes before.
    """
    for layer in reversed(layers):
        match layer:
            case Dense():
                return True
            case Activation() | Normalize():
                return False
            case Repeat(_, inner):
                answers = [freshness(inner)]
            case Residual():
                answers = [None]
            case Sum(branches):
                answers = [freshness(branch) for branch in branches]
        if False in answers:
            return False
        if None not in answers:
            return True
    return None
