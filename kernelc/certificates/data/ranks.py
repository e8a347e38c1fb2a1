"""Rows that make a kernel matrix singular by counting: kernels that are, or have a part that is, a polynomial.

A kernel that is a polynomial of degree D in the coordinates of x, and in those of y, is K = M G Mᵀ with the matrix M
of the monomials at the rows: rank K ≤ rank M, computed with exact rational numbers. Of an odd or even kernel only
the monomials of that parity count.

**Theorem B.** Let the part of one parity of k on the sphere be a polynomial of degree D. On antipodal pairs {x_i,
−x_i} with weights ±w_i of the other parity's sign, that other part vanishes, and what is left is wᵀGw for the
polynomial part; it is zero where the w_i annul all monomials of degree D at the x_i (on the sphere those span all
lower degrees of its parity).
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb

import numpy as np
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray
from sympy import Poly, PolynomialError

from kernelc.certificates.data.families import Parity
from kernelc.steps import ActivationStep, DenseStep, Step
from kernelc.symbols import x

Rows = NDArray[np.float64]

MAX_CELLS = 20_000  # of a matrix of rational numbers whose rank is computed


def polynomial_degree(steps: tuple[Step, ...], start: int = 1) -> int | None:
    """D where the kernel is a polynomial of degree at most D in x, else None.

    E[φ(u)φ(v)] of a polynomial φ of degree m is a polynomial in q1, q2, c whose degree in x is m times that of z;
    Θ·E[φ'φ'] has the degree of z once and m − 1 times.
    """
    top: int | None = start
    for step in steps:
        if top is None:
            return None
        if isinstance(step, ActivationStep):
            try:
                top *= max(Poly(step.dual.phi, x).degree(), 0) if step.dual.phi.is_polynomial(x) else 0
            except PolynomialError:
                return None
            if not step.dual.phi.is_polynomial(x):
                return None
        elif not isinstance(step, DenseStep):
            degrees = [polynomial_degree(branch, top) for branch in step.branches]
            top = None if None in degrees else max(d for d in degrees if d is not None)
    return top


def monomial_rank(rows: Rows, exponents: list[int]) -> int | None:
    """The exact rank of all monomials of these degrees at the rows, no more than needed to see it; None: too dear."""
    n, d = rows.shape
    if n * sum(comb(e + d - 1, e) for e in exponents) > MAX_CELLS:
        return None
    table: list[list[fmpq]] = []
    for row in rows.tolist():
        exact = [fmpq(*value.as_integer_ratio()) for value in row]
        line = []
        for e in exponents:
            for choice in combinations_with_replacement(range(d), e):
                product = fmpq(1)
                for k in choice:
                    product *= exact[k]
                line.append(product)
        table.append(line)
    return int(fmpq_mat(table).rank())


def dependent(rows: Rows, exponents: list[int]) -> bool:
    """Whether the monomials of these degrees at the rows are linearly dependent, exactly, row against row."""
    n, d = rows.shape
    if n > sum(comb(e + d - 1, e) for e in exponents):
        return True
    rank = monomial_rank(rows, exponents)
    return rank is not None and rank < n


def exponents_of(top: int, parity: Parity | None, power: int | None) -> list[int]:
    """The degrees of the monomials that a polynomial kernel of degree ``top`` can have; homogeneous: one."""
    if power is not None:
        return [power]
    if parity is None:
        return list(range(top + 1))
    return [k for k in range(top + 1) if k % 2 == (parity == "odd")]
