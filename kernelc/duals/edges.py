"""Sums of atoms with gates anywhere: Σ over edges of f(x)·gate(x), each f an ungated sum of atoms.

An edge is H(x − t), H(t − x), or soft: erf(kx + m), or a normal distribution function Φ(±√2(kx + m)) with which it is
one-sided. All are one: with G = slope·x + offset + noise·Z and Z ~ N(0, 1), Φ of the soft argument is E_Z H(G) and erf
is E_Z sgn(G).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from sympy import Add, Expr, Integer, exp, pi, sqrt

from kernelc.duals.atoms import AtomSum, Kind, collect
from kernelc.duals.complexes import ZERO, real
from kernelc.symbols import x

ONE = Integer(1)
SMALL = 1e-25
"""A number below this is zero, if what it is a sum of is of order one."""


@dataclass(frozen=True)
class Edge:
    """H(side·G), or sgn(G) where ``side`` is 0, with G = slope·x + offset + noise·Z."""

    slope: Expr
    offset: Expr
    noise: Literal[0, 1]
    side: Literal[-1, 0, 1]

    @property
    def at(self) -> Expr:
        """Where a hard edge is."""
        return -self.offset

    @property
    def centred(self) -> bool:
        """Whether it is at 0."""
        return bool(self.offset == 0)


def hard(t: Expr, side: Literal[-1, 1]) -> Edge:
    """H(x − t) or, for side −1, H(t − x)."""
    return Edge(ONE, -t, 0, side)


def soft(k: Expr, m: Expr, side: Literal[-1, 0, 1]) -> Edge:
    """erf(kx + m), or Φ(±√2(kx + m))."""
    return Edge(sqrt(2) * k, sqrt(2) * m, 1, side)


Terms: TypeAlias = Mapping[Edge | None, AtomSum]


@dataclass(frozen=True)
class EdgeSum:
    """Σ f·gate; the key None has what is not gated."""

    terms: Terms

    def __add__(self, other: EdgeSum) -> EdgeSum:
        total = dict(self.terms)
        for edge, atoms in other.terms.items():
            total[edge] = total[edge] + atoms if edge in total else atoms
        return EdgeSum({edge: atoms for edge, atoms in total.items() if atoms.terms})

    @property
    def base(self) -> AtomSum:
        """What is not gated."""
        return self.terms.get(None, AtomSum({}))

    @property
    def gated(self) -> list[tuple[Edge, AtomSum]]:
        """What is."""
        return [(edge, atoms) for edge, atoms in self.terms.items() if edge is not None]

    @cached_property
    def kinds(self) -> set[Kind]:
        """Every exponential in it."""
        return {kind for atoms in self.terms.values() for kind in atoms.terms}

    @cached_property
    def jumps(self) -> list[Expr]:
        """Where it jumps."""
        sizes: dict[Expr, list[Expr]] = {}
        for edge, atoms in self.gated:
            if not edge.noise:
                side = Integer(edge.side)
                sizes.setdefault(edge.at, []).extend(side * value for value in _values(atoms, edge.at))
        return [t for t, values in sizes.items() if not _vanishes(values)]

    def derivative(self) -> EdgeSum:
        """d/dx of a sum without jumps."""
        total = EdgeSum({edge: atoms.derivative() for edge, atoms in self.terms.items()})
        for edge, atoms in self.gated:
            if edge.noise:
                total = total + EdgeSum({None: atoms * _slope(edge)})
        return EdgeSum({edge: atoms for edge, atoms in total.terms.items() if atoms.terms})


def _slope(edge: Edge) -> AtomSum:
    """The derivative of a soft gate: a Gaussian."""
    weight = (edge.side or 2) * edge.slope / sqrt(2 * pi) * exp(-(edge.offset**2) / 2)
    return collect([(Kind(-(edge.slope**2) / 2, real(-edge.slope * edge.offset), None), 0, real(weight))])


def _values(atoms: AtomSum, t: Expr) -> list[Expr]:
    """The real atoms at a point."""
    return [value.re * t**n * exp(kind.a * t**2 + kind.b.re * t) for kind, n, value in atoms if n == 0 or t != 0]


def _vanishes(values: list[Expr]) -> bool:
    """Whether a sum is zero, for all parameters."""
    total = Add(*values)
    if total == 0 or total.expand() == 0:
        return True
    names = sorted({name for value in values for name in value.free_symbols} - {x}, key=str)  # some cancel in the sum
    for j in range(2 if names else 1):
        sample = {name: Integer(7 * k + 3 * j + 5) / 11 for k, name in enumerate(names)}
        numbers = [abs(value.xreplace(sample).evalf(40)) for value in values]
        if abs(total.xreplace(sample).evalf(40)) > SMALL * max([*numbers, ZERO]):
            return False
    return True
