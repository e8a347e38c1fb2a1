"""The dual of a wave and a gate at the origin: Dawson's function.

Under e^{iωv} the pair has the imaginary mean iT·ω (in units of s1, s2), and the recursion of ``stein`` runs as it is,
with complex numbers. A centred gate G then has the mean i·y in standard deviations, and its probability and density are

    e^{−ωᵀTω/2} E sgn(G) = i (2/√π) e^{−ωᵀCω/2} D(y/√2),   e^{−ωᵀTω/2} δ(G) → e^{−ωᵀCω/2} / √(2π Var G),

C the covariance given G = 0, D Dawson's function: the growing e^{y²/2} is gone. Off the origin it would be the
Faddeeva function of a complex argument, and with two gates a bivariate one: those are refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Expr, exp, pi, sqrt

from kernelc.duals.atoms import Kind, formula
from kernelc.duals.complexes import ZERO, Complex, real
from kernelc.duals.edges import Edge
from kernelc.duals.refusal import SERIES, refuse
from kernelc.duals.stein import FIRST, NONE, SECOND, Gates, Pair
from kernelc.functions import Dawson
from kernelc.symbols import s1, s2

Powers = Mapping[int, Complex]
State = tuple[int, int, bool]


def ripple_dual(first: Kind, edge1: Edge | None, p: Powers, second: Kind, edge2: Edge | None, q: Powers) -> Expr:
    """Re E[p(u) e^{a1u²+b1u} g1(u) · q(v) e^{a2v²+b2v} g2(v)] with imaginary b and at most one gate."""
    for kind, edge in ((first, edge1), (second, edge2)):
        if kind.b.re != 0 or (edge and not edge.centred) or (edge1 and edge2):
            wave = formula(kind, 0, real(1))
            raise refuse(wave, f"an oscillation beside a gate off the origin, or an exponential; {SERIES}")
    moments = Ripples(Pair(first, edge1, second, edge2), (first.b.im * s1, second.b.im * s2))
    total = Complex(ZERO)
    for n, left in p.items():
        for m, right in q.items():
            total += (left * right * moments(n, m, False)).scale(s1**n * s2**m)
    return moments.pair.resolve(total.re / sqrt(moments.pair.d))


class Ripples:
    """E[UⁿVᵐ e^{i(ω1U + ω2V)} g], with the gate held at 0 or not."""

    def __init__(self, pair: Pair, omega: tuple[Expr, Expr]) -> None:
        self.pair, self.omega = pair, omega
        self.gate = next(iter(pair.live), None)
        self.held: Gates = NONE if self.gate is None else (FIRST, SECOND)[self.gate]
        self.memo: dict[State, Complex] = {}

    def __call__(self, n: int, m: int, held: bool) -> Complex:
        """The moment."""
        if (n, m, held) not in self.memo:
            self.memo[n, m, held] = self._step(n, m, held)
        return self.memo[n, m, held]

    def _mean(self, axis: int, given: Gates) -> Expr:
        """The imaginary mean of U or V."""
        c11, c12, c22 = self.pair.covariance[given]
        row = (c11, c12) if axis == 0 else (c12, c22)
        return row[0] * self.omega[0] + row[1] * self.omega[1]

    def _mass(self, given: Gates) -> Expr:
        (c11, c12, c22), (o1, o2) = self.pair.covariance[given], self.omega
        return exp(-(c11 * o1**2 + 2 * c12 * o1 * o2 + c22 * o2**2) / 2)

    def _step(self, n: int, m: int, held: bool) -> Complex:
        if n == m == 0:
            return real(self._mass(self.held)) if held else self._gate()
        given = self.held if held else NONE
        axis = 0 if n else 1
        n, m = (n - 1, m) if n else (n, m - 1)
        c11, c12, c22 = self.pair.covariance[given]
        row = (c11, c12) if axis == 0 else (c12, c22)
        total = self(n, m, held) * Complex(ZERO, self._mean(axis, given))
        if n:
            total += self(n - 1, m, held).scale(n * row[0])
        if m:
            total += self(n, m - 1, held).scale(m * row[1])
        if self.gate is not None and not held:
            total += self(n, m, True).scale(self.pair.weight(axis, self.gate, NONE))
        return total

    def _gate(self) -> Complex:
        if self.gate is None:
            return real(self._mass(NONE))
        slope, variance = self.pair.slopes[self.gate], self.pair.variance[self.gate, NONE]
        y = slope * self._mean(self.gate, NONE) / sqrt(variance)
        wave = 2 / sqrt(pi) * self._mass(self.held) * Dawson(y / sqrt(2))
        edge = self.pair.edges[self.gate]
        if edge is None or not edge.side:
            return Complex(ZERO, wave)
        return Complex(self._mass(NONE) / 2, wave * edge.side / 2)
