"""An activation as NumPy code that neither overflows nor cancels where the formula as written would.

The formula is cut into pieces (``pieces``), rewritten in robust functions (``rewriting``) and printed
(``numpy_print``), in more branches than it has pieces where that is needed (``numeric_branches``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import mpmath
import numpy as np
from sympy import Expr

from kernelc.duals.joints import beside, has_poles, is_jump, parity_of
from kernelc.duals.numeric_branches import Branch, rows_of
from kernelc.duals.numpy_function import RUNTIME, PieceFunction, Real
from kernelc.duals.numpy_print import text
from kernelc.duals.pieces import pieces
from kernelc.duals.rewriting import derivative
from kernelc.duals.singular import singularities
from kernelc.duals.zeros import position
from kernelc.errors import UnsupportedError
from kernelc.foreign import PythonFunction
from kernelc.symbols import x

__all__ = ["RUNTIME", "Numeric", "Real", "derivative", "numeric", "text"]


@dataclass(frozen=True)
class Numeric:
    """An activation in float64."""

    kinks: tuple[float, ...]
    jumps: bool
    """Whether φ is discontinuous somewhere."""
    singular: bool
    """Whether φ or φ' is unbounded near some point."""
    value: Real
    slope: Real
    """φ'; at a kink, its value on one side."""
    at_zero: float
    slope_at_zero: float
    parity: int = 0
    """1 where φ is even, -1 where it is odd, by proof."""
    edges: tuple[float, ...] = ()
    """Where the branches begin, from the second on."""
    branches: tuple[Branch, ...] = ()
    integrable: bool = True
    """Whether φ'² is integrable beside every point where φ' is unbounded."""

    @property
    def has_ntk(self) -> bool:
        """Whether E[φ'(u)²] is finite, as far as single points matter."""
        return not self.jumps and self.integrable

    @property
    def steep(self) -> bool:
        """Whether φ' is infinite at a point, but has a dual."""
        return self.singular and self.has_ntk

    def source(self, name: str) -> str:
        """The functions ``name(x)`` and ``name_slope(x)`` as text that needs ``np`` and :data:`RUNTIME`."""
        if not self.branches:
            raise UnsupportedError("a Python function has no formula: write the activation as a formula")
        values = _definition(name, self.edges, [b.value for b in self.branches])
        return values + "\n\n" + _definition(f"{name}_slope", self.edges, [b.slope for b in self.branches])


def numeric(phi: Expr) -> Numeric:
    """The activation in float64.

    Raises UnsupportedError where the formula has parameters that are not numbers, or kinks that cannot be found.
    """
    if isinstance(phi, PythonFunction):
        found: Numeric = type(phi).numeric()
        return found
    others = sorted(str(s) for s in phi.free_symbols - {x})
    if others:
        raise UnsupportedError(f"'{phi}' depends on {', '.join(others)}: give a number for it")
    return _numeric(phi)


@lru_cache(maxsize=64)
def _numeric(phi: Expr) -> Numeric:
    parts = pieces(phi)
    rows = [row for part in parts for row in rows_of(part)]
    edges = tuple(_edge(row.lo) for row in rows[1:])
    branches = tuple(row.branch for row in rows)
    value = PieceFunction(edges, [b.value for b in branches], [row.expr for row in rows])
    slope = PieceFunction(edges, [b.slope for b in branches], [row.slope for row in rows])
    sides = [(beside(left.expr, right.lo, -1), beside(right.expr, right.lo, 1)) for left, right in pairwise(parts)]
    singular = any(side.singular for pair in sides for side in pair) or any(has_poles(p) for p in parts)
    return Numeric(
        tuple(float(position(p.lo)) + 0.0 for p in parts[1:]),
        any(is_jump(left, right) for left, right in sides),
        singular,
        value,
        slope,
        value.at_zero(),
        slope.at_zero(),
        parity_of(parts),
        edges,
        branches,
        not singular or _has_integrable_slope(phi),
    )


def _has_integrable_slope(phi: Expr) -> bool:
    """Whether E[φ'²] is finite, as far as single points matter."""
    try:
        return singularities(phi)[1] is None
    except UnsupportedError:  # not even φ² is integrable
        return False


def _edge(cut: Expr) -> float:
    """The smallest float64 that is not left of a cut."""
    with mpmath.workdps(60):
        exact = position(cut)
        near = float(exact)
        return near + 0.0 if mpmath.mpf(near) >= exact else float(np.nextafter(near, np.inf))


def _definition(name: str, edges: Sequence[float], texts: Sequence[str]) -> str:
    """A function of x as text, one branch a line."""
    lines = ['@np.errstate(all="ignore")', f"def {name}(x):", "    x = np.asarray(x, dtype=np.float64)"]
    if len(texts) == 1:
        lines.append(f"    return {texts[0]}" if "x" in _names(texts[0]) else f"    return np.full_like(x, {texts[0]})")
        return "\n".join(lines) + "\n"
    lines.append(f'    piece = np.searchsorted([{", ".join(map(repr, edges))}], x, side="right")')
    conditions = ", ".join(f"piece == {i}" for i in range(len(texts)))
    lines.append(f"    return np.piecewise(x, [{conditions}], [")
    lines += [f"        lambda x: {text}," for text in texts]
    lines.append("    ])")
    return "\n".join(lines) + "\n"


def _names(text: str) -> set[str]:
    return set(compile(text, "<formula>", "eval").co_names)
