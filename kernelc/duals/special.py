"""The special tier: piecewise sums of xⁿ·e^{ax² + bx} with kinks and error functions anywhere.

The activation is cut into pieces, written as a sum of atoms with edges (``assemble``), and every pair of atoms has a
closed form in normal probabilities of dimension ≤ 2 (``stein``), or in Dawson's function where a wave meets a gate
(``ripples``). Fractional powers of |x| have theirs in ₂F₁ (``powers``).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from sympy import Abs, Add, Expr, Float, Integer, Rational, sign

from kernelc.duals.assemble import assemble
from kernelc.duals.atoms import AtomSum, formula
from kernelc.duals.complexes import Complex
from kernelc.duals.dag import nodes, substitute
from kernelc.duals.edges import Edge, EdgeSum
from kernelc.duals.exact import expectation
from kernelc.duals.facts import guard
from kernelc.duals.loss import error_bound
from kernelc.duals.meeting import SAME, second_moment
from kernelc.duals.pieces import Piece, pieces
from kernelc.duals.powers import power_dual
from kernelc.duals.quadrants import arcs, fold
from kernelc.duals.record import Closed, Dual
from kernelc.duals.refusal import SERIES, refuse
from kernelc.duals.ripples import ripple_dual
from kernelc.duals.signs import is_nonnegative
from kernelc.duals.stein import pair_dual
from kernelc.symbols import gap, rho, s1, s2

SWAP = {s1: s2, s2: s1}
LOST = 1e-6
JUMPS = "{phi} jumps at {where}: E[φ'(u)φ'(v)] is infinite at u = v, so there is no NTK (the NNGP exists)"

MAX_DEGREE = 8
MAX_ATOMS = 12
MAX_NODES = 6000


def derive(phi: Expr) -> Dual:
    """The dual of an activation of the special class; UnsupportedError names the node that leaves the class."""
    parts = pieces(phi)
    powers = power_dual(phi, parts)
    if powers:
        return powers
    form = assemble([_rational(part) for part in parts])
    _check(phi, form)
    closed = _closed(form)
    if sum(len(nodes(value)) for value in (closed.nngp, closed.ntk) if value is not None) > MAX_NODES:
        raise refuse(phi, f"its closed form has more than {MAX_NODES} operations; {SERIES}")
    error = error_bound(closed, guard({kind.a for kind in form.kinds}))
    if error > LOST:
        raise refuse(phi, f"its terms cancel, and the closed form would lose all but a few digits; {SERIES}")
    where = ", ".join(map(str, form.jumps))
    return Dual(
        phi=phi,
        parts=(),
        degree=None,
        nonnegative=is_nonnegative(parts),
        smooth=all(edge.noise for edge, _ in form.gated),
        domain=guard({kind.a for kind in form.kinds}),
        tier="special",
        stated_error=error,
        ntk_reason=JUMPS.format(phi=phi, where=where) if where else None,
        closed=closed,
    )


def _rational(part: Piece) -> Piece:
    """Kinks that were found numerically as the fractions that their digits show: exact in all that follows."""
    lo, hi = (Rational(str(end)) if isinstance(end, Float) else end for end in (part.lo, part.hi))
    return Piece(lo, hi, part.expr)


def _closed(form: EdgeSum) -> Closed:
    nngp, nngp_diag = fold([expectation_of(form)]), fold([moment_of(form)])
    if form.jumps:
        return Closed(arcs(nngp[0]), None, arcs(nngp_diag[0]), None)
    slope = form.derivative()
    values = fold([*nngp, expectation_of(slope)]) + fold([*nngp_diag, moment_of(slope)])
    return Closed(*map(arcs, values))


def _check(phi: Expr, form: EdgeSum) -> None:
    """Refuse what would grow beyond all bounds, or is no function of the class."""
    count = 0
    for _, atoms in form.gated:
        for kind, n, value in atoms:
            count += 1
            if kind.b.im != 0:
                raise refuse(formula(kind, n, value), f"an oscillation with a gate on it; {SERIES}")
            if n > MAX_DEGREE:
                raise refuse(phi, f"a degree above {MAX_DEGREE} with a gate on it; {SERIES}")
    if count > MAX_ATOMS:
        raise refuse(phi, f"more than {MAX_ATOMS} terms with gates; {SERIES}")


def expectation_of(form: EdgeSum) -> Expr:
    """E[φ(u)φ(v)] in s1, s2, rho, kappa."""
    edges = form.gated
    mixed = Add(*[dual(form.base, None, atoms, edge) for edge, atoms in edges])
    unequal = Add(
        *[dual(left, edge1, right, edge2) for i, (edge1, left) in enumerate(edges) for edge2, right in edges[i + 1 :]]
    )
    equal = [dual(atoms, edge, atoms, edge) for edge, atoms in edges]
    total = Add(_ungated(form.base), *equal, mixed, substitute(mixed, SWAP), unequal, substitute(unequal, SWAP))
    return total


def moment_of(form: EdgeSum) -> Expr:
    """E[φ(u)²] in s1."""
    return Add(substitute(_ungated(form.base), SAME), second_moment(form, dual))


def dual(left: AtomSum, edge1: Edge | None, right: AtomSum, edge2: Edge | None) -> Expr:
    """E[f(u)g1(u)·h(v)g2(v)] of ungated sums f, h and gates."""
    terms = []
    for (one, p), (two, q) in product(left.terms.items(), right.terms.items()):
        if one.b.im != 0 or two.b.im != 0:
            terms.append(ripple_dual(one, edge1, p, two, edge2, q))
        else:
            terms.append(pair_dual(one, edge1, _reals(p), two, edge2, _reals(q)))
    return Add(*terms)


def _reals(powers: Mapping[int, Complex]) -> dict[int, Expr]:
    return {n: value.re for n, value in powers.items()}


def _ungated(base: AtomSum) -> Expr:
    """The dual of the ungated part, by parity as in the exact tier, whose forms are sound for ρ ≥ 0: waves take |ρ|."""
    total = []
    for parity in (-1, 1):
        part = base.part(parity)
        value = substitute(expectation(part, parity), {gap: (1 - rho) / 2}) if part.terms else Integer(0)
        if any(kind.b for kind in part.terms):
            folded = substitute(value, {rho: Abs(rho)})
            value = folded if parity == 1 else sign(rho) * folded
        total.append(value)
    return Add(*total)
