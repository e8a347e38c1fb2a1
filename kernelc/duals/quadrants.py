"""Fewer bivariate probabilities: P(X ≤ h, Y ≤ k; r) + P(X ≤ h, Y ≤ −k; −r) = Φ(h).

Where a set of formulas holds both of the left side, one of them is written by the other: each costs as much as all the
rest of a formula.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, atan, atan2

from kernelc.duals.dag import nodes, substitute
from kernelc.functions import ExpPhi, Phi2


def fold(values: Sequence[Expr]) -> list[Expr]:
    """The values with no two probabilities that add up to one of a lower dimension."""
    found = {node for value in values for node in nodes(value) if node.func is Phi2}
    names: dict[Expr, Expr] = {}
    for node in sorted(found, key=lambda node: (node.args[3].could_extract_minus_sign(), str(node))):
        E, h, k, r, w = node.args
        for other, rest in ((Phi2(E, -h, k, -r, w), k), (Phi2(E, h, -k, -r, w), h)):
            if node not in names and other in found and other != node and other not in names:
                names[other] = ExpPhi(E, rest) - node
    return [substitute(value, names) for value in values]


def arcs(value: Expr) -> Expr:
    """The value with atan2 where SymPy, seeing a positive second argument, wrote atan: programs know one arc."""
    found = [node for node in nodes(value) if node.func is atan]
    return substitute(value, {arc: _atan2(arc.args[0]) for arc in found})


def _atan2(quotient: Expr) -> Expr:
    above, below = quotient.as_numer_denom()
    number = below.as_coeff_Mul()[0]
    return atan2(above / number, below / number, evaluate=False)
