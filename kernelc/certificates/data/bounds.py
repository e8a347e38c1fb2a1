"""From enclosed matrices to bounds on the least eigenvalue: Cholesky in float64, then balls."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from kernelc.certificates.data import cholesky, differences, escalate
from kernelc.certificates.data.entries import Enclosed
from kernelc.certificates.data.exact_pairs import Pairs, pairs
from kernelc.certificates.data.rounding import up

ENOUGH = 0.99  # of the estimate: a lower bound as good as this needs no better method
BITS = (256, 512, 1024, 2048)
PAIR_COST = 2e-4  # seconds of an entry in balls, at 256 bits, of a shallow network
CUBIC_COST = 2e-7
CLOSE = 0.9  # bounds closer than this, relatively, are good enough where more would take long
FLOAT_COST = 1e-10
QUICK = 4.0  # seconds that better bounds are worth


@dataclass(frozen=True)
class Bounds:
    """lower ≤ λ_min(K*) ≤ upper; lower is 0.0 where nothing was proved. ``shift``, ``error``: as in the certificate."""

    lower: float
    upper: float
    method: str
    proof: str
    shift: float | None = None
    error: float | None = None


def in_floats(enclosed: Enclosed, hint: float | None = None) -> Bounds:
    """Bounds by Cholesky of the matrix of floats.

    With a ``hint``, the shift of a certificate, that shift is tried alone; without, the bounds are stated with a
    reserve, so that another BLAS, whose roundings differ, confirms them.
    """
    K, error = enclosed.matrix, enclosed.error
    if not (np.isfinite(K).all() and math.isfinite(error)):
        return Bounds(0.0, math.inf, "none", "the entries could not be enclosed in float64")
    exponent = -math.frexp(float(np.max(np.diagonal(K))))[1]
    K, error = np.ldexp(K, exponent), up(math.ldexp(error, exponent), 1)  # a power of two: exact
    values = np.linalg.eigvalsh(K)
    least = float(values[0])
    done = (
        cholesky.search(K, least, float(values[-1]), error)
        if hint is None
        else cholesky.factor(K, math.ldexp(hint, exponent))
    )
    if done is not None and done.bound - up(error, 1) < ENOUGH * least:
        done = cholesky.tightened(K, done)
    reserve = hint is None
    upper = cholesky.upper_bound(K, error, None if done is None else done.factor, 2.0 if reserve else 1.0)
    top = up((math.ldexp(upper, -exponent) + enclosed.rest[1]) * enclosed.high, 5)
    proved = -math.inf if done is None else _proved(done, error, reserve)
    if done is None or not proved > 0:
        failed = (
            f"float64 does not decide: ‖K* − K‖₂ ≤ {enclosed.error:.3g}, and eigvalsh says "
            f"{math.ldexp(least, -exponent):.3g} (not proved)"
        )
        return Bounds(0.0, top, "none", failed)
    spare = enclosed.rest[0] * (1 - 2.0**-20 if reserve else 1 - 2.0**-40)
    bottom = math.nextafter((math.ldexp(proved, -exponent) + spare) * enclosed.low * (1 - 2.0**-50), -1.0)
    shift, loss = math.ldexp(done.shift, -exponent), math.ldexp(done.loss, -exponent)
    how = "the computed ‖A − RᵀR‖_F (error-free product)" if done.tight else "Rump's bound for the rounding errors"
    more = f" + {spare:.3g}" if spare else ""
    scale = f", times min D² ≥ {enclosed.low:.6g} (Ostrowski) for the norms of the rows" if enclosed.scaled else ""
    proof = (
        f"Entries: {enclosed.how}; ‖K* − K‖₂ ≤ {enclosed.error:.3g} for the computed K. Floating-point Cholesky of A "
        f"= K − sI with "
        f"s = {shift:.17g} runs to completion, and by {how} λ_min(A) ≥ −{loss:.3g} (Rump 2006; Rump & Jeannerod "
        f"2014). So "
        f"λ_min(K*) ≥ s − {loss:.3g} − {enclosed.error:.3g}{more}{scale}, ≥ {bottom:.6g}."
    )
    return Bounds(bottom, top, "cholesky-tight" if done.tight else "cholesky", proof, shift, enclosed.error)


def _proved(done: cholesky.Shifted, error: float, reserve: bool) -> float:
    """The lower bound; less 2^-24 of itself, a quarter of a computed residual and 2^-10 of the bound on entries, for
    a reserve."""
    if not reserve:
        return done.bound - up(error, 1)
    spare = (0.25 if done.tight else 2.0**-10) * done.loss + 2.0**-10 * error
    return (done.bound - up(error + spare, 2)) * (1 - 2.0**-24)


def improved(exact: Pairs, deadline: float, found: Bounds) -> Bounds:
    """The bounds found or, where they are far apart and the matrix is small, those from balls."""
    if found.lower > CLOSE * found.upper or seconds(len(exact.x), BITS[0]) > QUICK:
        return found
    why = replace(found, proof="float64 bounds are far apart")
    better = in_balls(exact, min(deadline, time.monotonic() + 2 * QUICK), why)
    return better if better.lower > found.lower else found


def in_differences(
    enclosed: Enclosed, exact: Pairs, near: list[tuple[int, int]], deadline: float, before: Bounds, hint: float | None
) -> Bounds:
    """A lower bound in a basis of differences (:mod:`differences`), where there are near-duplicates and time."""
    found, n = differences.basis(near), len(exact.x)
    cost = (len(found.special) * n) * PAIR_COST + 4 * n**3 * FLOAT_COST
    small = hint is None and seconds(n, BITS[0]) < QUICK  # balls give closer bounds
    if not near or exact.walk.cut or small or time.monotonic() + cost > deadline:
        return before
    done = differences.lower_bound(enclosed, exact, found, hint)
    if done is None:
        return before
    lower = math.nextafter(done[0] * enclosed.low, 0.0)
    proof = (
        f"{before.proof}. In the basis that has the differences of {len(found.centre)} near-duplicates, from balls, "
        f"TᵀK*T − sI with s = {done[1]:.17g} is positive definite by the same bounds, and these and ‖T‖² give "
        f"λ_min(K*) ≥ {lower:.6g}"
    )
    upper = min(before.upper, up(differences.upper_bound(exact, found) * enclosed.high, 1))
    return Bounds(lower, upper, "cholesky-differences", proof, done[1], enclosed.error)


def seconds(n: int, bits: int) -> float:
    """About what a matrix of n rows takes in balls."""
    return (n * n * PAIR_COST + n**3 * CUBIC_COST) * bits / 256


def in_balls(exact: Pairs, deadline: float, before: Bounds, hint: float | None = None) -> Bounds:
    """Bounds from a matrix of balls, as long as there is time; with a ``hint`` that shift is tried first."""
    n = len(exact.x)
    upper = before.upper
    for bits in BITS:
        if time.monotonic() + seconds(n, bits) > deadline:
            text = f"{before.proof}; ball arithmetic at {bits} bits for {n} rows needs more than the budget: raise it"
            return Bounds(0.0, upper, "none", text)
        matrix = pairs(exact.walk, exact.x, exact.normalize, bits).matrix()
        lower, top = escalate.least(matrix, bits, deadline, hint)
        upper = min(upper, top)
        if lower > 0:
            proof = (
                f"{before.proof}. Ball arithmetic at {bits} bits: K* − sI with s = {lower:.17g} is positive "
                f"definite, by positive "
                "Schur complements of its halves, down to single entries."
            )
            return Bounds(lower, upper, f"balls-{bits}", proof, lower)
    return Bounds(0.0, upper, "none", f"{before.proof}; ball arithmetic does not decide it either: K* may be singular")
