"""An activation in pieces as a sum of atoms with edges.

Runs of neighbouring pieces that hold the same atom make one interval. An interval that holds 0 is left ungated, with
corrections from *outward* edges (H(x − t) for t > 0, H(t − x) for t < 0) that vanish as q → 0; where a correction would
grow, as e^x does on the right, edges that face the other way are taken instead, so that nothing large is subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Dummy, Expr, Integer, Poly, PolynomialError, erf, erfc, oo, sqrt

from kernelc.duals.atoms import AtomSum, Kind, collect
from kernelc.duals.complexes import Complex
from kernelc.duals.edges import Edge, EdgeSum, hard, soft
from kernelc.duals.pieces import Piece
from kernelc.duals.refusal import SERIES, refuse
from kernelc.duals.smooth import smooth
from kernelc.duals.zeros import position
from kernelc.symbols import x

NOTHING = AtomSum({})
Atom = tuple[Kind, int, Complex]


def assemble(parts: Sequence[Piece]) -> EdgeSum:
    """The sum of atoms that equals the pieces."""
    forms = [soften(part.expr) for part in parts]
    edges = {edge for form in forms for edge in form.terms if edge}
    total = EdgeSum({None: NOTHING})
    for edge in sorted(edges, key=str):
        factors = [form.terms.get(edge, NOTHING) for form in forms]
        if any(factor != factors[0] for factor in factors):
            raise refuse(erf((edge.slope * x + edge.offset) / sqrt(2)), f"a product of two gates; {SERIES}")
        total = total + EdgeSum({edge: factors[0]})
    for lo, hi, atom in runs([(part.lo, part.hi, form.base) for part, form in zip(parts, forms, strict=True)]):
        total = total + interval(atom, lo, hi)
    return one_sided(total)


def soften(phi: Expr) -> EdgeSum:
    """A formula without switches: linear in its error functions, with ungated factors."""
    phi = phi.replace(erfc, lambda z: 1 - erf(z))
    marks = {node: Dummy("erf") for node in phi.atoms(erf) if node.has(x)}
    marked = phi.xreplace(marks)
    total = EdgeSum({None: smooth(marked.xreplace({mark: Integer(0) for mark in marks.values()}))})
    for node, mark in marks.items():
        factor = marked.diff(mark)
        if factor.has(*marks.values()):
            inside = "a product of two gates" if marked.is_polynomial(*marks.values()) else "an error function inside"
            raise refuse(phi, f"{inside}; {SERIES}")
        k, m = _line(node)
        flip = -1 if k.could_extract_minus_sign() else 1
        total = total + EdgeSum({soft(flip * k, flip * m, 0): smooth(factor).scale(flip)})
    return total


def _line(node: Expr) -> tuple[Expr, Expr]:
    try:
        poly = Poly(node.args[0], x)
    except PolynomialError:
        poly = None
    if poly is None or poly.degree() > 1:
        raise refuse(node, f"its argument is not linear in x; {SERIES}")
    return poly.nth(1), poly.nth(0)


def runs(parts: Sequence[tuple[Expr, Expr, AtomSum]]) -> list[tuple[Expr, Expr, Atom]]:
    """Every atom with the longest intervals on which it is there."""
    found: list[tuple[Expr, Expr, Atom]] = []
    atoms = dict.fromkeys(atom for _, _, form in parts for atom in form)
    for kind, n, value in atoms:
        start = None
        for lo, hi, form in parts:
            here = form.terms.get(kind, {}).get(n) == value
            if here and start is None:
                start = lo
            if start is not None and not here:
                found.append((start, lo, (kind, n, value)))
                start = None
            last = hi
        if start is not None:
            found.append((start, last, (kind, n, value)))
    return found


def interval(atom: Atom, lo: Expr, hi: Expr) -> EdgeSum:
    """An atom between two cuts."""
    if lo is -oo and hi is oo:
        return _sum(atom, {None: 1})
    inside = (lo is -oo or position(lo) < 0) and (hi is oo or position(hi) > 0)
    left, right = _grows(atom[0], -1), _grows(atom[0], 1)
    if inside and (hi is oo or not right or left) and (lo is -oo or not left or right):
        ends: list[Edge] = [] if lo is -oo else [hard(lo, -1)]
        ends += [] if hi is oo else [hard(hi, 1)]
        return _sum(atom, {None: 1, **dict.fromkeys(ends, -1)})
    from_left = hi is oo or (lo is not -oo and (left if right != left else position(lo) + position(hi) > 0))
    if from_left:
        return _sum(atom, {hard(lo, 1): 1} if hi is oo else {hard(lo, 1): 1, hard(hi, 1): -1})
    return _sum(atom, {hard(hi, -1): 1} if lo is -oo else {hard(hi, -1): 1, hard(lo, -1): -1})


def _sum(atom: Atom, weights: dict[Edge | None, int]) -> EdgeSum:
    return EdgeSum({edge: collect([atom]).scale(weight) for edge, weight in weights.items()})


def _grows(kind: Kind, side: int) -> bool:
    """Whether e^{a x² + b x} may grow on a side."""
    a, b = kind.a, side * kind.b.re
    return not (a.is_negative or (a == 0 and b.is_nonpositive))


def one_sided(phi: EdgeSum) -> EdgeSum:
    """erf(kx + m) as a distribution function, 2Φ − 1 or 1 − 2Φ, unless it is centred and has no exponential."""
    total = EdgeSum({edge: atoms for edge, atoms in phi.terms.items() if edge is None or edge.side})
    for edge, atoms in phi.gated:
        for kind, powers in atoms.terms.items() if not edge.side else ():
            factor, base = AtomSum({kind: powers}), AtomSum({kind: total.base.terms.get(kind, {})})
            if factor != base and factor.scale(-1) != base and edge.centred and not kind.b:
                total = total + EdgeSum({edge: factor})
            else:
                side: int = -1 if factor.scale(-1) == base else 1
                gate = Edge(edge.slope, edge.offset, 1, -1 if side < 0 else 1)
                total = total + EdgeSum({gate: factor.scale(2 * side), None: factor.scale(-side)})
    return total
