"""The dual of an activation as a function of c = E[uv] at E[u²] = E[v²] = q, in balls that stay tight through layers.

Its formula, put through ball arithmetic as it is, widens a ball by about 1/√(1 − c²/q²) where the function itself
hardly moves, and layers multiply that. So a formula is evaluated at the middle of a ball, and what the radius adds is
bounded by the derivative: F has Taylor coefficients ≥ 0, so that |F'(c)| ≤ F'(q) for |c| ≤ q.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flint import arb, arb_series, ctx
from sympy import Expr

from kernelc.certificates.balls import enclose, precision
from kernelc.certificates.spectrum.expansion import within
from kernelc.certificates.spectrum.sphere import Env
from kernelc.certificates.spectrum.trace import Node, Trace
from kernelc.symbols import c, q1, q2


@dataclass(frozen=True, eq=False)
class Formula:
    """An expression in q1, q2 and c, recorded at one q: a function of c."""

    trace: Trace
    output: Any

    def __call__(self, value: Any) -> Any:
        """The value at a ball, or at a power series of balls."""
        return self.trace.play(value)[self.output.index] if isinstance(self.output, Node) else self.output


def formula(expr: Expr, q: arb, env: Env) -> Formula:
    """Record an expression."""
    trace = Trace()
    return Formula(trace, enclose(expr, {**env, q1: q, q2: q, c: trace.start()}))


@dataclass(frozen=True, eq=False)
class Covariance:
    """F(c) = E[φ(u)φ(v)], with ``steepest`` ≥ F'(q) where φ has a derivative."""

    formula: Formula
    steepest: arb | None

    def __call__(self, value: Any) -> Any:
        """F at a ball, or of a power series."""
        if isinstance(value, arb_series):
            return compose(taylor(self.formula, value[0], ctx.cap), value)
        if self.steepest is None or value.rad() == 0:
            return self.formula(value)
        return self.formula(value.mid()) + within(value.rad() * self.steepest)


@dataclass(frozen=True, eq=False)
class Derivative:
    """F'(c) = E[φ'(u)φ'(v)] (Price 1958), with its own formula for balls; series are derived from that of F."""

    of: Formula
    formula: Formula

    def __call__(self, value: Any) -> Any:
        """F' at a ball, or of a power series."""
        if not isinstance(value, arb_series):
            return self.formula(value)
        found = taylor(self.of, value[0], ctx.cap + 1)
        return compose([j * f for j, f in enumerate(found)][1:], value)


def taylor(function: Formula, centre: arb, terms: int) -> list[arb]:
    """The Taylor coefficients of F at a ball: those at its middle, and for the rest of it the mean value theorem."""
    with precision(ctx.prec, terms + 1):
        middle = _coefficients(function(arb_series([centre.mid(), 1], terms + 1)), terms + 1)
        if centre.rad() == 0:
            return middle[:terms]
        around = _coefficients(function(arb_series([centre, 1], terms + 1)), terms + 1)
    found = []
    for j in range(terms):
        tight = middle[j] + within(centre.rad() * (j + 1) * abs(around[j + 1]))
        found.append(tight if tight.is_finite() else around[j])
    return found


def _coefficients(series: Any, terms: int) -> list[arb]:
    if not isinstance(series, arb_series):  # a constant
        return [series] + [arb(0)] * (terms - 1)
    return [series[j] for j in range(terms)]


def compose(coefficients: list[arb], inner: arb_series) -> arb_series:
    """Σ_j f_j (K − K(0))^j, f_j the Taylor coefficients at K(0)."""
    cap = ctx.cap
    moved = arb_series([arb(0), *(inner[n] for n in range(1, cap))], cap)
    return arb_series(coefficients[:cap], cap)(moved)
