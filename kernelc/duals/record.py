"""What the engine returns: the dual of an activation, in native and in public coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sympy import Expr, latex
from sympy.logic.boolalg import Boolean

from kernelc.duals.deficit import deficit
from kernelc.duals.public import diagonal, public
from kernelc.errors import UnsupportedError
from kernelc.symbols import c, q1, q2


@dataclass(frozen=True)
class Part:
    """The odd or the even part of φ; E[φφ] is the sum of the parts' duals, because odd × even vanishes.

    ``nngp`` is E[φ_P(u)φ_P(v)] and ``ntk`` E[φ_P'(u)φ_P'(v)], None where φ jumps, in the native coordinates s1, s2,
    rho, kappa, theta, gap. They are meant for folded angles, θ ≤ π/2: nngp of the odd and ntk of the even part are odd
    in rho, the other two even.
    """

    parity: Literal["odd", "even"]
    nngp: Expr
    ntk: Expr | None


@dataclass(frozen=True)
class Dual:
    """E[φ(u)φ(v)] and E[φ'(u)φ'(v)] for (u, v) ~ N(0, [[q1, c], [c, q2]]).

    ``degree`` is k where φ is positively homogeneous of degree k, else None; ``nonnegative`` says that φ ≥ 0 is proved,
    ``smooth`` that φ has no hard gate; ``domain`` is the condition on q1 (and q2 likewise) under which E[φ²] is finite;
    ``error_bound`` bounds the error of the closed form in float64, relative to √(E[φ(u)²]·E[φ(v)²]).
    """

    phi: Expr
    parts: tuple[Part, ...]
    degree: int | None
    nonnegative: bool
    smooth: bool
    domain: Boolean
    tier: str
    error_bound: float
    ntk_reason: str | None

    @cached_property
    def nngp(self) -> Expr:
        """E[φ(u)φ(v)] in q1, q2, c."""
        return public([part.nngp for part in self.parts])

    @cached_property
    def ntk(self) -> Expr:
        """E[φ'(u)φ'(v)] in q1, q2, c."""
        if self.ntk_reason:
            raise UnsupportedError(self.ntk_reason)
        return public([part.ntk for part in self.parts])

    @cached_property
    def diag(self) -> Expr:
        """E[φ(u)²] in q1."""
        return diagonal(self.nngp)

    @cached_property
    def deficit(self) -> Expr:
        """√(E11 E22) − E12 for angles up to π/2, free of cancellation, in s1, s2, ds, rho, kappa, theta, gap."""
        return deficit([part.nngp for part in self.parts], self.degree)

    def latex(self) -> str:
        """The dual as LaTeX, printed from the SymPy objects."""
        lines = [("\\varphi(u)\\,\\varphi(v)", self.nngp)]
        if not self.ntk_reason:
            lines.append(("\\varphi'(u)\\,\\varphi'(v)", self.ntk))
        names = {q1: "q_{1}", q2: "q_{2}", c: "c"}
        return "\n".join(f"\\mathbb{{E}}[{what}] = {latex(value, symbol_names=names)}" for what, value in lines)
