"""E[f(u)f(v)] at −c from that at c, where the even or the odd part of f is a polynomial.

The mean is a sum of one over even and one over odd parts, the first an even and the second an odd function of c. If
the odd part is a polynomial with dual P, E(−c) = E(c) − P(c) + P(−c); if the even part is one with dual Q,
E(−c) = Q(c) + Q(−c) − E(c), and E(0) = Q(0).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from sympy import Expr, Lambda, expand

from kernelc.certificates.structure.identity import as_formula
from kernelc.certificates.structure.polynomial import part
from kernelc.duals import dual
from kernelc.duals.expectation import Expectation
from kernelc.symbols import c, q1, q2, x

PARITIES: tuple[Literal[0, 1], ...] = (1, 0)


def mirrored(value: Expr) -> Expr:
    """``value`` with no mean left at a covariance with a minus sign, as far as it is known from that without."""
    return value.replace(lambda node: isinstance(node, Expectation), _mirrored)


def _mirrored(node: Expr) -> Expr:
    f, a, b, cross = node.args
    negative = cross.could_extract_minus_sign()
    if not negative and cross != 0:
        return node
    for parity in PARITIES:
        known = _dual(f, parity)
        if known is None or (cross == 0 and parity == 1):
            continue

        def at(value: Expr, known: Expr = known) -> Expr:
            return expand(known.xreplace({q1: a, q2: b, c: value}))

        if cross == 0:
            return at(cross)
        opposite = Expectation(f, a, b, -cross)
        return opposite - at(-cross) + at(cross) if parity == 1 else at(-cross) + at(cross) - opposite
    return node


@lru_cache(maxsize=256)
def _dual(f: Lambda, parity: Literal[0, 1]) -> Expr | None:
    """The dual of the even (0) or odd (1) part of f, if that is proved to be a polynomial."""
    found = part(f(x), parity)
    if found.kind != "polynomial":
        return None
    formula = as_formula(dict(found.coefficients))
    return dual(formula).nngp if formula != 0 else formula
