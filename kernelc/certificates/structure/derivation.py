"""From the layers of a network to the supports of its kernels, with the derivation as text.

K is the covariance, Θ the tangent kernel, both as power series in ρ on the sphere |x|² = d. With F(c) = E[φ(u)φ(v)]:

* input: K = {1}, Θ = 0;
* dense: Θ ← [σ_w > 0] Θ ∪ [weights trained, and σ_w > 0 or "standard"] K
  ∪ [bias trained, and σ_b > 0 or "standard"] {0}, then K ← [σ_w > 0] K ∪ [σ_b > 0] {0};
* activation: Θ ← (F'∘K)·Θ, K ← F∘K;
* sum of uncorrelated branches: unions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sympy import Expr, Integer

from kernelc.certificates.structure.enclosure import CONSTANT, NOTHING, UNKNOWN, Enclosure, either, exactly, possibly
from kernelc.certificates.structure.germ import UndecidedError, germ
from kernelc.certificates.structure.hermite import hermite_degrees
from kernelc.certificates.structure.polynomial import Part, part
from kernelc.certificates.structure.signs import exact, sign_of
from kernelc.certificates.structure.support import INF, LINE, Support, of_degrees
from kernelc.certificates.structure.variance import Variance, in_domain, moment, unit
from kernelc.certificates.structure.words import Line
from kernelc.duals import dual
from kernelc.duals.growth import growth
from kernelc.errors import UnsupportedError
from kernelc.foreign import PythonFunction
from kernelc.layers import Layer
from kernelc.network import Activation, Dense, Network, Normalize, Residual, Sum
from kernelc.symbols import x
from kernelc.wiring import freshness


@dataclass(frozen=True)
class State:
    """The supports of K and Θ between two layers; ``q`` is K(1) where an activation needs it, else None."""

    nngp: Enclosure
    ntk: Enclosure
    q: Variance | None


@dataclass(frozen=True)
class Derivation:
    """What the layers do, line by line, and where it ends; ``doubts``: why the kernel may not exist on the sphere."""

    state: State
    lines: tuple[Line, ...]
    activations: tuple[tuple[str, Expr, Part, Part], ...]
    doubts: tuple[str, ...]


def derivation(net: Network) -> Derivation:
    """The supports of both kernels of a network, its parameters at their defaults.

    Raises UnsupportedError where an activation has no dual, or where E[φ(z)²] is infinite on the sphere.
    """
    layers = [layer for layer in net.flat if not isinstance(layer, Normalize)]
    walk = _Walk(dict(net.parameters), net.parameterization == "standard")
    known = {layer: walk.formula(layer) for layer in _activations(layers)}
    parts = {phi: (part(phi, 0), part(phi, 1)) for phi in known.values()}
    start = State(exactly(LINE), NOTHING, unit() if any(map(_needs_variance, parts)) else None)
    end, lines = walk.chain(layers, start)
    named = dict.fromkeys((layer.label, phi, *parts[phi]) for layer, phi in known.items())
    return Derivation(end, tuple(lines), tuple(named), tuple(dict.fromkeys(walk.doubts)))


def no_ntk(net: Network) -> str | None:
    """Why the network has no NTK, None where it has one."""
    values = dict(net.parameters)
    for layer in _activations(net.flat):
        phi = layer.at(values)
        reason = None if phi.atoms(PythonFunction) else growth(phi).ntk_reason
        with suppress(UnsupportedError):  # a dual that is not derived; closed forms see jumps of any size
            reason = reason or dual(phi).ntk_reason
        if reason:
            return reason
    return None


def _activations(layers: Sequence[object]) -> Iterator[Activation]:
    for layer in layers:
        if isinstance(layer, Activation):
            yield layer
        elif isinstance(layer, Residual):
            yield from _activations(layer.layers)
        elif isinstance(layer, Sum):
            for branch in layer.branches:
                yield from _activations(branch)


def _needs_variance(phi: Expr) -> bool:
    """Whether the support of the dual depends on q, or the existence of the dual does."""
    if phi.atoms(PythonFunction):
        return False
    mixed = any(len({sign_of(c) for _, c in part(phi, parity).coefficients}) > 1 for parity in (0, 1))
    return mixed or growth(phi).domain != True  # noqa: E712


class _Walk:
    def __init__(self, values: dict[str, Expr], standard: bool) -> None:
        self.values, self.standard = values, standard
        self.doubts: list[str] = []

    def formula(self, layer: Activation) -> Expr:
        return exact(layer.at(self.values))

    def chain(self, layers: Sequence[object], state: State) -> tuple[State, list[Line]]:
        lines: list[Line] = []
        for layer in layers:
            if isinstance(layer, Dense):
                state, line = self.dense(layer.at(self.values), state)
                lines.append(line)
            elif isinstance(layer, Activation):
                state, line = self.activation(layer, state)
                lines.append(line)
            elif isinstance(layer, Residual | Sum):
                branches = ((), layer.layers) if isinstance(layer, Residual) else layer.branches
                state, inner = self.sum(branches, state)
                lines += inner
            else:
                raise UnsupportedError(f"no support algebra for the layer {layer!r}")
        return state, lines

    def dense(self, layer: Dense, state: State) -> tuple[State, Line]:
        weight, bias = _when(sign_of(layer.W_std)), _when(sign_of(layer.b_std))
        nngp = _gated(weight, state.nngp) | _gated(bias, CONSTANT)
        ntk = _gated(weight, state.ntk)
        if layer.train in ("all", "weights"):
            ntk |= _gated(True if self.standard else weight, state.nngp)
        if layer.train in ("all", "bias"):
            ntk |= _gated(True if self.standard else bias, CONSTANT)
        q = None if state.q is None else state.q.affine(layer.W_std**2, layer.b_std**2)
        what = f"dense, σ_w = {layer.W_std}, σ_b = {layer.b_std}, {_TRAINED[layer.train]}"
        return self.end(State(nngp, ntk, q), what)

    def activation(self, layer: Activation, state: State) -> tuple[State, Line]:
        phi = self.formula(layer)
        allowed = _allowed(phi, state)
        if allowed is False:
            raise UnsupportedError(
                f"activation '{layer.label}': E[φ(z)²] is infinite on the sphere |x|² = d, where E[z²] = "
                f"{state.q.exact if state.q else '?'} breaks {growth(phi).domain}; make the weights before it smaller"
            )
        f = self.dual_support(phi, state.q)
        nngp, slope = f @ state.nngp, f.derivative() @ state.nngp
        what = layer.label
        if not state.nngp.positive:
            constant = _at_zero(phi)
            if state.nngp.zero:
                (nngp, slope), what = constant, f"{what}, of z = 0 for every input"
            else:
                nngp, slope = either(nngp, constant[0]), either(slope, constant[1])
        if allowed is None:
            self.doubts.append(f"E[z²] before {layer.label} was not proved to obey {growth(phi).domain}")
        q = None if state.q is None else moment(phi, state.q)
        return self.end(State(nngp, slope * state.ntk, q), what)

    def dual_support(self, phi: Expr, q: Variance | None) -> Enclosure:
        """The support of F as a power series in c, for E[u²] = E[v²] = q > 0."""
        bounds = [_bounds(part(phi, parity), q) for parity in (0, 1)]
        return bounds[0] | bounds[1]

    def sum(self, branches: Sequence[tuple[Layer, ...]], state: State) -> tuple[State, list[Line]]:
        ends, lines = [], []
        for i, branch in enumerate(branches):
            end, inner = self.chain(branch, state)
            ends.append(end)
            lines.append(Line(f"branch {i + 1} of {len(branches)}{'' if inner else ', the identity'}:", None, None))
            lines += [replace(line, depth=line.depth + 1) for line in inner]
        nngp, ntk, q = ends[0].nngp, ends[0].ntk, ends[0].q
        for end in ends[1:]:
            nngp, ntk = nngp | end.nngp, ntk | end.ntk
            q = None if q is None or end.q is None else q + end.q
        if sum(freshness(branch) is not True for branch in branches) > 1:  # networks check that
            nngp, ntk = UNKNOWN, UNKNOWN
        state, line = self.end(State(nngp, ntk, q), "their sum")
        return state, [*lines, line]

    def end(self, state: State, what: str) -> tuple[State, Line]:
        return state, Line(what, state.nngp, state.ntk)


_TRAINED = {
    "all": "weights and bias trained",
    "weights": "weights trained",
    "bias": "bias trained",
    "none": "nothing trained",
}


def _when(sign: int | None) -> bool | None:
    return None if sign is None else sign != 0


def _gated(condition: bool | None, known: Enclosure) -> Enclosure:
    if condition is None:
        return possibly(known)
    return known if condition else NOTHING


def _allowed(phi: Expr, state: State) -> bool | None:
    if phi.atoms(PythonFunction):
        return True
    domain = growth(phi).domain
    if domain == True:  # noqa: E712
        return True
    return None if state.q is None else in_domain(domain, state.q)


def _bounds(found: Part, q: Variance | None) -> Enclosure:
    if found.kind == "polynomial":
        sure, possible = hermite_degrees(found.coefficients, q)
        return Enclosure(of_degrees(sure), of_degrees(possible))
    some = Support(frozenset(), INF) if found.parity else Support(INF, frozenset())
    return Enclosure(some if found.kind == "infinite" else Support(), some)


def _at_zero(phi: Expr) -> tuple[Enclosure, Enclosure]:
    """F and F' where z = 0 for every input: the constants φ(0)² and φ'(0)², where φ is smooth at 0."""
    try:
        smooth = germ(phi, Integer(0))
    except UndecidedError:
        return (possibly(CONSTANT),) * 2
    at, slope = smooth.xreplace({x: Integer(0)}), smooth.diff(x).xreplace({x: Integer(0)})
    return _gated(_when(sign_of(at)), CONSTANT), _gated(_when(sign_of(slope)), CONSTANT)
