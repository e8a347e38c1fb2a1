"""Lowering of activations whose dual is no straight-line code: calls of the object that evaluates it in the module.

Such an object (:mod:`kernelc.runtime.table`, ``closed``, ``polar``) has ``moment(s)`` and ``slope_moment(s)`` for one
point, E[φ²] and E[φ'²], and for pairs ``angle(gap, side, s1, s2)``, gap and side behind φ, and ``dot(...)``, E[φ'φ'].
"""

from __future__ import annotations

from kernelc.builder import Value
from kernelc.lowering.state import Pair, Row, Scope


def attached(name: str, scope: Scope, row: Row, pair: Pair) -> tuple[Row, Pair]:
    """Σ' = E[φφ], Θ' = Θ·E[φ'φ'] by the object ``name``."""
    b = scope.pair
    root = scope.row.let("s", scope.row.sqrt(row.q))
    at = (pair.gap, pair.side, *scope.save("s", root))
    q, slope = moments(name, scope, root)
    places = "{0}, {1}, {2}, {3}"
    both = b.let("angle", b.op("call", *at, callee=f"{name}.angle({places})"))
    gap = b.let("gap_phi", b.op("call", both, callee="{0}[0]"))
    side = b.let("side_phi", b.op("call", both, callee="{0}[1]"))
    row_ntk, pair_ntk = row.ntk, pair.ntk
    if scope.has_ntk and not pair.ntk.is_number(0):
        row_ntk = row.ntk * slope
        pair_ntk = pair.ntk * b.let("dot", b.op("call", *at, callee=f"{name}.dot({places})"))
    return Row(q, row_ntk), Pair(gap, side, pair_ntk)


def moments(name: str, scope: Scope, root: Value) -> tuple[Value, Value]:
    """E[φ²] and E[φ'²] of one point by the object ``name``."""
    q = scope.row.let("q_phi", scope.row.op("call", root, callee=name + ".moment({0})"))
    return q, scope.row.op("call", root, callee=name + ".slope_moment({0})")
