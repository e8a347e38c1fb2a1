"""A lower bound on the least eigenvalue of a matrix of floats, by a Cholesky factorisation of K − sI.

**The theorem** (Rump, BIT 46, 2006; Rump & Jeannerod, SIAM J. Matrix Anal. Appl. 35, 2014; from Demmel 1989). If
floating-point Cholesky of a symmetric matrix A of floats runs to completion, then RᵀR = A + ΔA with |ΔA| ≤ γ|Rᵀ||R|,
γ = γ_{n+1}, in whatever order the sums are taken. Because ‖ |Rᵀ||R| ‖₂ ≤ ‖R‖_F² = tr(RᵀR) ≤ tr(A)/(1 − γ), and RᵀR
is positive semidefinite,

    λ_min(A) ≥ −γ/(1 − γ)·tr(A).

Here γ = γ_{n+3}: LAPACK libraries multiply by a rounded reciprocal where the theorem divides, which is one more
rounding (1 + δ) on a pivot's row, and one is kept in reserve. Block algorithms only change the order of the sums; a
product by Strassen's method would void the theorem, and no BLAS in use has it for real matrices. TINY covers
underflow, also where it is flushed to zero.

A = fl(K − sI) has the diagonal (K_ii − s)(1 + δ), |δ| ≤ u, so λ_min(K) ≥ s + λ_min(A) − u·max|A_ii|/(1 − u).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from kernelc.certificates.data.rounding import TINY, U, gamma, up
from kernelc.runtime.errorfree import two_sum

Floats = NDArray[np.float64]

TRIES = 12
BLOCK = 256


@dataclass(frozen=True)
class Shifted:
    """A successful factorisation: λ_min(K) ≥ shift − loss. ``factor`` is R, upper triangular."""

    shift: float
    loss: float
    factor: Floats
    tight: bool = False

    @property
    def bound(self) -> float:
        """The lower bound, rounded down."""
        return float(np.nextafter(self.shift - self.loss, -np.inf))


def factor(K: Floats, shift: float) -> Shifted | None:
    """Cholesky of K − shift·I with Rump's bound; None where it breaks down."""
    A = shifted(K, shift)
    n, diagonal = len(K), np.diagonal(A).copy()
    if not (diagonal > 0).all():
        return None
    R, info = lapack.dpotrf(A.T, lower=0, clean=1, overwrite_a=0)
    if info != 0 or not (np.diagonal(R) > 0).all() or not np.isfinite(R).all():
        return None
    g = gamma(n + 3)
    trace = up(float(diagonal.sum()), n)
    loss = up(g / (1 - g) * trace, 4) if g < 0.5 else np.inf
    return Shifted(shift, up(loss + rounding_of_shift(diagonal) + n * n * TINY, 4), R)


def shifted(K: Floats, shift: float) -> Floats:
    """fl(K − shift·I)."""
    A = K.copy()
    A.flat[:: len(K) + 1] -= shift
    return A


def rounding_of_shift(diagonal: Floats) -> float:
    """u·max|A_ii|/(1 − u) for the diagonal of A = fl(K − sI)."""
    return up(U * float(diagonal.max()), 3)


def search(K: Floats, estimate: float, largest: float, error: float) -> Shifted | None:
    """The best of a few factorisations: shifts below the estimated λ_min, ever further, until one succeeds.

    The shifts start a few roundings of the largest eigenvalue below the estimate and go on while anything above
    ``error`` could be proved.
    """
    step = 4 * U * largest + 2.0**-30 * abs(estimate)
    for _ in range(TRIES):
        shift = estimate - step
        if shift <= error:
            return factor(K, error) if estimate > -step else None
        done = factor(K, shift)
        if done is not None:
            return done
        step *= 4
    return None


def tightened(K: Floats, done: Shifted) -> Shifted:
    """The same factorisation, with ‖A − RᵀR‖_F computed in place of the a-priori bound.

    λ_min(A) ≥ −‖A − RᵀR‖₂, whatever R is. RᵀR by an error-free splitting (Ozaki, Ogita, Oishi & Rump, Numer.
    Algorithms 59, 2012): R = R1 + R2 + R3, where column j of R1 and R2 are integer multiples of 2^(e_j − b) and
    2^(e_j − 2b) of at most b bits, 2b + log2 n ≤ 53: then all partial sums of R1ᵀR1 and R1ᵀR2 are integers below
    2^53 in their unit, and exact in any order. The rest, R1ᵀR3 + R3ᵀR1 + (R2 + R3)ᵀ(R2 + R3), is 2^-2b of the whole
    and taken with its error bound γ_n.
    """
    A, R, n = shifted(K, done.shift), done.factor, len(K)
    R1, R2, R3 = _slices(R)
    small = R2 + R3  # exact: R − R1
    norms = [up(float(np.linalg.norm(part)), n * n + 2) for part in (R1, R3, small)]
    rounding = up(gamma(n + 3) * (2 * norms[0] * norms[1] + norms[2] ** 2), 8)
    square = 0.0
    for start in range(0, n, BLOCK):
        rows, columns = slice(start, min(start + BLOCK, n)), slice(start, n)
        part = _residual(A, (R1, R2, R3, small), rows, columns)
        width = rows.stop - start
        squares = part * part
        square += 2 * float(squares[:, width:].sum()) + float(squares[:, :width].sum())
    residual = up(float(np.sqrt(up(square, n * n + 8))), 2)
    loss = up(residual + rounding + rounding_of_shift(np.diagonal(A)) + n * n * TINY, 4)
    return Shifted(done.shift, loss, R, tight=True) if loss < done.loss else done


def _slices(R: Floats) -> tuple[Floats, Floats, Floats]:
    n = len(R)
    bits = (53 - int(np.ceil(np.log2(max(n, 2))))) // 2
    exponents = np.frexp(np.max(np.abs(R), axis=0))[1]  # |R_ij| < 2^e_j
    parts, left = [], R
    for turn in (1, 2):
        unit = np.ldexp(1.0, exponents - turn * bits)
        sigma = 1.5 * 2.0**52 * unit  # to round to a multiple of the unit: exact differences, both
        parts.append((left + sigma) - sigma)
        left = left - parts[-1]
    return parts[0], parts[1], left


def _residual(A: Floats, parts: tuple[Floats, ...], rows: slice, columns: slice) -> Floats:
    """A bound for |A − RᵀR| in a block, but for the rounding of the small products."""
    R1, R2, R3, small = parts
    s1, e1 = two_sum(A[rows, columns], -(R1[:, rows].T @ R1[:, columns]))
    s2, e2 = two_sum(R1[:, rows].T @ R2[:, columns], R2[:, rows].T @ R1[:, columns])
    s3, e3 = two_sum(s1, -s2)
    rest = R1[:, rows].T @ R3[:, columns] + R3[:, rows].T @ R1[:, columns] + small[:, rows].T @ small[:, columns]
    total = s3 + (((e1 - e2) + e3) - rest)
    size = np.abs(s3) + np.abs(e1) + np.abs(e2) + np.abs(e3) + np.abs(rest)
    bound: Floats = (np.abs(total) + 8 * U * size) * (1 + 8 * U)
    return bound


def upper_bound(K: Floats, error: float, R: Floats | None, reserve: float = 1.0) -> float:
    """λ_min(K*) ≤ vᵀK*v/vᵀv for any v, here from inverse iteration, where ‖K* − K‖₂ ≤ ``error``; rounded up.

    fl(vᵀ(Kv)) errs by at most γ_{2n}·|v|ᵀ|K||v|, in any order; ``reserve`` ≥ 1 multiplies this.
    """
    n = len(K)
    best = float(np.min(np.diagonal(K))) * (1 + (reserve - 1) * 2.0**-30)
    for v in [] if R is None else [_vector(R)]:
        if not np.isfinite(v).all():
            continue
        size = reserve * gamma(2 * n + 4) * float(np.abs(v) @ (np.abs(K) @ np.abs(v)))
        top = float(v @ (K @ v)) + up(size, 4 * n)
        quotient = top / (float(v @ v) * (1 - gamma(n + 2) if top > 0 else 1 + gamma(n + 2)))
        best = min(best, quotient + 8 * U * abs(quotient))
    return float(np.nextafter(best + up(error * (1 + (reserve - 1) * 2.0**-10), 2), np.inf))


def _vector(R: Floats) -> Floats:
    v = np.cos(np.arange(1.0, len(R) + 1))  # no rows of a data set are like this
    for _ in range(4):
        v = solve_triangular(R, solve_triangular(R, v, trans="T", check_finite=False), check_finite=False)
        v /= np.linalg.norm(v)
    return np.asarray(v)
