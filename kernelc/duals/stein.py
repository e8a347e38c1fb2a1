"""The dual of a pair of atoms with edges anywhere: completing the square, then Stein's identity, memoised.

For (U, V) = (u/s1, v/s2) under the weight e^{a1u² + b1u + a2v² + b2v} the pair is Gaussian still, with the covariance
T of ``tilt``, the mean T·β, β = (b1 s1, b2 s2), and the mass e^{βᵀTβ/2}/√d. With gates g(G_i), where G_i is k_i·(U or
V) + m_i + noise, Gaussian integration by parts (Stein 1981; Price 1958) says

    E[U P g1 g2] = μ E[P g1 g2] + T11 E[∂U P g1 g2] + T12 E[∂V P g1 g2] + Σ_k w_k Cov(U, G_k) E[P δ(G_k) g_other],

w = ±1 for H(±G), 2 for sgn. δ(G_k) conditions on G_k = 0, times its density there. Each step lowers a degree or removes
a gate, so it ends, with a polynomial times a normal probability of dimension 2, 1 or 0 for each of at most four sets of
gates held at 0. With C the conditional covariance and K that of the gates held,

    mean = C·β − Cov(·, G) K⁻¹ m,   exponent = ½ βᵀCβ − βᵀCov(·, G) K⁻¹ m − ½ mᵀK⁻¹m,

where C is written in its positive form, never as a Schur difference; so no large numbers are subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Add, Dummy, Expr, Integer, Rational, atan2, erf, exp, expand, pi, sqrt

from kernelc.duals.atoms import Kind
from kernelc.duals.complexes import ZERO
from kernelc.duals.dag import substitute
from kernelc.duals.edges import ONE, Edge
from kernelc.duals.tilt import tilt
from kernelc.functions import ExpPhi, ExpPhiRatio, Phi2
from kernelc.symbols import kappa, rho, s1, s2

Reals = Mapping[int, Expr]
Gates = frozenset[int]
Leaf = tuple[Gates, Gates]
State = tuple[int, int, Gates, Gates]
Value = dict[Leaf, Expr]

NONE: Gates = frozenset()
FIRST, SECOND, BOTH = frozenset({0}), frozenset({1}), frozenset({0, 1})
HALF = Rational(1, 2)


class Pair:
    """A pair of kinds and edges: tilted moments, given which gates are held at 0.

    Sums are opaque positive symbols while expressions are built, so that they cancel; ``resolve`` puts them back.
    """

    def __init__(self, first: Kind, edge1: Edge | None, second: Kind, edge2: Edge | None) -> None:
        self.names: dict[Expr, Expr] = {}
        t = tilt(first.a, second.a)
        self.beta = (first.b.re * s1, second.b.re * s2)
        self.edges = (edge1, edge2)
        self.hard = not any(edge and edge.noise for edge in self.edges)
        self.live = frozenset(k for k, edge in enumerate(self.edges) if edge)
        (k1, m1, e1), (k2, m2, e2) = _scaled(edge1, s1), _scaled(edge2, s2)
        self.v = v1, v2 = self._name(k1**2 * t.n1 + e1 * t.d), self._name(k2**2 * t.n2 + e2 * t.d)
        w = self._name(k1**2 * k2**2 * kappa**2 + e2 * k1**2 * t.n1 + e1 * k2**2 * t.n2 + e1 * e2 * t.d)
        r1, r2 = k1**2 * kappa**2 + e1 * t.n2, k2**2 * kappa**2 + e2 * t.n1
        d, n1, n2 = (self._name(part) for part in (t.d, t.n1, t.n2))
        self.d, self.w, self.slopes, self.offsets = d, w, (k1, k2), (m1, m2)
        self.covariance = {
            NONE: (n1 / d, rho / d, n2 / d),
            FIRST: (e1 * n1 / v1, e1 * rho / v1, r1 / v1),
            SECOND: (r2 / v2, e2 * rho / v2, e2 * n2 / v2),
            BOTH: (e1 * r2 / w, e1 * e2 * rho / w, e2 * r1 / w),
        }
        self.shift = {
            NONE: (ZERO, ZERO),
            FIRST: (-k1 * m1 * n1 / v1, -k1 * m1 * rho / v1),
            SECOND: (-k2 * m2 * rho / v2, -k2 * m2 * n2 / v2),
            BOTH: (-(k1 * r2 * m1 + e1 * k2 * rho * m2) / w, -(k2 * r1 * m2 + e2 * k1 * rho * m1) / w),
        }
        gap = m2 - k1 * k2 * rho * m1 / v1
        self.square = {
            NONE: ZERO,
            FIRST: m1**2 * d / v1,
            SECOND: m2**2 * d / v2,
            BOTH: m1**2 * d / v1 + gap**2 * v1 / w,
        }
        self.variance = {(0, NONE): v1 / d, (1, NONE): v2 / d, (1, FIRST): w / v1, (0, SECOND): w / v2}
        self.mean = {held: self._mean(held) for held in self.covariance}

    def _name(self, total: Expr) -> Expr:
        total = expand(total)
        return self.names.setdefault(total, Dummy("sum", positive=True)) if total.is_Add else total

    def _mean(self, held: Gates) -> tuple[Expr, Expr]:
        (c11, c12, c22), (b1, b2), shift = self.covariance[held], self.beta, self.shift[held]
        return c11 * b1 + c12 * b2 + shift[0], c12 * b1 + c22 * b2 + shift[1]

    def exponent(self, held: Gates) -> Expr:
        """The exponent of the mass, given the gates held."""
        (c11, c12, c22), (b1, b2), shift = self.covariance[held], self.beta, self.shift[held]
        own = c11 * b1**2 / 2 + c12 * b1 * b2 + c22 * b2**2 / 2
        return own + b1 * shift[0] + b2 * shift[1] - self.square[held] / 2

    def argument(self, gate: int, held: Gates) -> Expr:
        """The mean of a gate in standard deviations, given the gate held."""
        return self._centre(gate, held) / sqrt(self.variance[gate, held])

    def _centre(self, gate: int, held: Gates) -> Expr:
        return self.slopes[gate] * self.mean[held][gate] + self.offsets[gate]

    def leaf(self, live: Gates, held: Gates) -> Expr:
        """The mass times the probability of the gates that live."""
        E = self.exponent(held)
        if not live:
            return exp(E)
        if len(live) == 1:
            (gate,) = live
            return self._one(E, gate, held)
        (k1, k2), (v1, v2) = self.slopes, self.v
        r, w = k1 * k2 * rho / sqrt(v1 * v2), sqrt(self.w * self.d / (v1 * v2))
        return _orthant(E, [(self._side(k), self.argument(k, NONE)) for k in (0, 1)], r, w)

    def _side(self, gate: int) -> int:
        edge = self.edges[gate]
        return edge.side if edge else 1

    def _one(self, E: Expr, gate: int, held: Gates) -> Expr:
        side = self._side(gate)
        if self.hard and held and self.offsets != (0, 0):  # of variance κ²/v, 0 at ρ = ±1
            return ExpPhiRatio(E, side * self._centre(gate, held) * sqrt(self.v[1 - gate]), kappa)
        z = self.argument(gate, held)
        if side:
            return ExpPhi(E, side * z)
        return erf(z / sqrt(2)) if E == 0 else 2 * ExpPhi(E, z) - exp(E)

    def weight(self, axis: int, gate: int, held: Gates) -> Expr:
        """The factor of δ(G) in Stein's identity, without the mass."""
        row = self.covariance[held]
        cov = row[1] if axis != gate else row[0] if gate == 0 else row[2]
        return (self._side(gate) or 2) * self.slopes[gate] * cov / sqrt(2 * pi * self.variance[gate, held])

    def resolve(self, value: Expr) -> Expr:
        """The value with the sums that the opaque symbols stand for."""
        return substitute(value, {name: total for total, name in self.names.items()})


def pair_dual(first: Kind, edge1: Edge | None, p: Reals, second: Kind, edge2: Edge | None, q: Reals) -> Expr:
    """E[p(u) e^{a1u²+b1u} g1(u) · q(v) e^{a2v²+b2v} g2(v)], all real."""
    pair = Pair(first, edge1, second, edge2)
    moments = Moments(pair)
    weights: dict[Leaf, list[Expr]] = {}
    for n, left in p.items():
        for m, right in q.items():
            for leaf, value in moments(n, m, pair.live, NONE).items():
                weights.setdefault(leaf, []).append(left * right * s1**n * s2**m * value)
    terms = [Add(*values) * pair.leaf(*leaf) for leaf, values in weights.items()]
    return pair.resolve(Add(*terms) / sqrt(pair.d))


class Moments:
    """E[UⁿVᵐ g1 g2] as a combination of leaves."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.memo: dict[State, Value] = {}

    def __call__(self, n: int, m: int, live: Gates, held: Gates) -> Value:
        """The coefficient of each leaf."""
        state = (n, m, live, held)
        if state not in self.memo:
            self.memo[state] = self._step(*state)
        return self.memo[state]

    def _step(self, n: int, m: int, live: Gates, held: Gates) -> Value:
        if n == m == 0:
            return {(live, held): ONE}
        axis = 0 if n else 1
        n, m = (n - 1, m) if n else (n, m - 1)
        c11, c12, c22 = self.pair.covariance[held]
        row = (c11, c12) if axis == 0 else (c12, c22)
        steps = [(self.pair.mean[held][axis], (n, m, live, held))]
        steps += [(n * row[0], (n - 1, m, live, held)), (m * row[1], (n, m - 1, live, held))]
        steps += [(self.pair.weight(axis, k, held), (n, m, live - {k}, held | {k})) for k in sorted(live)]
        total: dict[Leaf, list[Expr]] = {}
        for weight, state in steps:
            for leaf, value in self(*state).items() if weight != 0 else ():
                total.setdefault(leaf, []).append(weight * value)
        return {leaf: Add(*values) for leaf, values in total.items()}


def _orthant(E: Expr, gates: list[tuple[int, Expr]], r: Expr, w: Expr) -> Expr:
    """e^E times the expectation of two gates of given sides and arguments."""
    (side1, z1), (side2, z2) = gates
    if side1 and side2:
        return Phi2(E, side1 * z1, side2 * z2, side1 * side2 * r, w)
    if side1 or side2:
        side, alone = (side1, z1) if side1 else (side2, z2)
        both = Phi2(E, (side1 or 1) * z1, (side2 or 1) * z2, side * r, w)
        return 2 * both - ExpPhi(E, side * alone)
    if z1 == z2 == 0:
        return exp(E) * 2 * atan2(r, w, evaluate=False) / pi
    return 4 * Phi2(E, z1, z2, r, w) - 2 * ExpPhi(E, z1) - 2 * ExpPhi(E, z2) + exp(E)


def _scaled(edge: Edge | None, s: Expr) -> tuple[Expr, Expr, int]:
    """Slope, offset and noise in units of s; a missing edge counts as a hard one that never lives."""
    if edge is None:
        return Integer(1), ZERO, 0
    return (edge.slope * s, edge.offset, 1) if edge.noise else (Integer(1), edge.offset / s, 0)
