"""How fast a formula can grow: |f(±t)| ≤ C·(1 + t)^g·e^{b t + a t²} for all t ≥ 0, read off its tree.

Numbers are rounded up in ball arithmetic, so that the bound is one. What the rules do not know is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from flint import arb
from sympy import Dummy, Expr, Integer, Poly, PolynomialError, Rational

from kernelc.certificates.balls import enclose
from kernelc.errors import UnsupportedError
from kernelc.symbols import x

_t = Dummy("t", nonnegative=True)

BOUNDED = {"tanh": 1, "erf": 1, "sin": 1, "cos": 1, "Phi": 1, "atan": 2, "erfc": 2, "sign": 1}


@dataclass(frozen=True)
class Growth:
    """C·(1 + t)^g·e^{b t + a t²}."""

    C: arb
    g: int
    b: arb
    a: arb

    def __add__(self, other: Growth) -> Growth:
        return Growth(self.C + other.C, max(self.g, other.g), self.b.max(other.b), self.a.max(other.a))

    def __mul__(self, other: Growth) -> Growth:
        return Growth(self.C * other.C, self.g + other.g, self.b + other.b, self.a + other.a)

    def power(self, p: Rational) -> Growth:
        """Of |f|^p for p > 0."""
        factor = enclose(p, {})
        return Growth(self.C**factor, ceil(self.g * p), self.b * factor, self.a * factor)


def growth(expr: Expr, side: int) -> Growth:
    """A bound for an expression in x without switches, for x = ``side``·t, t ≥ 0."""
    return _bound(expr.xreplace({x: side * _t}))


def _constant(value: arb) -> Growth:
    return Growth(abs(value), 0, arb(0), arb(0))


def _bound(e: Expr) -> Growth:
    if not e.has(_t):
        return _constant(enclose(e, {}))
    if e == _t:
        return Growth(arb(1), 1, arb(0), arb(0))
    if e.is_Add:
        return _fold([_bound(part) for part in e.args], Growth.__add__)
    if e.is_Mul:
        return _fold([_bound(part) for part in e.args], Growth.__mul__)
    if e.is_Pow:
        return _power(*e.args)
    name = type(e).__name__
    if name in BOUNDED:
        return _constant(arb(BOUNDED[name]))
    if name == "exp":
        return _exponential(e.args[0])
    if name in ("sinh", "cosh"):
        return _exponential(e.args[0]) + _exponential(-e.args[0])
    if name == "log":
        return _logarithm(e.args[0])
    raise UnsupportedError(f"no bound is known for the growth of {name}")


def _fold(parts: list[Growth], join: Callable[[Growth, Growth], Growth]) -> Growth:
    total = parts[0]
    for part in parts[1:]:
        total = join(total, part)
    return total


def _power(base: Expr, power: Expr) -> Growth:
    if not power.is_Rational:
        raise UnsupportedError(f"no bound is known for the growth of the power {base**power}")
    if power > 0:
        return _bound(base).power(power)
    return _constant(_at_least(base) ** enclose(power, {}))


def _exponential(arg: Expr) -> Growth:
    try:
        poly = Poly(arg, _t)
    except PolynomialError:
        poly = None
    if poly is not None and poly.degree() <= 2:
        c0, c1, c2 = (enclose(poly.coeff_monomial(_t**n), {}) for n in range(3))
        return Growth(c0.exp(), 0, c1, c2)
    if arg.is_nonpositive:
        return _constant(arb(1))
    raise UnsupportedError(f"no bound is known for the growth of exp({arg})")


def _logarithm(arg: Expr) -> Growth:
    """|log u| ≤ |log L| + log⁺ of the bound, L ≤ u; log(1 + t) ≤ t."""
    least, most = _at_least(arg), _bound(arg)
    zero = arb(0)
    C = abs(least.min(arb(1)).log()) + most.C.max(arb(1)).log() + most.g + most.b.max(zero) + most.a.max(zero)
    return Growth(C, 1 if most.a <= 0 else 2, zero, zero)


def _at_least(e: Expr) -> arb:
    """A positive lower bound: the numbers in a sum whose other terms are ≥ 0."""
    terms = e.args if e.is_Add else (e,)
    numbers = [term for term in terms if not term.has(_t)]
    if all(term.is_nonnegative for term in terms if term.has(_t)):
        least: arb = enclose(sum(numbers, Integer(0)), {})
        if least > 0:
            return least
    raise UnsupportedError(f"no positive lower bound is known for {e}")
