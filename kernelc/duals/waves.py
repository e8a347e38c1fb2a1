"""Waves: ungated atoms of one exponential, Q(x)·e^{a x² + b x} with a polynomial Q and a complex b.

An odd or even function holds each wave with its mirror images under x → −x and, being real, under complex
conjugation; one of this orbit of up to four stands for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb, prod

from sympy import Add, Expr, Integer

from kernelc.duals.atoms import AtomSum, Powers
from kernelc.duals.complexes import ZERO, Complex


@dataclass(frozen=True)
class Wave:
    """Q(x)·e^{a x² + b x}; Q maps powers to coefficients."""

    a: Expr
    b: Complex
    q: Powers

    @property
    def paired(self) -> bool:
        """Whether complex conjugation gives another orbit under x → −x: b is neither real nor imaginary."""
        return bool(self.b.re != 0 and self.b.im != 0)

    @property
    def orbit(self) -> int:
        """How many waves this one stands for."""
        return 4 if self.paired else 2 if self.b else 1

    def conjugate(self) -> Wave:
        """The complex conjugate."""
        return Wave(self.a, self.b.conjugate(), {n: value.conjugate() for n, value in self.q.items()})

    def mirror(self, parity: int) -> Wave:
        """The image under x → −x, times the parity."""
        return Wave(self.a, -self.b, {n: value.scale(parity * (-1) ** n) for n, value in self.q.items()})

    def restrict(self, q: Mapping[int, Complex]) -> tuple[Wave, ...]:
        """The wave with another polynomial; nothing where that is zero."""
        return (Wave(self.a, self.b, q),) if q else ()

    def heat(self, k: int, s: Expr) -> list[Complex]:
        """E[Q⁽ᵏ⁾(μ + √s z)]/k! for z ~ N(0, 1), as coefficients of the powers of μ, lowest first."""
        out = [Complex(ZERO)] * max(max(self.q) - k + 1, 0)
        for n, value in self.q.items():
            for j in range((n - k) // 2 + 1):
                out[n - k - 2 * j] += value.scale(ways(n, k, j) * s**j)
        return out

    def average(self, k: int, s: Expr) -> Expr:
        """The same at μ = 0, for a real polynomial."""
        pairs = [((n - k) // 2, n, value.re) for n, value in self.q.items() if n >= k and (n - k) % 2 == 0]
        return Add(*[value * ways(n, k, j) * s**j for j, n, value in pairs])


def ways(n: int, k: int, j: int) -> Integer:
    """Choose k, then j pairs, from n: n! / ((n − k − 2j)! k! j! 2ʲ)."""
    return Integer(comb(n, k) * comb(n - k, 2 * j) * prod(range(1, 2 * j, 2)))


def waves(phi: AtomSum) -> tuple[Wave, ...]:
    """One wave for each orbit of ungated kinds of an odd or even sum."""
    return tuple(
        Wave(kind.a, kind.b, powers)
        for kind, powers in phi.terms.items()
        if kind.gate is None and not any(part.could_extract_minus_sign() for part in (kind.b.re, kind.b.im))
    )
