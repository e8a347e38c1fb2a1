"""The series tier: any activation whose second moment is finite, by numbers.

There is no closed form; E[φ(u)φ(v)] is a node that says what it is, and compiled kernels take it from a table
(:mod:`kernelc.tables`) or, where φ has a kink off the origin, integrate it pair by pair.
"""

from __future__ import annotations

from sympy import Expr, Integer, true

from kernelc.duals.growth import Growth, growth
from kernelc.duals.record import Dual
from kernelc.duals.refusal import refuse
from kernelc.foreign import PythonFunction
from kernelc.symbols import x

ERROR = 1e-12


def derive(phi: Expr) -> Dual:
    """The dual of any activation in numbers; UnsupportedError where E[φ²] is infinite, or φ holds a parameter."""
    names = ", ".join(sorted(symbol.name for symbol in phi.free_symbols - {x}))
    if names:
        raise refuse(phi, f"without a closed form the dual is a table, and a table needs a number for {names}")
    if isinstance(phi, PythonFunction):
        jumps = type(phi).numeric().jumps
        found = Growth(Integer(0), true, f"{phi} jumps: there is no NTK (the NNGP exists)" if jumps else None)
    else:
        found = growth(phi)
    return Dual(
        phi=phi,
        parts=(),
        degree=None,
        nonnegative=False,
        smooth=False,
        domain=found.domain,
        tier="series",
        stated_error=ERROR,
        ntk_reason=found.ntk_reason,
    )
