"""E[z²] of the pre-activations, layer by layer: an exact number, and a ball around it.

It decides which lower degrees a polynomial activation has, and whether E[φ(z)²] is finite for one that grows like
e^{ax²}; nothing else depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb
from sympy import And, Expr, Integer, factorial2, nan, oo, zoo
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from kernelc.certificates.balls import precision
from kernelc.certificates.structure.identity import coefficients
from kernelc.certificates.structure.signs import ball, sign_of
from kernelc.duals import dual
from kernelc.duals.expectation import Expectation
from kernelc.errors import UnsupportedError
from kernelc.symbols import q1

BITS = 256
LONGEST = 200  # operations of an exact number


@dataclass(frozen=True)
class Variance:
    """q = E[z²]; ``exact`` and ``ball`` are None where they are not known."""

    exact: Expr | None
    ball: arb | None

    def affine(self, weight: Expr, bias: Expr) -> Variance:
        """weight·q + bias."""
        return self.apply(weight * q1 + bias)

    def apply(self, formula: Expr) -> Variance:
        """A formula in ``q1``, at q1 = q."""
        with precision(BITS):
            found = None if self.ball is None else ball(formula, {q1: self.ball})
            number = None if self.exact is None else formula.xreplace({q1: self.exact})
            if number is None or number.has(Expectation, nan, oo, zoo) or number.count_ops() > LONGEST:
                return Variance(None, found)
            return Variance(number, ball(number) if found is None else found)

    def __add__(self, other: Variance) -> Variance:
        exact = None if self.exact is None or other.exact is None else self.exact + other.exact
        with precision(BITS):
            return Variance(exact, None if self.ball is None or other.ball is None else self.ball + other.ball)


UNKNOWN = Variance(None, None)


def unit() -> Variance:
    """q = 1."""
    return Variance(Integer(1), arb(1))


def moment(phi: Expr, q: Variance) -> Variance:
    """E[φ(√q z)²]."""
    known = coefficients(phi)
    if known is not None:
        pairs = ((n + m, a * b) for n, a in known.items() for m, b in known.items() if (n + m) % 2 == 0)
        return q.apply(sum((c * factorial2(n - 1) * q1 ** (n // 2) for n, c in pairs), Integer(0)))
    try:
        return q.apply(dual(phi).diag)
    except UnsupportedError:
        return UNKNOWN


def value_sign(terms: Sequence[tuple[int, Expr]], q: Variance) -> int | None:
    """The sign of Σ c·q^j over the pairs (j, c), proved; None where it cannot be."""
    formula = sum((c * q1**j for j, c in terms), Integer(0))
    return _sign(formula, q)


def _sign(formula: Expr, q: Variance) -> int | None:
    if q.ball is not None:
        with precision(BITS):
            found = ball(formula, {q1: q.ball})
            if found is not None and (found > 0 or found < 0):
                return 1 if found > 0 else -1
    return None if q.exact is None else sign_of(formula.xreplace({q1: q.exact}))


def in_domain(domain: Boolean, q: Variance) -> bool | None:
    """Whether a condition on ``q1``, comparisons joined by "and", holds at q; None where that is not decided."""
    answers: list[bool | None] = []
    for part in And.make_args(domain):
        if part == True or part == False:  # noqa: E712
            answers.append(bool(part))
        elif isinstance(part, Relational):
            sign = _sign(part.gts - part.lts, q)
            answers.append(None if sign is None else sign > 0)
        else:
            answers.append(None)
    return False if False in answers else None if None in answers else True
