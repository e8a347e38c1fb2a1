"""The certificate for given data: a proved lower bound on the least eigenvalue of the exact kernel matrix.

The matrix is K*_ij = k(x_i, x_j) with the exact kernel and the rows exactly as their floats say. Eigenvalues in
floating point prove nothing; here every step is a bound: entries (:mod:`entries`), Cholesky (:mod:`cholesky`), ball
arithmetic where float64 cannot decide (:mod:`escalate`). Singular is said only for exact reasons (:mod:`exactly`).
"""

from __future__ import annotations

import base64
import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelc.certificates.data.bounds import PAIR_COST, Bounds, improved, in_balls, in_differences, in_floats
from kernelc.certificates.data.directions import MAX_WIDTH, directions
from kernelc.certificates.data.entries import Gaps, measure, on_sphere, one_by_one
from kernelc.certificates.data.exact_pairs import pairs
from kernelc.certificates.data.exactly import Singular, antipodal, duplicate, one_norm, parallels, polynomial, zero_row
from kernelc.certificates.data.norms import candidates
from kernelc.certificates.data.scalar import Scalar
from kernelc.certificates.data.walk import Walk, walk
from kernelc.certificates.record import Certificate
from kernelc.driver import compile
from kernelc.errors import InputError, KernelcError, LoweringError, UnsupportedError
from kernelc.messages import quote
from kernelc.network import Network, Normalize, loads
from kernelc.recursion import derive

CUT = (
    "the rows are not on one sphere, where the expansions of this network's activations hold; put them there with "
    "normalize=True"
)
Floats = NDArray[np.float64]
Progress = Callable[[float], None]


@dataclass(frozen=True)
class DataCertificate(Certificate):
    """lower_bound ≤ λ_min(K*) ≤ upper_bound for the exact kernel matrix of the rows ``points``.

    ``verdict``: "pd" (lower_bound > 0), "singular" (exactly, with the reason in ``proof`` and, where two rows are
    it, ``pair``; the same row twice is a zero row) or "undecided". ``shift`` is the number s of the factorisation of
    K − sI that proved the bound, and ``entry_error`` the bound on ‖K* − K‖₂ that went into it.
    """

    kind: ClassVar[str] = "data"

    points: Floats
    normalize: bool
    lower_bound: float
    upper_bound: float
    method: str
    pair: tuple[int, int] | None = None
    shift: float | None = None
    entry_error: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The certificate with the rows themselves: little-endian float64, base64; no bound is null."""
        data = np.ascontiguousarray(self.points, dtype="<f8").tobytes()
        return {
            "name": self.name,
            "spec": self.spec,
            "get": self.get,
            "verdict": self.verdict,
            "lower_bound": self.lower_bound,
            "upper_bound": self.upper_bound if math.isfinite(self.upper_bound) else None,
            "method": self.method,
            "pair": None if self.pair is None else list(self.pair),
            "shift": self.shift,
            "entry_error": self.entry_error,
            "proof": self.proof,
            "normalize": self.normalize,
            "points": {
                "shape": list(self.points.shape),
                "dtype": "<f8",
                "sha256": hashlib.sha256(data).hexdigest(),
                "base64": base64.b64encode(data).decode("ascii"),
            },
        }


@dataclass(frozen=True)
class _Task:
    """What is to be decided.

    ``asked``: the caller asked for the directions, not the network. ``method`` and ``hint``: the method and the
    shift of a certificate that is to be confirmed.
    """

    net: Network
    x: Floats
    normalize: bool
    asked: bool
    walk: Walk
    deadline: float
    method: str = ""
    hint: float | None = None

    def answer(self, verdict: str, bounds: Bounds, pair: tuple[int, int] | None = None) -> DataCertificate:
        """The certificate."""
        get = self.walk.get
        about = f"K* is the {get.upper()} matrix of the {len(self.x)} rows exactly as stored"
        about += ", each put on the sphere |x|² = d exactly. " if self.normalize else ". "
        proof = about + bounds.proof[:1].upper() + bounds.proof[1:]
        return DataCertificate(
            self.net.name, self.net.dumps(), get, verdict, proof if proof.endswith(".") else proof + ".", self.x,
            self.asked, bounds.lower, bounds.upper, bounds.method, pair, bounds.shift, bounds.error,
        )  # fmt: skip

    def singular(self, why: Singular) -> DataCertificate:
        """λ_min(K*) = 0."""
        return self.answer("singular", Bounds(0.0, 0.0, "exact", why.reason), why.pair)


def certify_data(
    net: Network,
    x: ArrayLike,
    get: str = "ntk",
    normalize: bool = False,
    budget: float = 60.0,
    progress: Progress | None = None,
) -> DataCertificate:
    """Bounds on the least eigenvalue of the exact kernel matrix of the rows of ``x``, and a verdict.

    ``normalize`` asks for the kernel of the rows' directions, exactly. ``budget`` is the time in seconds for ball
    arithmetic where float64 does not decide. Parameters of the spec are at their defaults. Raises InputError for arrays
    that are no rows of finite real numbers, UnsupportedError for a kernel that does not exist.
    """
    return _decided(_task(net, x, get, normalize, budget), progress or (lambda share: None))


def _task(net: Network, x: ArrayLike, get: str, normalize: bool, budget: float) -> _Task:
    if get not in ("nngp", "ntk"):
        raise InputError(f"get: expected 'nngp' or 'ntk', found {get!r}")
    points = rows_of(x)
    directed = normalize or isinstance(net.flat[0], Normalize)
    zero = np.flatnonzero(~points.any(axis=1))
    if directed and len(zero):
        raise InputError(f"x: row {zero[0]} is zero and has no direction; leave it out")
    kernel = walk(derive(net), get, points.shape[1])
    return _Task(net, points, directed, normalize, kernel, time.monotonic() + budget)


def rows_of(x: ArrayLike) -> Floats:
    """``x`` as float64 rows; raises InputError for what is none."""
    try:
        found = np.asarray(x)
    except ValueError as error:
        raise InputError(f"x: expected rows of one length: {error}") from None
    if found.dtype.kind not in "biuf":
        raise InputError(f"x: expected real numbers, found an array of dtype {found.dtype}")
    if found.ndim != 2:
        hint = "; one point is x[None, :]" if found.ndim == 1 else ""
        raise InputError(f"x: expected shape (n, d), one row a point, found {found.shape}{hint}")
    if 0 in found.shape:
        raise InputError(f"x: expected at least one row and one column, found shape {found.shape}")
    if found.shape[1] > MAX_WIDTH:
        raise InputError(f"x: expected at most {MAX_WIDTH} columns, found {found.shape[1]}")
    with np.errstate(over="ignore"):
        rows: Floats = np.ascontiguousarray(found, dtype=np.float64) + 0.0  # no −0.0
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        i, j = bad[0]
        raise InputError(f"x: expected finite numbers, found {found[i, j]} in row {i}, column {j}")
    with np.errstate(all="ignore"):
        changed = np.argwhere(rows.astype(found.dtype) != found)
    if len(changed):
        i, j = changed[0]
        raise InputError(f"x: {found[i, j]} in row {i}, column {j} is no float64, as certificates need; round it")
    return rows


def _decided(task: _Task, progress: Progress) -> DataCertificate:
    x, steps, get = task.x, task.walk.steps, task.walk.get
    why = duplicate(x) or zero_row(steps, get, x) or polynomial(steps, get, x, task.normalize)
    if why is not None:
        return task.singular(why)
    try:
        bounds = _bounds(task, progress)
    except (UnsupportedError, LoweringError, ArithmeticError, ValueError) as error:  # flint raises the last two
        reason = f"nothing was proved: {error}{_unproved(task)}"
        return task.answer("undecided", Bounds(0.0, math.inf, "none", reason))
    if isinstance(bounds, Singular):
        return task.singular(bounds)
    if bounds.upper <= 0:
        return task.singular(Singular(f"{bounds.proof} No kernel matrix has a negative eigenvalue, so λ_min(K*) = 0"))
    return task.answer("pd" if bounds.lower > 0 else "undecided", bounds)


def _bounds(task: _Task, progress: Progress) -> Bounds | Singular:
    """Bounds from the best way there is, or an exact reason why there is no positive one."""
    x, best = task.x, Bounds(0.0, math.inf, "none", "")
    exact = pairs(task.walk, x, task.normalize)
    balls = task.method.startswith("balls") and not task.walk.cut  # of a cut kernel balls know the diagonal alone
    if x.any(axis=1).all():
        rows = directions(x)
        first = measure(rows)
        gaps: Gaps | None = first
        beside = first.beside
        progress(0.2)
        why = _special(task, first.close)
        if why is not None:
            return why
        for radii in () if balls else candidates(task.walk, rows, task.normalize):
            alone = pairs(task.walk, x, True) if radii.directed else exact
            enclosed = on_sphere(Scalar(task.walk, radii.q), rows, gaps or measure(rows), radii, alone)
            gaps = None  # its memory is the matrix now
            progress(0.4)
            if enclosed is not None:
                found = in_floats(enclosed, task.hint)
                if found.lower > 0:
                    keep = task.hint is not None or task.walk.cut
                    return found if keep else improved(exact, task.deadline, found)
                best = found if found.upper < best.upper else best
                apart = in_differences(enclosed, alone, beside, task.deadline, found, task.hint)
                if apart.lower > 0:
                    return apart
        progress(0.5)
    if balls:
        return in_balls(exact, task.deadline, best, task.hint)
    if task.walk.cut:
        if not best.proof:
            raise UnsupportedError(CUT)
        return best
    if not best.proof:
        n = len(x)
        if n * n * PAIR_COST > max(task.deadline - time.monotonic(), 1.0):
            return Bounds(0.0, math.inf, "none", _too_many(n))
        best = in_floats(one_by_one(exact), task.hint)
        progress(0.7)
    return best if best.lower > 0 else in_balls(exact, task.deadline, best)


def _unproved(task: _Task) -> str:
    """What floating point says of λ_min, where it is to be had."""
    try:
        rows = task.x / np.linalg.norm(task.x, axis=1)[:, None] * task.x.shape[1] ** 0.5 if task.asked else task.x
        K = compile(task.net)(rows, get=task.walk.get)
    except (KernelcError, ValueError):
        return ""
    return f". Floating point, which proves nothing, says λ_min = {np.linalg.eigvalsh(K)[0]:.6g}"


def _special(task: _Task, close: list[tuple[int, int]]) -> Singular | None:
    x, steps, get = task.x, task.walk.steps, task.walk.get
    sphere = task.normalize or (bool(close) and one_norm(x))
    why, antipodes = parallels(steps, get, x, sphere, close)
    return why or antipodal(task.net, get, x, antipodes)


def _too_many(n: int) -> str:
    return (
        "the rows are not on one sphere and the network is not homogeneous, so that every entry needs ball "
        "arithmetic, and "
        f"{n} rows are too many for the budget. Raise the budget, take fewer rows, put the rows on a sphere first, "
        f"or ask "
        'for the kernel of their directions (normalize=True, or a network that begins with "normalize")'
    )


def verify_data(found: Mapping[str, Any], budget: float = 600.0) -> DataCertificate:
    """Check a certificate from scratch, from its spec and its rows; raises InputError where it does not hold.

    What it claims is proved anew, entry by entry, and only the shift of the factorisation is taken from it: a number
    that is good or not, whoever says it.
    """
    try:
        shape = tuple(int(k) for k in found["points"]["shape"])
        data = base64.b64decode(found["points"]["base64"], validate=True)
        points = np.frombuffer(data, dtype="<f8").reshape(shape)
        spec, get, normalize, verdict = (
            str(found["spec"]),
            str(found["get"]),
            bool(found["normalize"]),
            found["verdict"],
        )
        lower, upper, method = float(found["lower_bound"]), found["upper_bound"], str(found["method"])
        upper = math.inf if upper is None else float(upper)
        hint = None if found["shift"] is None else float(found["shift"])
        stated = found["points"]["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected a data certificate of kernelc, found {error!r}") from None
    if stated != hashlib.sha256(data).hexdigest():
        raise InputError("the certificate's points are not those of its SHA-256")
    task = _task(loads(spec, "certificate"), points, get, normalize, budget)
    again = _decided(replace(task, method=method, hint=hint), lambda share: None)
    if (again.name, again.pair and list(again.pair)) != (found.get("name"), found.get("pair")):
        raise InputError(
            f"the certificate names the network {quote(found.get('name'))} and the pair {quote(found.get('pair'))}, "
            f"but its spec and its rows say {again.name} and {again.pair}"
        )
    if again.verdict != verdict or not (again.lower_bound >= lower and again.upper_bound <= upper):
        raise InputError(
            f"the certificate claims {verdict} with [{lower:.17g}, {upper:.17g}], but from its own rows follows "
            f"{again.verdict} with [{again.lower_bound:.17g}, {again.upper_bound:.17g}]"
        )
    return again
