"""The second moment E[φ(u)²] of a sum with edges: the dual at u = v, where two hard edges are one.

H(x − t)·H(x − r) is the edge farther out, and H(x − t)·H(r − x) an interval; after that at most one hard edge is left
in every term, and nothing in ``stein`` is singular at ρ = 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sympy import Add, Expr, Integer, oo

from kernelc.duals.assemble import interval
from kernelc.duals.atoms import AtomSum, Kind
from kernelc.duals.complexes import ZERO, real
from kernelc.duals.dag import substitute
from kernelc.duals.edges import Edge, EdgeSum
from kernelc.duals.smooth import constant
from kernelc.duals.zeros import position
from kernelc.symbols import kappa, rho, s1, s2

Dual = Callable[[AtomSum, Edge | None, AtomSum, Edge | None], Expr]

PLAIN = Kind(ZERO, real(0), None)
SAME = {rho: Integer(1), kappa: Integer(0), s2: s1}


def second_moment(phi: EdgeSum, dual: Dual) -> Expr:
    """E[φ(u)²] less that of the ungated part; ``dual`` gives E[f(u)g1(u)·h(v)g2(v)]."""
    single = EdgeSum({edge: (phi.base * atoms).scale(2) for edge, atoms in phi.gated})
    pairs: list[Expr] = []
    edges = phi.gated
    for i, (edge1, left) in enumerate(edges):
        for j, (edge2, right) in enumerate(edges[i:], i):
            twice = 1 if i == j else 2
            if edge1.noise or edge2.noise:
                pairs.append(twice * dual(left, edge1, right, edge2))
            else:
                for lo, hi in _overlap(edge1, edge2):
                    for atom in left * right:
                        single = single + _scaled(interval(atom, lo, hi), twice)
    one = constant(Integer(1))
    terms = [dual(atoms, edge, one, None) for edge, atoms in single.terms.items() if atoms.terms]
    return substitute(Add(*terms, *pairs), SAME)


def _scaled(phi: EdgeSum, factor: int) -> EdgeSum:
    return EdgeSum({edge: atoms.scale(factor) for edge, atoms in phi.terms.items()})


def _overlap(one: Edge, two: Edge) -> Iterator[tuple[Expr, Expr]]:
    """Where two hard edges are both 1."""
    lows = [edge.at for edge in (one, two) if edge.side == 1]
    highs = [edge.at for edge in (one, two) if edge.side == -1]
    lo, hi = max(lows, key=position, default=-oo), min(highs, key=position, default=oo)
    if lo is -oo or hi is oo or position(lo) < position(hi):
        yield lo, hi
