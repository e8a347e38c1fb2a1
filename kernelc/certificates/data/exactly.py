"""Reasons why the kernel matrix of given rows is singular: all of them exact, none of them numerical."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kernelc.certificates.data.directions import parallel
from kernelc.certificates.data.families import degree, parity, vanishes
from kernelc.certificates.data.ranks import dependent, exponents_of, polynomial_degree
from kernelc.certificates.structure.derivation import derivation
from kernelc.certificates.structure.support import INF
from kernelc.errors import KernelcError
from kernelc.network import Network
from kernelc.steps import Step

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Singular:
    """Why λ_min(K*) = 0, and the two rows that are it, if two are."""

    reason: str
    pair: tuple[int, int] | None = None


def duplicate(x: Rows) -> Singular | None:
    """Two rows that are equal, number for number."""
    seen: dict[bytes, int] = {}
    for j, row in enumerate(x):
        i = seen.setdefault(row.tobytes(), j)
        if i != j:
            text = f"Rows {i} and {j} are the same point, so rows {i} and {j} of K* are equal and λ_min(K*) = 0."
            return Singular(text, (i, j))
    return None


def zero_row(steps: tuple[Step, ...], get: str, x: Rows) -> Singular | None:
    """A row at the origin, in a network that maps it to zero."""
    zero = np.flatnonzero(~x.any(axis=1))
    if not len(zero) or not vanishes(steps, get):
        return None
    i = int(zero[0])
    text = (
        f"Row {i} is zero and the network, without biases and with φ(0) = 0, maps it to zero, so row {i} of K* is zero"
    )
    return Singular(text + " and λ_min(K*) = 0.", (i, i))


def polynomial(steps: tuple[Step, ...], get: str, x: Rows, normalize: bool) -> Singular | None:
    """More rows, or rows more special, than a polynomial kernel can tell apart."""
    top = polynomial_degree(steps)
    if top is None:
        return None
    side, power = parity(steps, get), degree(steps, get)
    exponents = exponents_of(top, side, power)
    if not normalize and vanishes(steps, get):  # k(0, y) = 0 for all y: no term of degree 0
        exponents = [k for k in exponents if k > 0] or [0]
    if normalize:  # on the sphere x·x is constant: the two highest degrees span all lower ones of their parities
        highest = exponents[-1]
        exponents = [highest] if side or power is not None else [k for k in (highest - 1, highest) if k >= 0]
    if not (dependent(x, exponents) if len(exponents) == 1 or not normalize else len(x) > _size(exponents, x.shape[1])):
        return None
    degrees = ", ".join(map(str, exponents))
    text = (
        f"The kernel is a polynomial, K* = M G Mᵀ with the matrix M of all monomials of degree {degrees} at the "
        f"{len(x)} rows, and the rows of M are linearly "
        "dependent (exact rational arithmetic, or more rows than monomials). So λ_min(K*) = 0."
    )
    return Singular(text)


def _size(exponents: list[int], d: int) -> int:
    from math import comb

    return sum(comb(e + d - 1, e) for e in exponents)


def one_norm(x: Rows) -> bool:
    """Whether all rows have exactly the same norm, in rational arithmetic."""
    squares = np.einsum("ij,ij->i", x, x)
    if not np.allclose(squares, squares[0], rtol=1e-12, atol=0):
        return False
    first = sum(Fraction(v) ** 2 for v in x[0].tolist())
    return all(sum(Fraction(v) ** 2 for v in row) == first for row in x.tolist())


def parallels(
    steps: tuple[Step, ...], get: str, x: Rows, normalize: bool, close: list[tuple[int, int]]
) -> tuple[Singular | None, list[tuple[int, int]]]:
    """Two rows that are exactly parallel or antipodal, where that makes K* singular; and all the antipodal pairs."""
    power, side = degree(steps, get), parity(steps, get)
    directed = normalize or power is not None
    antipodes: list[tuple[int, int]] = []
    for i, j in close:
        sign = parallel(x[i], x[j])
        if sign == 1 and directed:
            why = "the kernel sees directions only" if normalize else f"the kernel is homogeneous of degree {power}"
            text = (
                f"Rows {i} and {j} are exactly parallel and {why}, so rows {i} and {j} of K* are parallel and "
                f"λ_min(K*) = 0."
            )
            return Singular(text, (i, j)), antipodes
        opposite = np.array_equal(x[i], -x[j])
        if sign == -1 and side and (directed or opposite):
            text = (
                f"Rows {i} and {j} are exactly antipodal and the kernel is {side}, as its activations are without "
                f"a bias to break it, "
            )
            return Singular(text + f"so rows {i} and {j} of K* are parallel and λ_min(K*) = 0.", (i, j)), antipodes
        if sign == -1 and directed:
            antipodes.append((i, j))
    return None, antipodes


def antipodal(net: Network, get: str, x: Rows, antipodes: list[tuple[int, int]]) -> Singular | None:
    """Theorem B: antipodal pairs whose representatives the polynomial part of one parity cannot tell apart."""
    if not antipodes:
        return None
    try:
        end = derivation(net).state
    except KernelcError:
        return None
    possible = (end.nngp if get == "nngp" else end.ntk).upper
    rows = x[[i for i, _ in antipodes]]
    for parity_name, part in (("even", possible.even), ("odd", possible.odd)):
        if part == INF:
            continue
        top = max(part, default=-1)
        if top < 0 or dependent(rows, [top]):
            pair = antipodes[0]
            text = (
                f"Theorem B: the {parity_name} part of the kernel on the sphere is a polynomial of degree {top}, and "
                f"there are {len(antipodes)} exactly "
                f"antipodal pairs, rows {pair[0]} and {pair[1]} among them, at whose representatives the monomials "
                f"of that degree are linearly "
                "dependent. Weights w on the one and ±w on the other row of each pair annul the other part and this "
                "one. So λ_min(K*) = 0."
            )
            return Singular(text, pair if len(antipodes) == 1 else None)
    return None
