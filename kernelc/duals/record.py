"""What the engine returns: the dual of an activation, in native and in public coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from sympy import Expr, latex
from sympy.logic.boolalg import Boolean

from kernelc.duals.dag import substitute
from kernelc.duals.deficit import deficit
from kernelc.duals.expectation import expectation, readable
from kernelc.duals.public import diagonal, in_moments, public
from kernelc.errors import UnsupportedError
from kernelc.symbols import c, q1, q2, x


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
class Closed:
    """A closed form of the special tier, for every angle: in s1, s2, rho, kappa, and at u = v in s1 alone.

    ``nngp`` is E[φ(u)φ(v)], ``ntk`` E[φ'(u)φ'(v)], ``nngp_diag`` E[φ(u)²] and ``ntk_diag`` E[φ'(u)²]; the two of the
    derivative are None where φ jumps.
    """

    nngp: Expr
    ntk: Expr | None
    nngp_diag: Expr
    ntk_diag: Expr | None


@dataclass(frozen=True)
class Dual:
    """E[φ(u)φ(v)] and E[φ'(u)φ'(v)] for (u, v) ~ N(0, [[q1, c], [c, q2]]).

    ``degree`` is k where φ is positively homogeneous of degree k, else None; ``nonnegative`` says that φ ≥ 0 is proved,
    ``smooth`` that φ has no hard gate; ``domain`` is the condition on q1 (and q2 likewise) under which E[φ²] is finite;
    ``stated_error`` is what the tier promises, and ``measure``, where given, finds the actual error; ``node_reason``
    says, in the series tier, what it is that has no closed form. ``parts`` belong to the exact tier, ``closed`` to the
    special one.
    """

    phi: Expr
    parts: tuple[Part, ...] = field(repr=False)
    degree: int | None
    nonnegative: bool
    smooth: bool
    domain: Boolean
    tier: str
    stated_error: float
    ntk_reason: str | None
    closed: Closed | None = field(default=None, repr=False)
    node_reason: str = ""
    measure: Callable[[], float] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def error_bound(self) -> float:
        """A bound for the error of compiled values, relative to √(E[φ(u)²]·E[φ(v)²]); in the series tier, measured."""
        return self.measure() if self.measure else self.stated_error

    @cached_property
    def nngp(self) -> Expr:
        """E[φ(u)φ(v)] in q1, q2, c."""
        if self.tier == "series":
            return expectation(self.phi)
        return in_moments(self.closed.nngp) if self.closed else public([part.nngp for part in self.parts])

    @cached_property
    def ntk(self) -> Expr:
        """E[φ'(u)φ'(v)] in q1, q2, c."""
        if self.ntk_reason:
            raise UnsupportedError(self.ntk_reason)
        if self.tier == "series":
            return expectation(self.phi.diff(x))
        return in_moments(self.closed.ntk) if self.closed else public([part.ntk for part in self.parts])

    @cached_property
    def diag(self) -> Expr:
        """E[φ(u)²] in q1."""
        if self.tier == "series":
            return substitute(self.nngp, {q2: q1, c: q1})
        return in_moments(self.closed.nngp_diag) if self.closed else diagonal(self.nngp)

    @cached_property
    def ntk_diag(self) -> Expr:
        """E[φ'(u)²] in q1."""
        if self.closed and not self.ntk_reason:
            return in_moments(self.closed.ntk_diag)
        return substitute(self.ntk, {q2: q1, c: q1})

    @cached_property
    def deficit(self) -> Expr:
        """√(E11 E22) − E12 for angles up to π/2, free of cancellation, in s1, s2, ds, rho, kappa, theta, gap."""
        return deficit([part.nngp for part in self.parts], self.degree)

    def latex(self) -> str:
        """The dual as LaTeX, printed from the SymPy objects; a formula of many pages as the mean that it is."""
        lines = [("\\varphi(u)\\,\\varphi(v)", readable(self.nngp, self.phi))]
        if not self.ntk_reason:
            lines.append(("\\varphi'(u)\\,\\varphi'(v)", readable(self.ntk, self.phi.diff(x))))
        names = {q1: "q_{1}", q2: "q_{2}", c: "c"}
        return "\n".join(f"\\mathbb{{E}}[{what}] = {latex(value, symbol_names=names)}" for what, value in lines)
