"""How fast eigenvalues fall: the exponent that theory gives, and the slope of those that were found.

Where the first derivative of φ to jump is the r-th, F(ρ) = E[φ(u)φ(v)] behaves like (1 − ρ)^{r + 1/2} at ρ = 1, and the
eigenvalues on S^{d−1} of a kernel that behaves like (1 − ρ)^ν fall like k^{−(d − 1) − 2ν}: as k^{−d−2r}. The tangent
kernel holds E[φ'φ'], which is rougher by one. Adding layers changes nothing (Bietti & Bach 2021, arXiv:2009.14397;
Chen & Xu 2021, arXiv:2009.10683). Activations that are analytic on the line give eigenvalues that fall faster than
any power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sympy
from sympy import Expr, Symbol

from kernelc.certificates.spectrum.sphere import State, walk
from kernelc.duals import Dual
from kernelc.duals.pieces import pieces
from kernelc.errors import KernelcError
from kernelc.foreign import PythonFunction
from kernelc.symbolic import SymbolicKernel
from kernelc.symbols import x

ORDERS = 8
SMOOTH = math.inf


@dataclass(frozen=True)
class _Rate:
    """The exponent of a kernel, ``inf`` where it falls faster; the smaller one wins in sums and products."""

    exponent: float

    def __add__(self, other: Any) -> _Rate:
        return _Rate(min(self.exponent, other.exponent)) if isinstance(other, _Rate) else self

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, _Rate):
            return self + other
        return 0 if other == 0 else self

    __rmul__ = __mul__


def exponent(kernel: SymbolicKernel, d: int, get: str) -> float | None:
    """p in λ_k ~ k^−p for the slower parity; ``inf``: they fall faster than any power; None: it is not known."""
    defaults = {Symbol(name, real=True): value for name, value in kernel.parameters}

    def activate(dual: Dual, state: State) -> State:
        r = roughness(dual.phi.xreplace(defaults))
        nngp, ntk = state.nngp, state.ntk
        if isinstance(nngp, _Rate):
            ntk = ntk if ntk is None or ntk == 0 else ntk * (nngp + _Rate(d + 2 * r - 2))
            nngp = nngp + _Rate(d + 2 * r)
        return State(1, nngp, ntk)

    try:
        start = State(1, _Rate(SMOOTH), 0 if get == "ntk" else None)
        end = walk(kernel.steps, start, lambda value: value.xreplace(defaults), activate)
    except (KernelcError, _UnknownError):
        return None
    found = end.nngp if get == "nngp" else end.ntk
    return found.exponent if isinstance(found, _Rate) else SMOOTH


class _UnknownError(Exception):
    """It is not known how smooth an activation is."""


def roughness(phi: Expr) -> float:
    """The lowest order of a derivative that jumps somewhere, 0 for φ itself; ``inf`` for one smooth piece."""
    if isinstance(phi, PythonFunction):
        raise _UnknownError
    found = SMOOTH
    for left, right in pairwise(pieces(phi)):
        found = min(found, _order(left.expr, right.expr, right.lo))
    return found


def _order(left: Expr, right: Expr, cut: Expr) -> int:
    difference = right - left
    for order in range(ORDERS):
        jump = sympy.N(difference.subs(x, cut), 30)
        if not jump.is_finite:
            raise _UnknownError
        if abs(jump) > sympy.Float("1e-20", 30):
            return order
        difference = difference.diff(x)
    raise _UnknownError


def slope(eigenvalues: Sequence[tuple[int, float]]) -> float | None:
    """The slope of log λ over log k by least squares over the upper half of the k; None for fewer than three."""
    top = max((k for k, _ in eigenvalues), default=0)
    used = [(math.log(k), math.log(value)) for k, value in eigenvalues if k >= max(1, top / 2) and value > 0]
    if len(used) < 3:
        return None
    middle = sum(a for a, _ in used) / len(used)
    height = sum(b for _, b in used) / len(used)
    return sum((a - middle) * (b - height) for a, b in used) / sum((a - middle) ** 2 for a, _ in used)
