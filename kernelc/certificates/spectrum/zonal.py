"""A network's kernel on the sphere as a function of ρ, ready for balls and for power series of balls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flint import arb
from sympy import And, Expr, Integer, Symbol
from sympy.core.relational import Relational

from kernelc.certificates.balls import enclose
from kernelc.certificates.spectrum.expansion import expansion
from kernelc.certificates.spectrum.formulas import Covariance, Derivative, formula
from kernelc.certificates.spectrum.rules import approximate
from kernelc.certificates.spectrum.sphere import Env, State, environment, walk
from kernelc.certificates.spectrum.trace import Node, Trace, is_zero
from kernelc.duals import Dual
from kernelc.errors import LoweringError, UnsupportedError
from kernelc.symbolic import SymbolicKernel
from kernelc.symbols import q1, x


@dataclass(frozen=True)
class Zonal:
    """k(ρ), recorded at one precision.

    ``top`` is k(1) = Σ b_k, where the formulas have a limit and balls have none. ``closed`` says that every activation
    has a formula; otherwise the Hermite expansions were cut off, and values near |ρ| = 1 are wide. ``proved`` says
    that the balls hold the exact values by proof, and not by the agreement of two numerical rules.
    """

    trace: Trace
    output: Any
    top: arb
    closed: bool
    proved: bool

    def __call__(self, rho: Any) -> Any:
        """The kernel at a ball, or at a power series of balls, strictly inside of (−1, 1)."""
        return self.trace.play(rho)[self.output.index] if isinstance(self.output, Node) else self.output


def zonal(kernel: SymbolicKernel, d: int, get: str, terms: int) -> Zonal:
    """The kernel of a network on the sphere |x|² = d at the present precision.

    ``terms``: of the Hermite expansions of activations that have no elementary formula. Raises UnsupportedError for the
    NTK of an activation that jumps, and where E[φ(z)²] is infinite.
    """
    if get == "ntk" and kernel.ntk_reason:
        raise UnsupportedError(kernel.ntk_reason)
    env = environment(kernel, d)
    trace = Trace()
    start = arb(0) if get == "ntk" else None
    defaults = {Symbol(name, real=True): value for name, value in kernel.parameters}
    rule = _Activate(env, defaults, terms)

    def number(value: Expr) -> arb:
        ball: arb = enclose(value, env)
        return ball

    end = walk(kernel.steps, State(arb(1), trace.start(), start), number, rule)
    top = walk(kernel.steps, State(arb(1), arb(1), start), number, rule)
    of: Callable[[State], Any] = (lambda state: state.nngp) if get == "nngp" else (lambda state: state.ntk)
    return Zonal(trace, of(end), of(top), rule.closed, rule.proved)


class _Activate:
    """What an activation does to the state; E[z²] and constants are balls, the rest is recorded."""

    def __init__(self, env: Env, defaults: dict[Symbol, Expr], terms: int) -> None:
        self.env, self.defaults, self.terms = env, defaults, terms
        self.closed = self.proved = True

    def __call__(self, dual: Dual, state: State) -> State:
        if is_zero(state.q):
            return self.at_zero(dual, state)
        self.check(dual, state.q)
        elementary = dual.tier == "exact"
        self.closed = self.closed and elementary
        return self.formula(dual, state) if elementary else self.expanded(dual, state)

    def formula(self, dual: Dual, state: State) -> State:
        q, nngp, ntk = state.q, state.nngp, state.ntk
        diagonal = enclose(dual.diag, {**self.env, q1: q})
        same = not isinstance(nngp, Node)  # a kernel that is constant on the sphere is E[z²] everywhere
        covariance = formula(dual.nngp, q, self.env)
        steepest = None if dual.ntk_reason else enclose(dual.ntk_diag, {**self.env, q1: q}).upper()
        value = diagonal if same else _apply(Covariance(covariance, steepest), nngp)
        if ntk is None or is_zero(ntk):
            return State(diagonal, value, ntk)
        if same:
            return State(diagonal, value, ntk * enclose(dual.ntk_diag, {**self.env, q1: q}))
        return State(diagonal, value, ntk * _apply(Derivative(covariance, formula(dual.ntk, q, self.env)), nngp))

    def expanded(self, dual: Dual, state: State) -> State:
        q, nngp, ntk = state.q, state.nngp, state.ntk
        wanted = ntk is not None and not is_zero(ntk)
        phi = dual.phi.xreplace(self.defaults)
        try:
            found = expansion(phi, q, self.terms, wanted)
        except (UnsupportedError, LoweringError):
            self.proved = False
            found = approximate(phi, q, self.terms, wanted)
        same = not isinstance(nngp, Node)
        value = found.nngp.total if same else _apply(found.nngp, nngp / q)
        if ntk is None or found.ntk is None:
            return State(found.nngp.total, value, ntk)
        dot = found.ntk.total if same else _apply(found.ntk, nngp / q)
        return State(found.nngp.total, value, ntk * dot)

    def at_zero(self, dual: Dual, state: State) -> State:
        """z = 0 at every point: σ_w = σ_b = 0."""
        value = enclose(dual.phi.xreplace({x: Integer(0)}), self.env)
        value = value * value
        if state.ntk is None or is_zero(state.ntk):
            return State(value, value, state.ntk)
        raise UnsupportedError(f"every z is 0 before φ = {dual.phi}: the NTK there needs φ'(0), which is not supported")

    def check(self, dual: Dual, q: arb) -> None:
        """Refuse where it is not proved that E[φ(z)²] is finite."""
        conditions = dual.domain.args if isinstance(dual.domain, And) else (dual.domain,)
        for condition in conditions:
            if isinstance(condition, Relational):
                gap = enclose(condition.gts - condition.lts, {**self.env, q1: q})
                if not gap > 0:
                    raise UnsupportedError(
                        f"E[φ(z)²] is infinite for φ = {dual.phi} at E[z²] = {q.str(8, radius=False)}: it needs "
                        f"{condition}"
                    )
            elif condition != True:  # noqa: E712 (SymPy's true is no bool)
                raise UnsupportedError(f"E[φ(z)²] is infinite for φ = {dual.phi}")


def _apply(function: Callable[[Any], Any], t: Node) -> Node:
    return t.trace.record(function, t)
