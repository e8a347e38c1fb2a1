"""The directions x/|x| of rows of floats, to twice float64's precision, and the exact question whether two are
parallel.

Error-free transformations: TwoSum (Knuth), TwoProduct (Dekker 1971; Veltkamp's splitting), and their use in Dot2
(Ogita, Rump & Oishi, SIAM J. Sci. Comput. 26, 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kernelc.certificates.data.rounding import TINY, U, gamma, up
from kernelc.runtime.errorfree import two_product, two_sum

Floats = NDArray[np.float64]

MAX_WIDTH = 2**20


@dataclass(frozen=True)
class Directions:
    """Rows as unit vectors ``high + low``, their exponents, and their scaled squared norms.

    ``error`` bounds | x̂ − (high + low) | relative to x̂, in every component, but for ``TINY``. |x_i|² = (square +
    rest)_i · 4^exponent_i · (1 + δ), |δ| ≤ ``square_error``. |high − x̂| ≤ 4u|x̂| and |low| ≤ 4u|x̂| in every
    component.
    """

    high: Floats
    low: Floats
    exponents: NDArray[np.int64]
    square: Floats
    rest: Floats
    square_error: float
    error: float


def directions(x: Floats) -> Directions:
    """The directions of rows that are not zero, of at most ``MAX_WIDTH`` columns.

    The bound. Rows are scaled by powers of two to a largest component in [½, 1): exact, but for underflow far below
    TINY. Dot2 without its last addition gives S = Σx² as s + r with relative error η = γ_d² (Ogita, Rump & Oishi 2005,
    Prop. 5.5; all terms are ≥ 0). Norm: n1 = fl(√s), n2 = fl((((s − n1²) + r))/(2 n1)), where s − n1² is exact in
    two parts: |s − n1²| ≤ 2.1u·s, so the three roundings, each u relative to at most 4u·s, and the dropped term
    (n2²/2n1) leave n1 + n2 = √S(1 + ν), |ν| ≤ η/2 + 12u². Components: h = fl(x/n1); x − h·n1 is exact; l = fl((x −
    h·n1 − h·n2)/n1): |x − h n1| ≤ u|x|, |h n2| ≤ 2.1u|x|, hence three roundings of at most 4u|x| each, and dividing
    by n1 in place of n1 + n2 costs 3.2u·2.1u: below 32u². Together |x̂ − (h + l)| ≤ (η + 64u²)|x̂|, and |l| ≤
    3.2u·|x̂|(1 + 4u).
    """
    exponents = np.frexp(np.max(np.abs(x), axis=1, initial=0.0))[1].astype(np.int64)
    scaled = _ldexp(x, -exponents)
    s, rest = np.zeros(len(x)), np.zeros(len(x))
    for column in np.ascontiguousarray(scaled.T):
        p, e = two_product(column, column)
        s, t = two_sum(s, p)
        rest += e + t
    square, rest = two_sum(s, rest)
    norm = np.sqrt(square)
    p, e = two_product(norm, norm)
    low_norm = (((square - p) - e) + rest) / (2 * norm)
    high = scaled / norm[:, None]
    p, e = two_product(high, norm[:, None])
    low = (((scaled - p) - e) - high * low_norm[:, None]) / norm[:, None]
    eta = up(gamma(x.shape[1] + 2) ** 2, 2)
    return Directions(high, low, exponents, square, rest, eta, up(eta + 64 * U * U, 2))


def _ldexp(x: Floats, exponents: NDArray[np.int64]) -> Floats:
    """x·2^e row by row; in two halves, because 2^e itself may be out of range."""
    half = exponents // 2
    return np.asarray(np.ldexp(np.ldexp(x, half[:, None]), (exponents - half)[:, None]))


def gaps(rows: Directions, i: NDArray[np.int64], j: NDArray[np.int64], same: NDArray[np.bool_]) -> Floats:
    """y = |x̂_i ∓ x̂_j|²/4 of pairs near to parallel (``same``) or antipodal; see :func:`gap_error`."""
    out = np.empty(len(i))
    size = max(1, 2**20 // rows.high.shape[1])
    for at in range(0, len(i), size):
        a, b, sign = i[at : at + size], j[at : at + size], np.where(same[at : at + size], 1.0, -1.0)[:, None]
        difference = (rows.high[a] - sign * rows.high[b]) + (rows.low[a] - sign * rows.low[b])
        out[at : at + size] = np.einsum("ij,ij->i", difference, difference) / 4
    return out


def gap_error(rows: Directions, y: float) -> float:
    """A bound for the error of a gap that was computed as at most y.

    Per component, with D = x̂_i ∓ x̂_j: the difference of the high parts errs by u(|D| + 8u(|x̂_i| + |x̂_j|)), that
    of the low parts by 8u²(|x̂_i| + |x̂_j|), their sum by 1.1u|D| + ..., the directions themselves by ``error``; so
    the computed vector is within e = 2.2u·T + e0 of D, T = |D| = 2√y and e0 = 2.1·(error + 20u²) + 2^-990. Squares,
    sum and y: (d + 2)u relative, in any order, and (2·T·e + e²)/4 = 2.2u·2y + √y·e0 + e²/4.
    """
    d = rows.high.shape[1]
    e0 = 2.1 * (rows.error + 20 * U * U) + 2.0**-990
    return up((y * (gamma(d + 2) + 5 * U) + y**0.5 * e0) * 1.01 + e0 * e0, 12)


@dataclass(frozen=True)
class Halves:
    """Directions as ``front + back``: front in multiples of 2^-26, so that products of fronts are exact; ``size`` ≥
    ‖back‖ of each row."""

    front: Floats
    back: Floats
    whole: Floats
    size: float


def halves(rows: Directions) -> Halves:
    """The directions cut in two (Ozaki et al. 2012).

    front = high to the nearest multiple of 2^-26. All partial sums of products of two fronts are multiples of 2^-52
    and, by Cauchy and Schwarz, at most |front||front'| ≤ (1 + √d·2^-27 + 4u)² < 2 for d ≤ 2^20: exact floats, in any
    order. back = fl((high − front) + low), where the difference is exact; its rounding, below 2^-79 a component, is
    in :func:`product_error`.
    """
    sigma = 1.5 * 2.0**26
    front = (rows.high + sigma) - sigma
    back = (rows.high - front) + rows.low
    size = up(float(np.sqrt((back * back).sum(axis=1).max(initial=0.0))), rows.high.shape[1] + 4)
    return Halves(front, back, front + back, size)


def product_gaps(cut: Halves, i: slice, j: slice) -> tuple[Floats, Floats]:
    """(y, sign) with y = (1 − |ρ|)/2 for a block of pairs; see :func:`product_error`."""
    main = cut.front[i] @ cut.front[j].T
    rest = cut.front[i] @ cut.back[j].T + cut.back[i] @ cut.whole[j].T
    sign = np.copysign(1.0, main)
    return np.clip(0.5 * ((1 - np.abs(main)) - sign * rest), 0.0, 0.5), sign


def product_error(rows: Directions, cut: Halves, y: float) -> float:
    """A bound for the error of a gap of at most y from :func:`product_gaps`.

    1 − |main| is exact (multiples of 2^-52 up to 2). The rest errs by γ_{d+2}·2.1·size (both products, their sum,
    the rounding of ``whole``); cutting and the directions' own error by 2·1.1·(error + √d·2^-79) together; the last
    difference by u times itself, 2y. Where |ρ| is so small that main and ρ differ in sign, |ρ| and the value of −|ρ|
    differ by less than these errors, twice.
    """
    d = rows.high.shape[1]
    small = gamma(d + 2) * 2.1 * cut.size + 2.2 * (rows.error + d**0.5 * 2.0**-79)
    return up(U * y * 1.01 + 2 * small + TINY, 16)


def parallel(a: Floats, b: Floats) -> int:
    """1 where b = t·a exactly with t > 0, −1 with t < 0, else 0; the rows are not zero."""
    p = int(np.argmax(np.abs(a)))
    if b[p] == 0 or np.any((a == 0) != (b == 0)):
        return 0
    top, bottom = Fraction(float(a[p])), Fraction(float(b[p]))
    if any(Fraction(float(s)) * bottom != Fraction(float(t)) * top for s, t in zip(a, b, strict=True)):
        return 0
    return 1 if top * bottom > 0 else -1
