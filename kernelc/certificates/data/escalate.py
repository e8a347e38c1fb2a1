"""Positive definiteness in ball arithmetic: a matrix of balls, for few rows and least eigenvalues that float64
cannot see.

A = [[B, C], [Cᵀ, D]] is positive definite iff B and the Schur complement D − CᵀB⁻¹C are (Haynsworth 1968): applied
to halves, down to single entries, whose balls must be positive. Every step is python-flint's ``arb_mat`` (Johansson
2017), whose balls hold the exact results.
"""

from __future__ import annotations

import math
import time

from flint import arb, arb_mat

from kernelc.certificates.balls import precision
from kernelc.certificates.data.rounding import above

SHARES = (0.999, 0.99, 0.9, 0.5, 0.1, 0.0)  # of the estimate: the shifts that are tried
POWER = 3


def positive(A: arb_mat) -> bool:
    """Whether every symmetric matrix in the balls is proved positive definite."""
    n = A.nrows()
    if n == 1:
        return bool(A[0, 0] > 0)
    half = n // 2
    B, C, D = _part(A, 0, half, 0, half), _part(A, 0, half, half, n), _part(A, half, n, half, n)
    if not positive(B):
        return False
    try:
        solved = B.solve(C)
    except ZeroDivisionError:  # not proved regular
        return False
    return positive(D - C.transpose() * solved)


def _part(A: arb_mat, top: int, bottom: int, left: int, right: int) -> arb_mat:
    return arb_mat([[A[i, j] for j in range(left, right)] for i in range(top, bottom)])


def least(A: arb_mat, bits: int, deadline: float, hint: float | None = None) -> tuple[float, float]:
    """Bounds (lower, upper) on the least eigenvalue of the matrix in the balls; lower is 0.0 where nothing was proved.

    The upper one is a Rayleigh quotient, the lower one the first of a few shifts s with A − sI positive definite.
    """
    with precision(bits):
        n = A.nrows()
        upper = min(above(A[i, i]) for i in range(n))
        estimate = _rayleigh(A)
        if estimate is not None:
            upper = min(upper, above(estimate))
        shifts = [] if hint is None else [hint]
        for shift in [*shifts, *(share * upper for share in SHARES)]:
            if positive(A - _scalar(n, arb(shift))):
                return (shift if shift > 0 else _some(A, upper)), upper
            if time.monotonic() > deadline:
                break
        return 0.0, upper


def _some(A: arb_mat, upper: float) -> float:
    """A positive lower bound for a matrix that is proved positive definite, from ever smaller shifts."""
    shift = upper
    for _ in range(60):
        shift /= 16
        if positive(A - _scalar(A.nrows(), arb(shift))):
            return shift
    return 0.0


def _scalar(n: int, value: arb) -> arb_mat:
    return arb_mat([[value if i == j else arb(0) for j in range(n)] for i in range(n)])


def _rayleigh(A: arb_mat) -> arb | None:
    """vᵀAv/vᵀv for a vector near the least eigenvalue's: a ball for an upper bound. None where A is not proved
    regular."""
    n = A.nrows()
    v = arb_mat([[arb(math.cos(k + 1.0))] for k in range(n)])
    try:
        for _ in range(POWER):
            v = A.solve(v)
            largest = max((abs(v[k, 0]).mid() for k in range(n)), key=float)
            v = arb_mat([[(v[k, 0] / largest).mid()] for k in range(n)])
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    value: arb = (v.transpose() * (A * v))[0, 0] / (v.transpose() * v)[0, 0]
    return value if value.is_finite() else None
