"""The dual of a pair of atoms with gates: Stein's identity, memoised.

For (U, V) ~ N(0, T), T the tilted covariance in units of s1, s2 (see ``tilt``), and gates g1 = sgn(G1), g2 = sgn(G2)
with G1 = slope1·U + noise, G2 = slope2·V + noise, Gaussian integration by parts says

    E[U·P·g1·g2] = E[∂U P g1 g2]·T11 + E[∂V P g1 g2]·T12 + Σ_k 2 Cov(U, G_k) E[P·δ(G_k)·(the other gate)],

and δ(G_k) conditions on G_k = 0, times the density of G_k there, 1/√(2π Var G_k). Each step lowers a degree or removes
a gate, so it ends; the last leaf is Sheppard's orthant formula E[sgn G1 sgn G2] = (2/π) arcsin corr(G1, G2). The
conditional covariances are written in their positive forms, never as Schur differences: at folded angles every term
is ≥ 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sympy import QQ, Add, Dummy, Expr, Integer, atan2, expand, factor, factor_terms, pi, ring, sqrt

from kernelc.duals.atoms import HARD, Gate, Kind
from kernelc.duals.complexes import ZERO
from kernelc.duals.dag import substitute
from kernelc.duals.tilt import tilt
from kernelc.symbols import kappa, rho, s1, s2, theta

Reals = Mapping[int, Expr]
State = tuple[int, int, frozenset[int], frozenset[int]]

BOTH = frozenset({0, 1})
NONE: frozenset[int] = frozenset()

TAU = Dummy("tau", positive=True)
"""√(2/π): E|z|."""


def gated_pair(first: Kind, p: Reals, second: Kind, q: Reals) -> Expr:
    """E[p(u) e^{a1 u²} g1(u) · q(v) e^{a2 v²} g2(v)]; one of the gates may be missing."""
    moments = Moments(first, second)
    pairs = [(n, m, factor(cp * cq)) for n, cp in p.items() for m, cq in q.items()]
    return moments.resolve(Add(*[weight * s1**n * s2**m * moments(n, m) for n, m, weight in pairs]) / sqrt(moments.d))


class Moments:
    """E[Uⁿ Vᵐ g1 g2] for one pair of tilts and gates, in a DAG of shared expressions.

    Sums that stay under a root are opaque positive symbols while the recursion runs, so that powers of κ, s1 and s2
    cancel by themselves; ``resolve`` puts the sums back. With hard gates and no tilts a moment is a polynomial in κ, ρ
    and the arc, and the recursion runs in that ring.
    """

    def __init__(self, first: Kind, second: Kind) -> None:
        self.names: dict[Expr, Expr] = {}
        self.memo: dict[State, Any] = {}
        self.live = frozenset(k for k, kind in enumerate((first, second)) if kind.gate)
        self.plain = first.a == second.a == 0 and {first.gate, second.gate} <= {HARD, None}
        t = tilt(first.a, second.a)
        k1, e1 = _scaled(first.gate, s1)
        k2, e2 = _scaled(second.gate, s2)
        v1 = self._name(k1**2 * t.n1 + e1 * t.d)
        v2 = self._name(k2**2 * t.n2 + e2 * t.d)
        w = self._name(k1**2 * k2**2 * kappa**2 + e2 * k1**2 * t.n1 + e1 * k2**2 * t.n2 + e1 * e2 * t.d)
        r1, r2 = k1**2 * kappa**2 + e1 * t.n2, k2**2 * kappa**2 + e2 * t.n1
        d, n1, n2 = (self._name(part) for part in (t.d, t.n1, t.n2))
        self.d, self.slopes = d, (k1, k2)
        self.covariance = {
            NONE: (n1 / d, rho / d, n2 / d),
            frozenset({0}): (e1 * n1 / v1, e1 * rho / v1, r1 / v1),
            frozenset({1}): (r2 / v2, e2 * rho / v2, e2 * n2 / v2),
            BOTH: (e1 * r2 / w, e1 * e2 * rho / w, e2 * r1 / w),
        }
        self.variance = {(0, NONE): v1 / d, (1, NONE): v2 / d, (1, frozenset({0})): w / v1, (0, frozenset({1})): w / v2}
        arc = self._name(pi / 2 - theta) if w == kappa**2 and d == 1 else atan2(k1 * k2 * rho, sqrt(d * w))
        self.orthant = TAU**2 * arc
        self.lift: Callable[[Expr], Any] = ring([kappa, rho, arc, TAU], QQ)[0].from_expr if self.plain else Add

    def __call__(self, n: int, m: int) -> Expr:
        """E[Uⁿ Vᵐ g1 g2]."""
        value = self._moment((n, m, self.live, NONE))
        return factor_terms(value.as_expr().xreplace({TAU: sqrt(2 / pi)})) if self.plain else value

    def resolve(self, value: Expr) -> Expr:
        """The value with the sums that the opaque symbols stand for."""
        return substitute(value, {name: total for total, name in self.names.items()} | {TAU: sqrt(2 / pi)})

    def _name(self, total: Expr) -> Expr:
        total = expand(total)
        return self.names.setdefault(total, Dummy("sum", positive=True)) if total.is_Add else total

    def _moment(self, state: State) -> Any:
        if state not in self.memo:
            self.memo[state] = self._step(*state)
        return self.memo[state]

    def _step(self, n: int, m: int, live: frozenset[int], held: frozenset[int]) -> Any:
        if (n + m + len(live)) % 2:
            return self.lift(ZERO)
        if n == m == 0:
            return self.lift(self.orthant if live else Integer(1))
        axis = 0 if n else 1
        n, m = (n - 1, m) if n else (n, m - 1)
        tuu, tuv, tvv = self.covariance[held]
        row = (tuu, tuv) if axis == 0 else (tuv, tvv)
        steps = [(n * row[0], (n - 1, m, live, held)), (m * row[1], (n, m - 1, live, held))]
        for k in sorted(live):
            weight = TAU * self.slopes[k] * row[k] / sqrt(self.variance[k, held])
            steps.append((weight, (n, m, live - {k}, held | {k})))
        return sum((self.lift(weight) * self._moment(state) for weight, state in steps if weight != 0), self.lift(ZERO))


def _scaled(gate: Gate | None, s: Expr) -> tuple[Expr, int]:
    """Slope and noise of a gate in units of s; a missing gate counts as a hard one that never lives."""
    if gate is None or not gate.noise:
        return Integer(1), 0
    return gate.slope * s, 1
