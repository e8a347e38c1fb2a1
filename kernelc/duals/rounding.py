"""How much of its accuracy a dual may lose in float64: the condition of the sum that it is.

The dual adds up the duals of groups of atoms. Within a group nothing cancels, by the forms that are chosen for it; but
the groups may cancel each other, as x and sin x do in x − sin x near 0. With A = Σ |group| the loss is at most about
E[A²]/E[φ²], which is taken where it is worst over q from 1e-3 to 100.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

from kernelc.duals.atoms import AtomSum, Kind
from kernelc.duals.meansplit import cancels
from kernelc.duals.waves import waves

BOUND = 1e-13
UNIT = 2e-15

VARIANCES = [10.0 ** (k / 2) for k in range(-6, 5)]
NODES = [(z, z / 5) for z in (10.0 ** (k / 12) for k in range(-36, 0))] + [(1 + k / 2, 0.5) for k in range(40)]
"""Points z > 0 and weights: by ratio up to 1, then evenly, as far as e^{3x} carries at q = 30."""

Part = Callable[[float, float], list[complex]]
Key = tuple[object, ...]
Groups = dict[Key, list[tuple[Kind, int, complex]]]


def error_bound(atoms: AtomSum) -> float:
    """A bound for nngp and ntk, relative to √(E11·E22), for parameters of order one."""
    numbers = [part for kind, _, v in atoms for part in (kind.a, kind.b.re, kind.b.im, v.re, v.im)]
    numbers += [kind.gate.slope for kind in atoms.terms if kind.gate]
    if any(number.free_symbols for number in numbers):
        return BOUND
    derivative = [] if atoms.jump != 0 else [atoms.derivative()]
    return max(BOUND, *[UNIT * condition(phi) for phi in [atoms, *derivative]])


def condition(atoms: AtomSum) -> float:
    """E[A²]/E[φ²] where it is largest."""
    parts = [_values(atoms.part(parity), parity) for parity in (-1, 1)]
    growth = max((float(kind.a) for kind in atoms.terms), default=0.0)
    inside = [q for q in VARIANCES if 4 * growth * q < 1]
    return max((_ratio(parts, math.sqrt(q)) for q in inside), default=1.0)


def _ratio(parts: list[Part], s: float) -> float:
    """E[A²]/E[φ²] at q = s², and 1 where float64 holds neither."""
    try:
        values = [(weight, part(s * z, z)) for z, weight in NODES for part in parts]
        above = sum(weight * sum(map(abs, groups)) ** 2 for weight, groups in values)
        below = sum(weight * sum(groups).real ** 2 for weight, groups in values)
    except OverflowError:
        return 1.0
    return above / below if below > 0 else 1.0


def _values(part: AtomSum, parity: int) -> Part:
    """The groups as functions of x = √q z, times e^{−z²/4}."""
    split = parity == 1 and not any(kind.gate for kind in part.terms) and cancels(waves(part))
    groups: Groups = {}
    for kind, n, value in part:
        orbit = (kind.a, kind.b.re**2, kind.b.im**2, kind.b.re * kind.b.im, kind.gate, n if kind.gate else 0)
        groups.setdefault(orbit, []).append((kind, n, complex(float(value.re), float(value.im))))
    terms = [[(_function(kind, n, split), value) for kind, n, value in atoms] for atoms in groups.values()]
    origin = sum(value for atoms in groups.values() for _, n, value in atoms if n == 0) if split else 0

    def values(x: float, z: float) -> list[complex]:
        weight = math.exp(-z * z / 4)
        return [origin * weight, *(sum(value * f(x, z) for f, value in atoms) for atoms in terms)]

    return values


def _function(kind: Kind, n: int, split: bool) -> Callable[[float, float], complex]:
    """One atom without its coefficient; less its value at 0 where the mean is split off."""
    a, b = float(kind.a), complex(float(kind.b.re), float(kind.b.im))
    slope = float(kind.gate.slope) / math.sqrt(2) if kind.gate and kind.gate.noise else math.inf

    def value(x: float, z: float) -> complex:
        size = cmath.exp(a * x * x + b * x - z * z / 4) - (math.exp(-z * z / 4) if split and n == 0 else 0)
        return size * x**n * (math.erf(slope * x) if kind.gate else 1)

    return value
