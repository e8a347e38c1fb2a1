"""The exact tier: activations that are sums of xⁿ·e^{ax² + bx}, gates at the origin and nothing else.

The dual of such a sum is elementary: the normal form splits by parity, and every pair of atoms of one part has a
closed form, by Stein's identity where there is a gate and by Gaussian integrals where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sympy import Add, Expr, atan, atan2, fraction

from kernelc.duals.atoms import HARD, AtomSum, Kind, Powers, formula
from kernelc.duals.dag import nodes, substitute
from kernelc.duals.facts import domain, homogeneity, is_nonnegative
from kernelc.duals.gated import Reals, gated_pair
from kernelc.duals.interference import wave_pair
from kernelc.duals.meansplit import cancels, split_dual
from kernelc.duals.record import Dual, Part
from kernelc.duals.refusal import SERIES, SPECIAL, refuse
from kernelc.duals.rounding import error_bound
from kernelc.duals.smooth import normal_form
from kernelc.duals.waves import waves
from kernelc.symbols import s1, s2

T = TypeVar("T")

LOST = 1e-6
SWAP = {s1: s2, s2: s1}
JUMPS = "{phi} jumps at 0: E[φ'(u)φ'(v)] is infinite at u = v, so there is no NTK (the NNGP exists)"


def derive(phi: Expr) -> Dual:
    """The dual of an activation of the exact class; UnsupportedError names the node that leaves the class."""
    atoms = normal_form(phi)
    jumps = atoms.jump != 0
    parts = tuple(part for part in (_part(atoms, -1, jumps), _part(atoms, 1, jumps)) if part)
    error = error_bound(atoms)
    if error > LOST:
        raise refuse(phi, f"its terms cancel near 0, and the closed form would lose all but a few digits; {SERIES}")
    return Dual(
        phi=phi,
        parts=parts,
        degree=homogeneity(atoms),
        nonnegative=is_nonnegative(phi),
        smooth=all(kind.gate != HARD for kind in atoms.terms),
        domain=domain(atoms),
        tier="exact",
        stated_error=error,
        ntk_reason=JUMPS.format(phi=phi) if jumps else None,
    )


def _part(atoms: AtomSum, parity: int, jumps: bool) -> Part | None:
    part = atoms.part(parity)
    if not part.terms:
        return None
    ntk = None if jumps else expectation(part.derivative(), -parity)
    return Part("even" if parity == 1 else "odd", expectation(part, parity), ntk)


def expectation(part: AtomSum, parity: int) -> Expr:
    """E[φ(u)φ(v)] of an odd or even sum of atoms, in native coordinates at folded angles."""
    return _arcs(_pairs(part, parity))


def _arcs(value: Expr) -> Expr:
    """The value with atan2 where SymPy, seeing a positive second argument, wrote atan: programs know one arc."""
    arcs = {arc: _atan2(arc.args[0]) for arc in nodes(value) if arc.func is atan}
    return substitute(value, arcs)


def _atan2(quotient: Expr) -> Expr:
    """atan2 of a fraction, without the whole numbers that exact decimals leave below the bar: they may overflow."""
    above, below = fraction(quotient)
    number = below.as_coeff_Mul()[0]
    return atan2(above / number, below / number, evaluate=False)


def _pairs(part: AtomSum, parity: int) -> Expr:
    ungated = waves(part)
    gated = [(kind, _reals(powers)) for kind, powers in part.terms.items() if kind.gate]
    if not gated:
        if parity == 1 and cancels(ungated):
            return split_dual(ungated)
        return _both_orders(ungated, lambda one, two: wave_pair(one, two, parity))
    _refuse_exponentials(part)
    plain = [(Kind(wave.a, wave.b, None), _reals(wave.q)) for wave in ungated]
    mixed = Add(*[gated_pair(*one, *two) for one in plain for two in gated])
    return Add(
        _both_orders(ungated, lambda one, two: wave_pair(one, two, parity)),
        _both_orders(gated, lambda one, two: gated_pair(*one, *two)),
        mixed,
        substitute(mixed, SWAP),
    )


def _both_orders(items: Sequence[T], dual: Callable[[T, T], Expr]) -> Expr:
    """The sum over all ordered pairs; a pair in the other order is the same dual with u and v exchanged."""
    equal = Add(*[dual(item, item) for item in items])
    unequal = Add(*[dual(one, two) for i, one in enumerate(items) for two in items[i + 1 :]])
    return equal + unequal + substitute(unequal, SWAP)


def _reals(powers: Powers) -> Reals:
    return {n: value.re for n, value in powers.items()}


def _refuse_exponentials(part: AtomSum) -> None:
    """An odd or even part that holds a gate must not hold e^{bx} too."""
    gated = [atom for atom in part if atom[0].gate]
    tilted = [atom for atom in gated if atom[0].b] or [atom for atom in part if atom[0].b]
    if tilted:
        kind = tilted[0][0]
        what = "an oscillation" if kind.b.re == 0 else "an exponential"
        where = "with a gate on it" if kind.gate else f"beside a gate of the same parity, {formula(*gated[0])}"
        raise refuse(formula(*tilted[0]), f"{what} {where}; {SPECIAL}")
