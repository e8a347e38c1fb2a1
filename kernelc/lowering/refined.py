"""What pairs that ask for it get in double-double, from the plain formulas of a dual.

Where few digits are left of a difference, the same difference in twice the digits is what the formulas say.
"""

from __future__ import annotations

from collections.abc import Callable

from sympy import Rational

from kernelc.builder import Builder, Value
from kernelc.duals import Dual
from kernelc.lowering.formulas import GAP, Environment, at_itself, direct, signed, total
from kernelc.lowering.state import Pair, Row, Scope
from kernelc.symbols import kappa, rho, s1, s2, theta

Exact = Callable[[Dual, Builder], Value]


def refined(dual: Dual, scope: Scope, row: Row, pair: Pair, flag: Value, rough: Value, exact: Exact) -> Value:
    """``rough``, recomputed in double-double by the plain formulas where ``flag`` holds."""
    b = Builder()
    code = b.code({"value": exact(dual, b)})
    name = next((name for name, known in scope.exact.items() if known == code), f"exact_{len(scope.exact) + 1}")
    scope.exact[name] = code
    first, second = scope.save("s", scope.row.let("s", scope.row.sqrt(row.q)))
    known = {"s1": first, "s2": second, "gap": pair.gap, "side": pair.side}
    inputs = [known.get(name) or scope.pair.input(name, "scalar") for name, _ in code.inputs]
    return scope.pair.op("refine", flag, rough, *inputs, callee=name)


def exact_gap(dual: Dual, b: Builder) -> Value:
    """sin² of half the angle beside the side."""
    return b.op("max", Rational(1, 2) * (1 - exact_cosine(dual, b)), 0)


def exact_folded(dual: Dual, b: Builder) -> Value:
    """The smaller of sin² and cos² of half the angle."""
    return b.op("max", Rational(1, 2) * (1 - b.op("abs", exact_cosine(dual, b))), 0)


def exact_cosine(dual: Dual, b: Builder) -> Value:
    """The correlation; of a dual of one part beside the side, which it leaves as it is, or does not have."""
    roots, angle = _exact_inputs(b)
    values = [direct(p.nngp, b, angle) for p in dual.parts]
    if len(values) > 1:
        values = signed(dual, "odd", values, b.input("side", "pair"))
    moments = [total([direct(p.nngp, b, at_itself(b, root)) for p in dual.parts]) for root in roots]
    return total(values) / (b.sqrt(moments[0]) * b.sqrt(moments[1]))


def exact_slope(dual: Dual, b: Builder) -> Value:
    """E[φ'φ']."""
    values = [direct(p.ntk, b, _exact_inputs(b)[1]) for p in dual.parts]
    side = b.input("side", "pair") if any(p.parity == "even" for p in dual.parts) else b.wrap(1)
    return total(signed(dual, "even", values, side))


def _exact_inputs(b: Builder) -> tuple[tuple[Value, Value], Environment]:
    """√E[u²] and √E[v²], and all native coordinates."""
    roots, gap = (b.input("s1", "one"), b.input("s2", "two")), b.input("gap", "pair")
    angle = {s1: roots[0], s2: roots[1], GAP: gap, rho: 1 - 2 * gap, kappa: 2 * b.sqrt(gap * (1 - gap))}
    angle[theta] = 2 * b.op("atan2", b.sqrt(gap), b.sqrt(1 - gap))
    return roots, angle


def has_size(scope: Scope, q: Value) -> Value:
    """Whether both points have an image that is not zero: else there is no angle."""
    size1, size2 = scope.save("r", scope.row.let("r", scope.row.sqrt(q)))
    return scope.pair.op("lt", 0, size1 * size2)
