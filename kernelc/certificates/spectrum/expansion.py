"""Hermite expansions of activations with proved digits: E[φ(u)φ(v)] = Σ_k α_k² ρ^k (Mehler 1866).

α_k = E[φ(√q z) h_k(z)], h_k = He_k/√k!, by Gauss–Legendre quadrature on panels between the kinks of φ. The error of a
panel follows from a bound of the integrand on an ellipse around it, where φ is enclosed in complex balls and, from
Mehler's formula at z and its conjugate, for every 0 < t < 1

    |h_k(x + iy)|² ≤ t^{−k} (1 − t²)^{−1/2} exp(x² t/(1 + t) + y² t/(1 − t)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from flint import arb, arb_poly, arb_series, ctx
from sympy import Expr

from kernelc.certificates.balls import enclose, precision
from kernelc.certificates.spectrum.analytic import UnboundedError, largest
from kernelc.certificates.spectrum.gauss import error, points, rule
from kernelc.certificates.spectrum.growth import Growth, growth
from kernelc.certificates.spectrum.trace import Node, Trace
from kernelc.duals.pieces import pieces
from kernelc.errors import UnsupportedError
from kernelc.foreign import PythonFunction
from kernelc.symbols import x

R = 4  # the ellipses' parameter
WIDTH = 1.0  # of the widest panels
HALVINGS = 12


@dataclass(frozen=True, eq=False)
class Coefficients:
    """F(t) = Σ f_m t^m, f_m ≥ 0: the first of them, and their sum F(1)."""

    values: tuple[arb, ...]
    total: arb

    @property
    def rest(self) -> arb:
        """An upper bound for the sum of the others."""
        left = self.total - sum(self.values, arb(0))
        return left.max(arb(0)).upper()

    def __call__(self, t: Any) -> Any:
        """F at a ball inside of (−1, 1), or of a power series with coefficients ≥ 0 whose sum is 1."""
        return self.series(t) if isinstance(t, arb_series) else self.value(t)

    def value(self, t: arb) -> arb:
        """F(t), what was left out within the radius."""
        left = self.rest * power(abs(t).upper(), len(self.values))
        found: arb = arb_poly(list(self.values))(t) + within(left)
        return found

    def series(self, t: arb_series) -> arb_series:
        """F∘t.

        For any 0 < r ≤ 1, the coefficient of ρ^n in what is left out, all of it ≥ 0, is at most rest·t(r)^M·r^{−n}.
        """
        cap = ctx.cap
        start = t[0]
        centred = arb_poly(list(self.values))(arb_poly([start, 1]))
        moved = arb_series([arb(0), *(t[n] for n in range(1, cap))], cap)
        found = arb_series(centred.coeffs(), cap)(moved)
        if start == 0 and len(self.values) >= cap:
            return found
        radii = [arb(r) / 16 for r in range(1, 17)]
        bounds = [self.rest * power(_value(t, r), len(self.values)) for r in radii]
        lefts = []
        for _ in range(cap):
            lefts.append(min(bounds, key=float).upper())
            bounds = [b / r for b, r in zip(bounds, radii, strict=True)]
        return found + arb_series([left / 2 + within(left / 2) for left in lefts], cap)


def _value(t: arb_series, r: arb) -> arb:
    """An upper bound for t(r): coefficients ≥ 0, the sum of all of them 1."""
    known = [t[n].max(arb(0)).min(arb(1)) for n in range(ctx.cap)]
    left = (1 - sum(known, arb(0))).max(arb(0))
    found: arb = arb_poly(known)(r) + power(r, ctx.cap) * left
    return found.min(arb(1)).upper()


def power(base: arb, n: int) -> arb:
    """base^n by multiplication: python-flint's own power of a ball around 0 is nan."""
    result, square = arb(1), base
    while n:
        if n & 1:
            result = result * square
        square, n = square * square, n >> 1
    return result


def within(radius: arb) -> arb:
    """A ball around 0."""
    return arb(0, radius.upper())


@dataclass(frozen=True, eq=False)
class Expansion:
    """E[φ(u)φ(v)] and E[φ'(u)φ'(v)] in t = c/q; the second is None where it was not wanted."""

    nngp: Coefficients
    ntk: Coefficients | None


_known: dict[Any, Expansion] = {}


def expansion(phi: Expr, q: arb, terms: int, slope: bool) -> Expansion:
    """The expansions of an activation at E[u²] = E[v²] = q, with ``terms`` terms; remembered.

    Raises UnsupportedError where φ cannot be enclosed.
    """
    key = phi, q.mid().man_exp(), q.rad().man_exp(), terms, slope, ctx.prec
    if key not in _known:
        if len(_known) > 64:
            _known.clear()
        bits = ctx.prec
        with precision(bits + 64 + 3 * terms // 4):  # the recurrence of He_k magnifies radii
            _known[key] = _expand(phi, q, terms, slope, bits)
    return _known[key]


@dataclass(frozen=True)
class _Panel:
    """a < z < b, φ and φ' there, and bounds for them on the ellipse around it."""

    a: arb
    b: arb
    functions: tuple[Callable[[arb], arb], ...]
    most: tuple[arb, ...]


def _expand(phi: Expr, q: arb, terms: int, slope: bool, bits: int) -> Expansion:
    panels, tail = _panels(phi, q.sqrt(), terms, slope, bits)
    sums, moments, wrong = [arb(0)] * (terms + 1), [arb(0)] * (1 + slope), tail
    for panel in panels:
        wrong += _add(panel, q.sqrt(), terms, bits, sums, moments)
    radius = within(wrong)
    squares = []
    factorial = arb(1)
    for k, value in enumerate(sums):
        factorial = factorial * max(k, 1)
        alpha = value / factorial.sqrt() + radius
        squares.append((alpha * alpha).nonnegative_part())
    nngp = Coefficients(tuple(squares[:terms]), moments[0] + radius)
    if not slope:
        return Expansion(nngp, None)
    slopes = tuple(k * squares[k] / q for k in range(1, terms + 1))
    return Expansion(nngp, Coefficients(slopes, moments[1] + radius))


def _add(panel: _Panel, s: arb, terms: int, bits: int, sums: list[arb], moments: list[arb]) -> arb:
    """Add a panel's share to √k!·α_k and to the second moments, and return a bound for its error in any of them."""
    middle, half = (panel.a + panel.b) / 2, (panel.b - panel.a) / 2
    most = (_integrand(panel, middle, half, terms) * half).upper()
    n = points(arb(R), most, bits + 12)
    root = (2 * arb.pi()).sqrt()
    for node, weight in rule(n):
        z = middle + half * node
        w = half * weight * (-z * z / 2).exp() / root
        values = [function(s * z) for function in panel.functions]
        for i, value in enumerate(values):
            moments[i] += w * value * value
        before, now, share = arb(0), arb(1), w * values[0]
        for k in range(terms + 1):
            sums[k] += share * now
            before, now = now, z * now - k * before
    return error(n, arb(R), most)


def _integrand(panel: _Panel, middle: arb, half: arb, terms: int) -> arb:
    """A bound for φ·h_k, k ≤ terms, and for the squares of φ and φ', times the density, on the ellipse."""
    wide, high = half * (R + arb(1) / R) / 2, half * (R - arb(1) / R) / 2
    nearest = (abs(middle) - wide).max(arb(0)).lower()
    root = (2 * arb.pi()).sqrt()
    t = _tilt(terms, high)
    gauss = ((high * high - nearest * nearest) / 2).exp() / root
    exponent = (high * high * (t / (1 - t) + 1) - nearest * nearest / (1 + t)) / 2
    found = (panel.most[0] * _front(terms, t) * exponent.exp() / root).upper()
    for size in panel.most:
        found = found.max((size * size * gauss).upper())
    return found.upper()


def _tilt(terms: int, high: arb) -> arb:
    """The t with about the least bound."""
    return 1 - (float(high) / arb(terms + 1).sqrt()).min(arb(1) / 2).mid()


def _front(terms: int, t: arb) -> arb:
    """t^{−k/2} (1 − t²)^{−1/4}, the largest of k ≤ terms."""
    found: arb = (-arb(terms) / 2 * t.log()).exp() / (1 - t * t).sqrt().sqrt()
    return found


def _panels(phi: Expr, s: arb, terms: int, slope: bool, bits: int) -> tuple[list[_Panel], arb]:
    """The panels, and a bound for what is beyond the last of them."""
    if isinstance(phi, PythonFunction):
        raise UnsupportedError(f"{phi} is a Python function: a proof needs a formula")
    parts = pieces(phi)
    forms = [(part.expr, part.expr.diff(x)) if slope else (part.expr,) for part in parts]
    cuts = [enclose(part.lo, {}) / s for part in parts[1:]]
    bounds = [[growth(f, side) for f in form] for form, side in ((forms[0], -1), (forms[-1], 1))]
    end, tail = _end(bounds, cuts, s, terms, bits)
    edges = [-end, *cuts, end]
    found = []
    for form, (a, b) in zip(forms, pairwise(edges), strict=True):
        functions = tuple(_function(f) for f in form)
        count = int(float(b - a) / WIDTH) + 1
        for i in range(count):
            found += _split(form, functions, s, a + (b - a) * i / count, a + (b - a) * (i + 1) / count, 0)
    return found, tail


def _end(bounds: list[list[Growth]], cuts: list[arb], s: arb, terms: int, bits: int) -> tuple[arb, arb]:
    """Where to stop, and a bound for the integrals beyond."""
    end = max([4.0, *(abs(float(cut)) + 1 for cut in cuts)])
    while end < 4096:
        tail = arb(0)
        for found in bounds:
            tail += _beyond(arb(end), found[0], s, terms)
            for each in found:
                tail += _beyond(arb(end), each * each, s, 0)
        if tail < arb(2) ** -bits:
            return arb(end), tail.upper()
        end += 1.0
    raise UnsupportedError("E[φ(z)²] converges too slowly to be enclosed")


def _beyond(end: arb, f: Growth, s: arb, terms: int) -> arb:
    """A bound for ∫ |f(sz) h_k(z)| of the density over z > end, k ≤ terms.

    |h_k(z)| ≤ t^{−k/2} (1 − t²)^{−1/4} e^{z² t/(2 + 2t)}. What bounds the integrand has a logarithm whose slope
    decreases, so that its integral is at most its value at ``end`` over minus its slope there.
    """
    t = 1 - 1 / arb(terms + 2) if terms else arb(0)
    a, b = f.a.max(arb(0)), f.b.max(arb(0))
    curve = 1 / (1 + t) - 2 * a * s * s
    fall = end * curve - b * s - f.g * s / (1 + s * end)
    if not (curve > 0 and fall > 0):
        return arb(1) / 0
    front = _front(terms, t) if terms else arb(1)
    value = f.C * power(1 + s * end, f.g) * (b * s * end - curve * end * end / 2).exp()
    found: arb = front * value / ((2 * arb.pi()).sqrt() * fall)
    return found


def _split(
    form: tuple[Expr, ...], functions: tuple[Callable[[arb], arb], ...], s: arb, a: arb, b: arb, depth: int
) -> list[_Panel]:
    """A panel, halved until φ is bounded on the ellipses."""
    middle, half = (a + b) / 2, (b - a) / 2
    wide, high = s * half * (R + arb(1) / R) / 2, s * half * (R - arb(1) / R) / 2
    try:
        most = tuple(largest(f, s * middle - wide, s * middle + wide, high) for f in form)
        return [_Panel(a, b, functions, most)]
    except UnboundedError:
        if depth == HALVINGS:
            raise UnsupportedError(f"{form[0]} is not analytic near x = {float(s * middle):.6g}") from None
        left = _split(form, functions, s, a, middle, depth + 1)
        return left + _split(form, functions, s, middle, b, depth + 1)


def _function(expr: Expr) -> Callable[[arb], arb]:
    """An expression in x, recorded."""
    trace = Trace()
    value = enclose(expr, {x: trace.start()})
    if isinstance(value, Node):
        index = value.index
        return lambda z: trace.play(z)[index]
    return lambda _: value
