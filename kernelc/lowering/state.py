"""The state that a program carries from layer to layer, and the one way in which layers combine it.

For each point: q = E[z²]. For each pair: the half-angle gap and a side, never ρ itself,

    E[z z'] = side · √q √q' · (1 − 2·gap),   gap = sin²(θ/2).

Every layer is a *mix* of uncorrelated parts with unit weights a (per point) and gaps of their own:

    gap' = Σ aᵢ aᵢ' gapᵢ + ¼ Σ (aᵢ − aᵢ')²,    1 − gap' = Σ aᵢ aᵢ' (1 − gapᵢ) + ¼ Σ (aᵢ − aᵢ')²,

for 1 − cos θ' = (1 − a·a') + Σ aᵢaᵢ'(1 − ρᵢ), and 1 − a·a' = ½|a − a'|² for unit vectors. No term is negative, so
neither end of the angle loses digits. A dense layer mixes its input with the bias, a sum mixes its branches, and an
activation its odd and even parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Rational

from kernelc.builder import Builder, Operand, Value
from kernelc.duals import Dual
from kernelc.program import Code


@dataclass(frozen=True)
class Row:
    """One point: its second moment, and its tangent kernel with itself."""

    q: Value
    ntk: Value


@dataclass(frozen=True)
class Pair:
    """Two points: gap and side of their covariance, and their tangent kernel."""

    gap: Value
    side: Value
    ntk: Value


@dataclass(frozen=True)
class Part:
    """One of several uncorrelated parts of a sum: its weight at either point, its gap and side."""

    weight1: Value
    weight2: Value
    gap: Value
    side: Value


@dataclass
class Scope:
    """The code of one block while it is written: a row builder, a pair builder, what the first saves for the second."""

    has_ntk: bool
    exact: dict[str, Code]  # double-double code of the whole program, by name
    attached: Mapping[Dual, str]  # the activations that an object in the module evaluates, and its name
    row: Builder = field(default_factory=Builder)
    pair: Builder = field(default_factory=Builder)
    saved: dict[str, Value] = field(default_factory=dict)

    def save(self, name: str, value: Value) -> tuple[Value, Value]:
        """A value of the row code as seen from the pair code, at the first and at the second point."""
        if value.number is not None:
            return self.pair.wrap(value.number), self.pair.wrap(value.number)
        known = next((n for n, v in self.saved.items() if v.atom == value.atom), None)
        if known is None:
            known = name
            while known in self.saved:
                known += "_"
            self.saved[known] = value
        return self.pair.input(f"{known}1", "one"), self.pair.input(f"{known}2", "two")

    def weights(self, name: str, part: Value, whole: Value) -> tuple[Value, Value]:
        """√(part/whole) at either point: the weight of a part in a mix."""
        weight = self.row.op("ratio", self.row.sqrt(part), self.row.sqrt(whole))
        return self.save(name, self.row.let(name, weight))


def mix(builder: Builder, parts: Sequence[Part], nonnegative: bool = False) -> tuple[Value, Value]:
    """Gap and side of a sum of uncorrelated parts; ``nonnegative`` says that its covariance is known to be so."""
    if len(parts) == 1:
        return parts[0].gap, parts[0].side
    one = builder.wrap(1)
    spread = builder.wrap(0)
    near, far = builder.wrap(0), builder.wrap(0)
    for p in parts:
        shared = p.weight1 * p.weight2
        behind = builder.op("lt", p.side, 0)
        near = near + shared * builder.op("where", behind, one - p.gap, p.gap)
        far = far + shared * builder.op("where", behind, p.gap, one - p.gap)
        apart = p.weight1 - p.weight2
        spread = spread + apart * apart
    spread = builder.let("spread", Rational(1, 4) * spread)
    near, far = near + spread, far + spread
    if nonnegative or all(p.side.is_number(1) for p in parts):
        return near, one
    near, far = builder.let("near", near), builder.let("far", far)
    return fold(builder, near, far)


def fold(builder: Builder, near: Operand, far: Operand) -> tuple[Value, Value]:
    """Gap and side from sin²(θ/2) and cos²(θ/2), each to full relative precision."""
    behind = builder.op("lt", far, near)
    return builder.op("min", near, far), builder.op("where", behind, -1, 1)
