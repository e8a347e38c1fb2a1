"""The recursion of a network in ball arithmetic, on numbers or on power series.

It runs on the public formulas of the duals, step by step, as :mod:`kernelc.exact` does.

**Cut series.** Where a dual has no elementary formula its Hermite series is cut after ``TERMS`` terms
(:mod:`expansion`), on points of one second moment. What is left out has coefficients ≥ 0 in ρ, through all later
layers too, because sums, products and compositions of series with coefficients ≥ 0 only grow with them. So the
kernel that is left out is positive semidefinite (Schoenberg 1942), and a lower bound on λ_min of the cut matrix is
one for the exact matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flint import arb
from sympy import Expr, Integer, Symbol
from sympy.core.relational import Relational

from kernelc.certificates.balls import precision
from kernelc.certificates.data.tapes import number, tape
from kernelc.certificates.spectrum.expansion import Coefficients, expansion
from kernelc.errors import UnsupportedError
from kernelc.steps import INPUT_WIDTH, ActivationStep, DenseStep, Step, activations
from kernelc.symbolic import SymbolicKernel
from kernelc.symbols import c, q1, q2, x


@dataclass(frozen=True)
class State:
    """E[u²], E[v²], E[uv] and the tangent kernel (None: not wanted). ``one`` says that u and v have one variance."""

    q1: Any
    q2: Any
    cross: Any
    ntk: Any
    one: bool = False


Mode = Literal["cut", "whole", "diagonal"]

TERMS = 160
SERIES_BITS = 128


@dataclass(frozen=True)
class Walk:
    """A kernel to be evaluated in balls: the steps, the kernel wanted, and what its symbols stand for.

    ``cut``: some series is cut, and :meth:`zonal` is the kernel without the rest; :meth:`diagonal` is exact all the
    same.
    """

    steps: tuple[Step, ...]
    get: str
    width: int
    parameters: tuple[tuple[str, Expr], ...]

    @property
    def cut(self) -> bool:
        """Whether there is a dual without an elementary formula."""
        return any(step.dual.tier != "exact" for step in activations(self.steps))

    def top(self, q: Any) -> Any:
        """The value of :meth:`zonal` at ρ = 1."""
        return self.zonal(q, q) if self.cut else self.diagonal(q)

    def env(self) -> dict[Symbol, Any]:
        """The input's width and the parameters as balls."""
        named = {Symbol(name, real=True): number(value) for name, value in self.parameters}
        return {INPUT_WIDTH: arb(self.width), **named}

    def pair(self, first: Any, second: Any, cross: Any) -> Any:
        """k for two points with these second moments E[u²], E[v²], E[uv] at the input."""
        return self._end(State(first, second, cross, self._zero(cross)), "cut")

    def zonal(self, q: Any, cross: Any) -> Any:
        """k for two points of one second moment q."""
        return self._end(State(q, q, cross, self._zero(cross), one=True), "cut")

    def diagonal(self, q: Any) -> Any:
        """k(x, x) for a point of second moment q."""
        return self._end(State(q, q, q, self._zero(q), one=True), "diagonal")

    def left(self, q: arb, rho: arb) -> arb:
        """A ball around what cut series leave out of h(ρ), ρ ≥ 0: it grows with ρ."""
        start = State(q, q, q * rho, self._zero(q), one=True)
        rest: arb = self._end(start, "whole") - self._end(start, "cut")
        return rest

    def _zero(self, like: Any) -> Any:
        return None if self.get == "nngp" else like * 0

    def _end(self, state: State, mode: Mode) -> Any:
        end = _run(self.steps, state, self.env(), mode)
        return end.cross if self.get == "nngp" else end.ntk


def walk(kernel: SymbolicKernel, get: str, width: int) -> Walk:
    """The walk of a derived kernel on points of ``width`` columns. Raises UnsupportedError where there is no NTK."""
    if get == "ntk" and kernel.ntk_reason:
        raise UnsupportedError(kernel.ntk_reason)
    return Walk(kernel.steps, get, width, kernel.parameters)


def _run(steps: tuple[Step, ...], state: State, env: Mapping[Symbol, Any], mode: Mode) -> State:
    for step in steps:
        if isinstance(step, DenseStep):
            state = _dense(step, state, env)
        elif isinstance(step, ActivationStep):
            state = _activation(step, state, env, mode)
        else:
            ends = [_run(branch, state, env, mode) for branch in step.branches]
            total = ends[0]
            for end in ends[1:]:
                ntk = None if state.ntk is None else total.ntk + end.ntk
                total = State(total.q1 + end.q1, total.q2 + end.q2, total.cross + end.cross, ntk, state.one)
            state = total
    return state


def _dense(step: DenseStep, state: State, env: Mapping[Symbol, Any]) -> State:
    W, b, W_gain, b_gain = (tape(e).run(env) for e in (step.W_var, step.b_var, step.W_gain, step.b_gain))
    ntk = None if state.ntk is None else W * state.ntk + W_gain * state.cross + b_gain
    first = W * state.q1 + b
    return State(first, first if state.one else W * state.q2 + b, W * state.cross + b, ntk, state.one)


def _activation(step: ActivationStep, state: State, env: Mapping[Symbol, Any], mode: Mode) -> State:
    dual = step.dual
    if dual.tier != "exact":
        return _series(step, state, env, mode)
    _check_domain(dual.domain, state, env)
    if _zero(state.q1) or _zero(state.q2):
        return _at_origin(step, state, env)
    at = {**env, q1: state.q1, q2: state.q2, c: state.cross}
    first = tape(dual.diag).run(at)
    second = first if state.one else tape(dual.diag).run({**env, q1: state.q2})
    cross = first if mode == "diagonal" else tape(dual.nngp).run(at)
    if state.ntk is None:
        return State(first, second, cross, None, state.one)
    dot = tape(dual.ntk_diag if mode == "diagonal" else dual.ntk).run(at)
    return State(first, second, cross, state.ntk * dot, state.one)


def _zero(q: Any) -> bool:
    return isinstance(q, arb) and bool(q == 0)


def _at_origin(step: ActivationStep, state: State, env: Mapping[Symbol, Any]) -> State:
    """u = 0 or v = 0 for certain, and so φ(0) = 0 there; what was 0 before stays so: Θ has no part that Σ has not."""
    if step.dual.phi.xreplace({x: Integer(0)}) != 0 or not (state.ntk is None or _zero(state.ntk)):
        raise UnsupportedError(f"E[z²] = 0 before '{step.label}': a row at the origin has no ball there")
    first, second = (q if _zero(q) else tape(step.dual.diag).run({**env, q1: q}) for q in (state.q1, state.q2))
    return State(first, second, arb(0), None if state.ntk is None else arb(0), state.one)


def _series(step: ActivationStep, state: State, env: Mapping[Symbol, Any], mode: Mode) -> State:
    """The activation by its Hermite series; on the diagonal by its second moments."""
    if not state.one or not isinstance(state.q1, arb):
        raise UnsupportedError(
            f"the dual of '{step.label}' has no elementary formula, and its series is proved on one sphere only: ask "
            f"for the "
            "kernel of the rows' directions (normalize=True)"
        )
    slope = state.ntk is not None
    phi = step.dual.phi
    if phi.free_symbols - {x}:
        raise UnsupportedError(f"the dual of '{step.label}' has no elementary formula, and holds parameters")
    with precision(SERIES_BITS):
        q = state.q1
        found = expansion(phi, q, TERMS, slope)
    total = found.nngp.total
    if mode == "diagonal":
        cross = total
        dot = found.ntk.total if found.ntk else None
    else:
        t = state.cross / state.q1
        cross = _part(found.nngp, t, mode)
        dot = _part(found.ntk, t, mode) if found.ntk else None
    return State(total, total, cross, None if dot is None else state.ntk * dot, one=True)


def _part(series: Coefficients, t: Any, mode: Mode) -> Any:
    """The series cut or, at a number, whole: Σ_{m ≥ M} f_m t^m is at most its sum at 1 times |t|^M."""
    return series.value(t) if mode == "whole" else _polynomial(series.values, t)


def _polynomial(values: tuple[arb, ...], t: Any) -> Any:
    """Σ f_m t^m."""
    found = values[-1] + t * 0
    for value in reversed(values[:-1]):
        found = found * t + value
    return found


def _check_domain(domain: Any, state: State, env: Mapping[Symbol, Any]) -> None:
    """E[φ²] is finite: a formula outside of its domain gives balls that hold nothing."""
    for condition in domain.atoms(Relational):
        for q in (state.q1, state.q2):
            excess = tape(condition.lts - condition.gts).run({**env, q1: q})
            if not (excess if isinstance(excess, arb) else excess[0]) < 0:
                raise UnsupportedError(f"E[φ(z)²] is not proved finite: {condition} at q1 = {q}")
