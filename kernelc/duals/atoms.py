"""Sums of atoms, the normal form of an activation: Σ coefficient · xⁿ · e^{a x² + b x} · [gate].

A gate is sgn(x), which is *hard*, or erf(kx), which is *soft*. One idea unifies them: erf(kx) = E_Z sgn(√2 k x + Z)
with Z ~ N(0, 1), so that a soft gate is a hard one whose argument has a slope and noise of its own.
The sums are closed under addition, reflection, products with ungated atoms, and differentiation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sympy import Expr, Integer, cos, erf, exp, expand, pi, sign, sin, sqrt
from sympy.simplify.fu import TR8

from kernelc.duals.complexes import ZERO, Complex, real
from kernelc.duals.refusal import SERIES, refuse
from kernelc.symbols import x


@dataclass(frozen=True)
class Gate:
    """sgn(slope·x + √noise·Z); noise 0 is the hard gate sgn(x), with slope 1, and noise 1 a soft one."""

    slope: Expr
    noise: Literal[0, 1]

    def formula(self) -> Expr:
        """The gate as a function of x."""
        return erf(self.slope / sqrt(2) * x) if self.noise else sign(x)


HARD = Gate(Integer(1), 0)


def soft(k: Expr) -> Gate:
    """erf(kx)."""
    return Gate(sqrt(2) * k, 1)


@dataclass(frozen=True)
class Kind:
    """What atoms that differ by a power of x share: e^{a x² + b x} and the gate."""

    a: Expr
    b: Complex
    gate: Gate | None

    def __mul__(self, other: Kind) -> Kind:
        if self.gate and other.gate:
            raise refuse(self.gate.formula() * other.gate.formula(), f"a product of two gates; {SERIES}")
        return Kind(tidy(self.a + other.a), clean(self.b + other.b), self.gate or other.gate)


Powers = Mapping[int, Complex]


@dataclass(frozen=True)
class AtomSum:
    """Σ over kinds and powers; no coefficient is zero."""

    terms: Mapping[Kind, Powers]

    def __iter__(self) -> Iterator[tuple[Kind, int, Complex]]:
        return ((kind, n, value) for kind, powers in self.terms.items() for n, value in powers.items())

    def __add__(self, other: AtomSum) -> AtomSum:
        return collect([*self, *other])

    def __mul__(self, other: AtomSum) -> AtomSum:
        return collect([(one * two, n + m, v * w) for one, n, v in self for two, m, w in other])

    def scale(self, factor: Expr | int) -> AtomSum:
        """The product with a real number."""
        return collect([(kind, n, value.scale(factor)) for kind, n, value in self])

    def reflect(self) -> AtomSum:
        """x → −x."""
        mirror = [(Kind(k.a, -k.b, k.gate), n, v.scale((-1) ** (n + (k.gate is not None)))) for k, n, v in self]
        return collect(mirror)

    def gated(self) -> AtomSum:
        """The product with sgn(x)."""
        return self * collect([(Kind(ZERO, real(0), HARD), 0, real(1))])

    def part(self, parity: int) -> AtomSum:
        """The even (parity +1) or odd (−1) part."""
        return (self + self.reflect().scale(parity)).scale(Integer(1) / 2)

    @cached_property
    def jump(self) -> Expr:
        """Half the jump at 0."""
        return tidy(sum((v.re for kind, n, v in self if kind.gate == HARD and n == 0), ZERO))

    def derivative(self) -> AtomSum:
        """d/dx, of a sum without a jump."""
        atoms: list[tuple[Kind, int, Complex]] = []
        for kind, n, value in self:
            if n:
                atoms.append((kind, n - 1, value.scale(n)))
            atoms += [(kind, n + 1, value.scale(2 * kind.a)), (kind, n, value * kind.b)]
            if kind.gate and kind.gate.noise:
                k = kind.gate.slope / sqrt(2)
                atoms.append((Kind(kind.a - k**2, kind.b, None), n, value.scale(2 * k / sqrt(pi))))
        return collect(atoms)


def collect(atoms: list[tuple[Kind, int, Complex]]) -> AtomSum:
    """Add up atoms of one kind and power, and drop what vanishes."""
    sums: dict[Kind, dict[int, Complex]] = {}
    for kind, n, value in atoms:
        powers = sums.setdefault(kind, {})
        powers[n] = powers[n] + value if n in powers else value
    tidied = {kind: {n: clean(v) for n, v in sorted(powers.items())} for kind, powers in sums.items()}
    kept = {kind: {n: v for n, v in powers.items() if v} for kind, powers in tidied.items()}
    return AtomSum({kind: powers for kind, powers in kept.items() if powers})


def formula(kind: Kind, n: int, value: Complex) -> Expr:
    """One atom, and its complex conjugate where it has one, as a function of x."""
    growth = value * Complex(kind.b.re * x, kind.b.im * x).exp()
    size = growth.re * (2 if kind.b.im != 0 else 1)
    return size * x**n * exp(kind.a * x**2) * (kind.gate.formula() if kind.gate else 1)


def clean(value: Complex) -> Complex:
    """Tidy both parts."""
    return Complex(tidy(value.re), tidy(value.im))


def tidy(value: Expr) -> Expr:
    """A coefficient in a form in which zero is seen to be zero."""
    if value.is_Rational or value.is_Symbol:
        return value
    value = expand(TR8(expand(value))) if value.has(sin, cos) else expand(value)
    return ZERO if value.is_number and abs(value.n(15)) < 1e-10 and value.equals(0) else value
