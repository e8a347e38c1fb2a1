"""relu-3: the NNGP and NTK kernels of an infinitely wide network, for Numba.

Three hidden ReLU layers, He scaling, no bias
Reference: He et al. 2015, arXiv:1502.01852; Jacot et al. 2018, arXiv:1806.07572

Recursion (q1, q2, c: the inputs' second moments x.x/d, x'.x'/d, x.x'/d):

    q1_1 = 2*q1
    q2_1 = 2*q2
    nngp_1 = 2*c
    ntk_1 = 2*c
    phi1_1 = q1_1/2
    phi2_1 = q2_1/2
    phi_1 = (nngp_1*(pi - acos(nngp_1/(sqrt(q1_1)*sqrt(q2_1)))) + sqrt(-nngp_1**2 + q1_1*q2_1))/(2*pi)
    dot_1 = (pi - acos(nngp_1/(sqrt(q1_1)*sqrt(q2_1))))/(2*pi)
    tangent_1 = dot_1*ntk_1
    ... and so 2 times more
    q1_4 = 2*phi1_3
    q2_4 = 2*phi2_3
    nngp_4 = 2*phi_3
    ntk_4 = 2*phi_3 + 2*tangent_3

Dual activations:
    relu: tier exact, error 1e-13 of sqrt(E11 E22)

Domain: rows of any norm from 1e-150 to 1e150, and zero rows.

Large matrices at any norms are read off a table in the angle, built from the layers on first use. Its error,
measured: COLLAPSE_ERROR = 1e-06 of sqrt(K_ii K_jj).

Written by kernelc 0.1.0. `python FILE` runs its self-test.
"""


import collections
import copy
import functools
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import Any, NoReturn

import numba
import numpy as np


__all__ = ["SPEC", "diag", "kernel", "nngp", "ntk", "self_test"]

SPEC = """\
schema = 1
name = "relu-3"
description = "Three hidden ReLU layers, He scaling, no bias"
reference = "He et al. 2015, arXiv:1502.01852; Jacot et al. 2018, arXiv:1806.07572"
parameterization = "ntk"

[network]
layers = [
  { dense = { W_std = "sqrt(2)" } },
  { repeat = 3, layers = ["relu", { dense = { W_std = "sqrt(2)" } }] },
]
"""
SPEC_SHA256 = "fe18dd4475270d4bb66af260264595eeadec627a67249ceb745120ec2db9cfe7"
KERNELC_VERSION = "0.1.0"


F = np.float32  # of results and of pairs; what depends on one point only is computed in float64
TILE = (256, 512)  # rows and columns of the tiles that layers are applied to
ZONAL_TILE = (512, 512)  # and of those that are looked up in a table
NORMALIZE = False  # input rows onto the sphere |x|² = d
NO_NTK = ''  # why there is no NTK; empty where there is one
CAREFUL = False  # what depends on one point only in double-double
BLOCK = 512  # rows and columns of one matrix product, the work of one thread
HOMOGENEOUS = ('nngp', 'ntk')  # of the angle alone, in units of sqrt(K_ii K_jj)
COLLAPSE_ERROR = 1e-06  # of the table in the angle at |x|² = d, in sqrt(K_ii K_jj)
C1 = F(2.0)  # 2
C2 = F(1.0)  # 1
C3 = F(0.5)  # 1/2
C4 = F(1.5707963267948966)  # pi/2
C5 = F(0.15915494309189535)  # 1/(2*pi)
C6 = F(0.0)  # 0
C7 = F(0.25)  # 1/4


class Loop:
    """A loop over a tile, compiled for the types of its first call; the machine code is kept on disk beside this file.

    There is one set of types for each loop, so that processes that compile at once all write the same. Arrays are
    C-contiguous; those whose names end in ``_any`` may have any layout.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.lock = function, threading.Lock()
        self.compiled: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Run the loop."""
        if self.compiled is None:
            with self.lock:
                self.compiled = self.compiled or self._compile(arguments)
        return self.compiled(*arguments)

    def _compile(self, arguments: tuple[Any, ...]) -> Any:
        names = self.function.__code__.co_varnames
        types = tuple(_type(argument, name) for argument, name in zip(arguments, names, strict=False))
        options: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
        module = sys.modules.get(self.function.__module__)
        if module and vars(module) is self.function.__globals__:  # Numba finds kept code by its module's name
            try:
                return numba.njit(types, cache=True, **options)(self.function)
            except Exception:  # there is no place to keep it, or what was kept is damaged
                pass
        return numba.njit(types, **options)(self.function)


def _type(argument: Any, name: str) -> Any:
    """The type of an argument, for Numba."""
    found: Any = numba.typeof(argument)  # type: ignore[no-untyped-call]
    return found.copy(layout="A") if name.endswith("_any") else found


# ---- The layers: what each does to one point, and to a pair of points ------------------------------------


def row_1(q, ntk, p):
    """dense"""
    t1 = 2*q
    s = np.sqrt(q)
    return t1, t1, (s,)


@Loop
def loop_1(gap_tile, side_tile, ntk_tile, s1_rows, s2_columns, with_ntk):
    """dense"""
    for i in range(gap_tile.shape[0]):
        s1 = s1_rows[i, 0]
        for j in range(gap_tile.shape[1]):
            gap = gap_tile[i, j]
            side = side_tile[i, j]
            s2 = s2_columns[0, j]
            if with_ntk:
                nngp = s1*s2*(side*(C2 - C1*gap))
                ntk_tile[i, j] = C1*nngp


def pair_1(gap, side, ntk, one, two, p):
    """dense"""
    s1, = one
    s2, = two
    tangent = np.empty_like(gap)
    loop_1(gap, side, tangent, s1, s2, ntk is not None)
    return gap, side, None if ntk is None else tangent


def row_2(q, ntk, p):
    """relu, dense"""
    s = np.sqrt(0.5*q)
    return q, ntk + q, (s,)


@Loop
def loop_2(gap_tile, side_tile, ntk_tile, s1_rows, s2_columns, with_ntk):
    """relu, dense"""
    for i in range(gap_tile.shape[0]):
        s1 = s1_rows[i, 0]
        for j in range(gap_tile.shape[1]):
            gap = gap_tile[i, j]
            side = side_tile[i, j]
            ntk = ntk_tile[i, j]
            s2 = s2_columns[0, j]
            t1 = np.sqrt(gap)
            kappa = C1*(t1*np.sqrt(C2 - gap))
            theta = C1*asin(t1)
            t2 = C3*gap
            t3 = C4 - theta
            gap_phi = maximum((C3 - t2 if side < C6 else t2) + C5*(C1*(gap*t3) + theta - kappa), C6)
            if with_ntk:
                dot = C7 + C5*(t3*side)
                nngp = s1*s2*(C2 - C1*gap_phi)
                ntk_tile[i, j] = C1*(ntk*dot) + C1*nngp
            gap_tile[i, j] = gap_phi


def pair_2(gap, side, ntk, one, two, p):
    """relu, dense"""
    s1, = one
    s2, = two
    tangent = ntk if ntk is not None else np.empty_like(gap)
    loop_2(gap, side, tangent, s1, s2, ntk is not None)
    return gap, 1, None if ntk is None else tangent


def row_3(q, ntk, p):
    """relu, dense: 2 times"""
    s = np.sqrt(0.5*q)
    return q, ntk + q, (s,)


@Loop
def loop_3(gap_tile, ntk_tile, s1_rows, s2_columns, with_ntk):
    """relu, dense: 2 times"""
    for i in range(gap_tile.shape[0]):
        s1 = s1_rows[i, 0]
        for j in range(gap_tile.shape[1]):
            gap = gap_tile[i, j]
            ntk = ntk_tile[i, j]
            s2 = s2_columns[0, j]
            t1 = np.sqrt(gap)
            kappa = C1*(t1*np.sqrt(C2 - gap))
            theta = C1*asin(t1)
            t2 = C4 - theta
            gap_phi = maximum(C3*gap + C5*(C1*(gap*t2) + theta - kappa), C6)
            if with_ntk:
                dot = C7 + C5*t2
                nngp = s1*s2*(C2 - C1*gap_phi)
                ntk_tile[i, j] = C1*(ntk*dot) + C1*nngp
            gap_tile[i, j] = gap_phi


def pair_3(gap, side, ntk, one, two, p):
    """relu, dense: 2 times"""
    s1, = one
    s2, = two
    tangent = ntk if ntk is not None else np.empty_like(gap)
    loop_3(gap, tangent, s1, s2, ntk is not None)
    return gap, 1, None if ntk is None else tangent


BLOCKS = (
    (1, row_1, pair_1),  # dense
    (1, row_2, pair_2),  # relu, dense
    (2, row_3, pair_3),  # relu, dense
)


def deviations(p):
    """W_std and b_std, as far as they depend on parameters: none may be negative"""
    return ()


# ---- What this module is for -----------------------------------------------------------------------------


def nngp(x1, x2=None, *, out=None):
    """The covariance of the outputs, shape (n, m): E[f(x) f(x')] over the weights. ``x2=None`` stands for x1 itself."""
    return gram(x1, x2, ("nngp",), {}, out)["nngp"]


def ntk(x1, x2=None, *, out=None):
    """The neural tangent kernel, shape (n, m). ``x2=None`` stands for x1 itself: its diagonal is exact."""
    return gram(x1, x2, wanted("ntk"), {}, out)["ntk"]


def kernel(x1, x2=None, get="ntk"):
    """The kernels that ``get`` names, "ntk" or "nngp"; a tuple of them gives a tuple, in its order, for little more."""
    values = gram(x1, x2, wanted(get), {})
    return values[get] if isinstance(get, str) else tuple(values[name] for name in get)


def diag(x, get="ntk"):
    """The diagonal of ``kernel(x, None, get)``, shape (n,), without the rest."""
    values = Rows(Rows.accepted(x, "x"), {}, wanted(get)).diagonal
    return values[get] if isinstance(get, str) else tuple(values[name] for name in get)


SAMPLES = [[1.0, 0.5, -0.25], [0.75, 0.5, 0.125], [-1.0, 0.25, 1.5]]
EXACT = {  # 50-digit arithmetic, rounded
    "nngp": [[0.875, 0.6563369019980061, 0.7200677489570044], [0.6563369019980061, 0.5520833333333334, 0.6171044173653493], [0.7200677489570044, 0.6171044173653493, 2.2083333333333335]],
    "ntk": [[3.5, 2.1947706257710156, 0.9823148781399239], [2.1947706257710156, 2.2083333333333335, 0.9506737158730875], [0.9823148781399239, 0.9506737158730875, 8.833333333333334]],
}


def self_test():
    """Compare with the exact values; raise AssertionError where the error exceeds 1e-5 of sqrt(K_ii K_jj)."""
    if not EXACT:
        print("no samples: the kernel is out of range at every scale that was tried")
    for name, exact in EXACT.items():
        exact = np.array(exact)
        scale = np.sqrt(np.diag(exact))
        error = np.abs(kernel(SAMPLES, None, name) - exact) / np.outer(scale, scale)
        if not error.max() <= 1e-5:
            raise AssertionError(f"{name} is off by {error.max():.1e}")
        print(f"{name}: error {error.max():.1e}")


# ---- The machinery: the same in every module -------------------------------------------------------------


def library_on_one_thread() -> Any:
    """Nothing to do: NumPy has no threads of its own but those of the BLAS."""
    return nullcontext()


CHUNK = 256  # rows that are converted at once
SPHERE = 32  # units in the last place by which norms on one sphere may differ: what normalizing leaves
KEPT = 8  # of what is built for many calls: the last ones


def checked(x: Any, name: str) -> Any:
    """``x`` as a finite real array of shape (n, d), d >= 1; raises ValueError otherwise."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected real numbers, found an array of dtype {x.dtype}")
    if x.ndim != 2:
        hint = f"; one point is {name}[None, :]" if x.ndim == 1 else ""
        raise ValueError(f"{name}: expected shape (n, d), one row a point, found {x.shape}{hint}")
    if x.shape[1] == 0:
        raise ValueError(f"{name}: expected at least one column, found shape {x.shape}")
    for rows in panels(len(x), CHUNK):
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(x[rows].astype(F, copy=False))
        if bad.any():
            i, j = np.argwhere(bad)[0]
            value = x[rows][i, j]
            reason = "finite numbers" if not np.isfinite(value) else f"numbers within the range of {np.dtype(F)}"
            raise ValueError(f"{name}: expected {reason}, found {value} in row {rows.start + i}, column {j}")
    return x


def refuse(out: Any, wanted: str) -> NoReturn:
    """Say that ``out`` is not what was wanted."""
    found = f"{getattr(out, 'dtype', type(out).__name__)} of shape {np.shape(out)}"
    raise ValueError(f"out: expected {wanted}, found {found}")


def panels(n: int, size: int) -> Iterator[slice]:
    """Slices that cover range(n), ``size`` at a time."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def alike(values: Any, ulps: float) -> bool:
    """Whether two numbers differ by no more than some units in the last place."""
    return bool(abs(values[1] - values[0]) <= ulps * np.finfo(F).eps * abs(values[0]))


def wanted(get: Any) -> tuple[str, ...]:
    """``get`` as a tuple of kernel names."""
    names = tuple(get) if isinstance(get, tuple | list) and get else (get,)
    for name in names:
        if name not in ("nngp", "ntk"):
            raise ValueError(f"get: expected 'nngp', 'ntk' or a tuple of them, found {name!r}")
    if NO_NTK and "ntk" in names:
        raise ValueError(NO_NTK)
    return names


def prepared(x1: Any, x2: Any, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The Gram matrices of two sets of points; ``x2=None`` stands for x1 itself."""
    x1 = Rows.accepted(x1, "x1")
    x2 = None if x2 is None else Rows.accepted(x2, "x2")
    if x2 is not None and x1.shape[1] != x2.shape[1]:
        raise ValueError(f"x1 and x2: expected as many columns, found {x1.shape[1]} and {x2.shape[1]}")
    one = Rows(x1, parameters, get)
    return Gram(one, one if x2 is None else Rows(x2, parameters, get), parameters, get)


def gram(x1: Any, x2: Any, get: tuple[str, ...], parameters: dict[str, float], out: Any = None) -> dict[str, Any]:
    """The matrices ``get``, each of shape (n, m) and of the module's dtype; ``out`` is filled if it is given."""
    pairs = prepared(x1, x2, parameters, get)
    if out is not None and (np.shape(out) != pairs.shape or getattr(out, "dtype", None) != np.dtype(F)):
        refuse(out, f"{np.dtype(F)} of shape {pairs.shape}")
    outs = {name: pairs.empty() if out is None else out for name in pairs.get}
    pairs.fill(outs)
    return outs


ROUND = 1.5 * 2.0**31  # adding it rounds numbers up to 1 to multiples of 2**-21
SPHERES: dict[Any, Any] = {}  # what the layers do to the rows of the spheres seen last
SMALLEST = 2.0**-900  # sums of squares from this to its inverse have not lost a digit to underflow
SQUARES = 2**11  # squares of such numbers that add up without rounding


def ratio(a: Any, b: Any) -> Any:
    """a/b, and 0/0 = 0."""
    return a / (b + (b == 0))


def norms(x: Any) -> Any:
    """sqrt(x.x/d) of every row, safe from overflow; to 20 digits, as a double-double, where rows must be careful."""
    parts = [_norms(floats(x, rows)) for rows in panels(len(x), CHUNK)]
    if not CAREFUL:
        return np.concatenate([np.empty(0), *parts])
    return DD(*(np.concatenate([np.empty(0), *(getattr(p, half) for p in parts)]) for half in ("hi", "lo")))


def _norms(x: Any) -> Any:
    if not CAREFUL:
        with np.errstate(over="ignore"):
            square = np.sum(x * x, axis=1)
        if square.min(initial=1.0) > SMALLEST and square.max(initial=1.0) < 1 / SMALLEST:
            return np.sqrt(square / x.shape[1])
    power = np.frexp(np.max(np.abs(x), axis=1, initial=0.0))[1]  # scale by a power of two: exact
    x = np.ldexp(x, -power[:, None])
    with np.errstate(over="ignore"):  # reported as out of the domain
        scale = np.ldexp(1.0, power)
    if not CAREFUL:
        return np.sqrt(np.sum(x * x, axis=1) / x.shape[1]) * scale
    total = DD(np.zeros(len(x)))
    for columns in panels(x.shape[1], SQUARES):
        part = x[:, columns]
        high = (part + ROUND) - ROUND  # of 21 bits: the sum of its squares is exact
        rest = (part - high) * (part + high)
        total = total + DD(np.einsum("ij,ij->i", high, high)) + DD(np.sum(rest, axis=1))
    root = np.sqrt(total / x.shape[1])
    return DD(root.hi * scale, root.lo * scale)


def floats(x: Any, rows: Any) -> Any:
    """Some rows of ``x`` in float64, rounded to the dtype of the module first."""
    return x[rows].astype(F, copy=False).astype(np.float64, copy=False)


def around(norm: float) -> tuple[float, float]:
    """Two norms around one and those that differ from it by rounding, the same for all batches from one sphere."""
    mantissa, exponent = np.frexp(norm)
    step = 4 * SPHERE * np.finfo(F).eps
    low = np.floor(mantissa / step) * step
    return float(np.ldexp(low, exponent)), float(np.ldexp(low + 2 * step, exponent))


def between(values: Any, place: Any) -> Any:
    """The linear function with two given values at places 0 and 1."""
    return values[0] + place * (values[1] - values[0])


class Rows:
    """What depends on one point only: sqrt(q) at the output, the kernels' diagonals, and what each layer saved.

    ``scale`` is sqrt(x.x/d); ``panel(rows)`` and ``inverse`` give the cosines of a block of pairs as
    (panel1 @ panel2.T) * inverse1 * inverse2.
    """

    accepted = staticmethod(checked)

    def __init__(self, x: Any, parameters: dict[str, float], get: tuple[str, ...], scale: Any = None) -> None:
        self.x = x
        scale = norms(x) if scale is None else scale
        if NORMALIZE and (scale == 0).any():
            raise ValueError(f"row {int(np.argmax(scale == 0))} is zero and cannot be put on the sphere")
        p = dict(parameters, input_width=float(x.shape[1]))
        with np.errstate(all="ignore"):  # √ of what is negative
            for name, value in deviations(p):
                if not value >= 0:
                    raise ValueError(f"{name}: expected a standard deviation, at least 0, found {value}")
        self.scale = getattr(scale, "hi", scale)
        self.saved, q, ntk = self._on_one_sphere(p) or self._through(scale, p)
        with np.errstate(all="ignore"):  # what overflows is reported below
            self.diagonal = {"nngp": self._stored(q), "ntk": self._stored(ntk)}
            self.root = {"nngp": self._stored(np.sqrt(q)), "ntk": self._stored(np.sqrt(ntk))}
        for name in get:
            bad = ~np.isfinite(self.diagonal[name])
            if bad.any():
                raise ValueError(f"row {int(np.argmax(bad))} of the input is out of the domain: its {name} overflows")
        limit = np.finfo(F).max ** 0.2
        size = self.scale[self.scale > 0]
        plain = x.dtype == F and (not size.size or bool(1 / limit < size.min() and size.max() < limit))
        self.power = None if plain else np.frexp(self.scale)[1]
        size = self.scale if self.power is None else np.ldexp(self.scale, -self.power)
        self.inverse = ratio(size > 0, size * np.sqrt(x.shape[1])).astype(F)

    def _through(self, scale: Any, p: dict[str, float]) -> Any:
        """What every layer saves, q and Θ at the output, for points with sqrt(x.x/d) = scale."""
        saved, ntk = [], 0.0
        with np.errstate(all="ignore"):
            q = np.ones(len(self.scale)) if NORMALIZE else scale * scale
            for count, row, _pair in BLOCKS:
                for _ in range(count):
                    q, ntk, values = row(q, ntk, p)
                    saved.append([self._stored(value) for value in values])
        return saved, q, ntk

    def _on_one_sphere(self, p: dict[str, float]) -> Any:
        """The same, between two norms, if those of the rows differ by rounding only; None if they do not.

        Double-doubles cost 40 times as much as floats: thousands of equal ones would cost more than the matrix.
        """
        low, high = (self.scale.min(), self.scale.max()) if len(self.scale) else (0.0, 0.0)
        if not CAREFUL or len(self.scale) < 100 or not (low > SMALLEST and alike((low, high), SPHERE)):
            return None
        ends = around(low)
        key = (BLOCKS, ends, tuple(sorted(p.items())))
        tables = SPHERES.get(key)
        if tables is None:
            two = copy.copy(self)
            two.scale = np.array(ends)
            try:
                saved, q, ntk = two._through(DD(two.scale), p)
            except ValueError:  # out of the range of a table: let it name the row
                return None
            tables = [np.array([two._stored(q), two._stored(ntk)]), *(np.array(v, F).reshape(-1, 2) for v in saved)]
            ulps = 5 * (ends[1] - ends[0]) / (ends[0] * np.finfo(F).eps)
            if not all(alike(values, ulps) for table in tables for values in table):
                tables = []  # the layers magnify what is rounding here
            while len(SPHERES) >= KEPT:
                SPHERES.pop(next(iter(SPHERES)), None)
            SPHERES[key] = tables
        if not tables:
            return None
        place, middle = ((v - ends[0]) / (ends[1] - ends[0]) for v in (self.scale, 0.5 * (low + high)))
        columns = [between(table.T, middle).astype(F)[:, None] for table in tables[1:]]
        shared = [list(np.repeat(column, len(self.scale), axis=1)) for column in columns]
        return shared, *(between(values, place) for values in tables[0])

    def panel(self, rows: slice) -> Any:
        """Some rows as they are, where no product overflows or underflows; else divided by powers of two."""
        if self.power is None:
            return self.x[rows]
        return np.ldexp(floats(self.x, rows), -self.power[rows, None]).astype(F)

    def _stored(self, value: Any) -> Any:
        value = getattr(value, "hi", value)  # the leading half of a double-double
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (len(self.scale),)).astype(F)


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """s + e == a + b exactly, s the rounded sum (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """p + e == a*b exactly, p the rounded product (Dekker, with Veltkamp's splitting)."""
    p = a * b
    t, u = 134217729.0 * a, 134217729.0 * b  # 2**27 + 1
    a1, b1 = t - (t - a), u - (u - b)
    a2, b2 = a - a1, b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


CLOSE = 0.995  # |ρ| from which on 1 - |ρ| has lost too many digits
ROUNDING = 1e-60  # sin² of an angle so small that rounding alone explains it: the points are multiples of each other
PAIRS = 2**18  # numbers in the rows of close pairs that are compared at once


def refine_angles(
    gap: Any, side: Any, close: tuple[Any, Any], one: Any, two: Any, i: slice, j: slice, square: bool
) -> None:
    """Compute the gaps of the ``close`` pairs anew, given by their places in the tile; side None: the signs of gap.

    ``square``: the tile begins on the diagonal, where pairs are one point.
    """
    rows, columns = close
    if square and len(rows):
        apart = rows != columns
        rows, columns = rows[apart], columns[apart]
        np.fill_diagonal(gap[:, : len(gap)], 0)
    for part in panels(len(rows), max(1, PAIRS // one.x.shape[1])):
        k, m = rows[part], columns[part]
        sign = np.copysign(F(1), gap[k, m]) if side is None else side[k, m]
        found = close_gaps(one, two, i.start + k, j.start + m, sign)
        gap[k, m] = found if side is not None else np.copysign(found, sign)
    zero1, zero2 = one.inverse[i] == 0, two.inverse[j] == 0
    if zero1.any() and zero2.any():
        gap[np.ix_(zero1, zero2)] = 0  # rows at the origin are one point


def close_gaps(one: Any, two: Any, i: Any, j: Any, side: Any) -> Any:
    """sin²(θ/2) between rows i of one set and rows j of another (or their opposites), pair by pair, nearly parallel.

    4 |x| |y| sin²(θ/2) = |d|² - (|x| - |y|)² with d = x - y, exact for close rows, and
    |x| - |y| = (2 d.x - |d|²)/(|x| + |y|). Where the second term is most of the first, see :func:`unlike_gaps`.
    """
    power = -np.frexp(one.scale[i])[1]
    root = np.sqrt(one.x.shape[1])
    a, b = np.ldexp(one.scale[i], power) * root, np.ldexp(two.scale[j], power) * root
    with np.errstate(all="ignore"):  # rows of very unlike norms may overflow: they are computed another way
        x = np.ldexp(floats(one.x, i), power[:, None])
        d = x - np.ldexp(floats(two.x, j), power[:, None]) * side[:, None]
        square = np.einsum("ij,ij->i", d, d)
        longer = (2 * np.einsum("ij,ij->i", d, x) - square) / (a + b)
        gap = (square - longer * longer) / (4 * a * b)
        along = ~(2 * longer * longer < square) | ~(abs(a - b) < 0.5 * np.maximum(a, b))
    along &= square > 0
    if along.any():
        gap[along] = unlike_gaps(one, two, i[along], j[along])
    return gap


def unlike_gaps(one: Any, two: Any, i: Any, j: Any) -> Any:
    """sin²(θ/2) between rows i of one set and rows j of another, pair by pair, for the lines that they are on.

    sin θ = |w|/|y| with w the part of y at right angles to x: y - t x with t = x.y/x.x, its products exact, so that x
    and 2x have no angle at all; then the same once more, for t is rounded.
    """
    x, y = (np.ldexp(floats(s.x, k), -np.frexp(s.scale[k])[1][:, None]) for s, k in ((one, i), (two, j)))
    square = np.sum(x * x, axis=1, keepdims=True)
    high, low = two_product(np.sum(x * y, axis=1, keepdims=True) / square, x)
    w = (y - high) - low
    w -= np.sum(w * x, axis=1, keepdims=True) / square * x
    sine = np.sum(w * w, axis=1) / np.sum(y * y, axis=1)
    return np.where(sine < ROUNDING, 0, 0.5 * sine / (1 + np.sqrt(1 - sine)))


LINE = 64 // np.dtype(F).itemsize  # numbers in a cache line
ZERO, HALF, ONE, THREE, CLOSEST = F(0), F(0.5), F(1), F(3), F(CLOSE)  # Numba's literals are double precision


@numba.njit(error_model="numpy", forceinline=True)
def minimum(a: Any, b: Any) -> Any:
    """The smaller; a if that is no number."""
    return b if b < a else a


@numba.njit(error_model="numpy", forceinline=True)
def maximum(a: Any, b: Any) -> Any:
    """The larger; a if that is no number."""
    return b if a < b else a


@Loop
def angles(
    rho_tile: Any, side_tile: Any, inverse_rows: Any, inverse_columns: Any, with_side: bool, square: bool
) -> np.int32:
    """Gap, in place of the inner products, and side, or the sign of gap; the number of pairs too close for them."""
    close = np.int32(0)  # as wide as a float32: a vector holds as many of one as of the other
    for i in range(rho_tile.shape[0]):
        inverse1 = inverse_rows[i, 0]
        for j in range(rho_tile.shape[1]):
            rho = rho_tile[i, j] * inverse1 * inverse_columns[0, j]
            size = abs(rho)
            gap = abs(HALF * (ONE - size))  # not negative: it may carry a sign
            if with_side:
                rho_tile[i, j] = gap
                side_tile[i, j] = -ONE if rho < ZERO else ONE
            else:
                rho_tile[i, j] = -gap if rho < ZERO else gap
            close = np.int32(close + (size > CLOSEST))
        if square:  # one point
            close = np.int32(close - (rho_tile[i, i] < HALF * (ONE - CLOSEST)))
            rho_tile[i, i] = ZERO
    return close


def first_angles(
    rho: Any, one: Any, two: Any, i: slice, j: slice, square: bool, signed: bool = False
) -> tuple[Any, Any]:
    """Gap and side of a tile of pairs of inputs, from their inner products (which are overwritten).

    ``signed``: the side is the sign of gap, for there are tiles enough in the cache without one of sides.
    """
    side: Any = np.empty((1, 1) if signed else rho.shape, F)
    close = angles(rho, side, one.inverse[i, None], two.inverse[None, j], not signed, square)
    side = None if signed else side
    places = np.nonzero(np.abs(rho) < HALF * (ONE - CLOSEST)) if close else (np.empty(0, int), np.empty(0, int))
    refine_angles(rho, side, places, one, two, i, j, square)
    return rho, side


@Loop
def polynomials(
    gap_tile: Any, bits: Any, behind: Any, ahead: Any, flat: Any, first: int, step: int,
    root_rows: Any, root_columns: Any, out_any: Any, square: bool, mirror_any: Any, mirrored: bool,
) -> None:  # fmt: skip
    """A kernel from its table, row by row: first the piece and the place in it of each pair, then the polynomials.

    The side is the sign of gap. Rows are written into the mirror too, a cache line of it at a time. The second loop is
    not vector code: gathers are slower than loads.
    """
    width = gap_tile.shape[1]
    keys, rest = np.empty(width, bits.dtype), np.empty(width, bits.dtype)
    t = rest.view(gap_tile.dtype)
    shift_left, shift_right, mantissa, two, magnitude = bits[0], bits[1], bits[2], bits[3], bits[4]
    lift_behind, low_behind, high_behind = behind[0], behind[1], behind[2]
    lift_ahead, low_ahead, high_ahead = ahead[0], ahead[1], ahead[2]
    for i in range(gap_tile.shape[0]):
        start = i + 1 if square else 0
        digits, columns, out = gap_tile[i, start:].view(bits.dtype), root_columns[0, start:], out_any[i, start:]
        for j in range(width - start):
            size = digits[j] & magnitude
            lift = lift_behind if digits[j] < 0 else lift_ahead
            low = low_behind if digits[j] < 0 else low_ahead
            high = high_behind if digits[j] < 0 else high_ahead
            keys[j] = min(max((size >> shift_right) + lift, low), high) * step + first
            rest[j] = ((size << shift_left) & mantissa) | two
        root = root_rows[i, 0]
        for j in range(width - start):
            place = np.uint64(keys[j])
            u = t[j] - THREE
            total = flat[place + np.uint64(DEGREE)]
            for d in range(DEGREE - 1, -1, -1):
                total = total * u + flat[place + np.uint64(d)]
            out[j] = root * columns[j] * total
        if mirrored and (i % LINE == LINE - 1 or i == gap_tile.shape[0] - 1):
            for j in range(width):
                for k in range(i - i % LINE, i + 1):
                    mirror_any[j, k] = out_any[k, j]


def looked_up(
    table: Any, rho: Any, one: Any, two: Any, i: slice, j: slice, square: bool, tiles: Any, mirror: Any
) -> None:
    """Write the kernels of a tile from their table in the angle, and their transposes into ``mirror``.

    Of a tile on the diagonal, which is square, what is right of it is written.
    """
    gap, _ = first_angles(rho, one, two, i, j, square, signed=True)
    bits = np.array([table.bits, table.shift, table.mantissa, table.two, table.integer(np.iinfo(table.integer).max)])
    (low, high), (pieces, kernels, size) = table.floors, table.coefficients.shape
    behind = np.array([table.lifts[0], low, high - 1], bits.dtype)
    ahead = np.array([table.lifts[1], high, pieces - 1], bits.dtype)
    flat = table.coefficients.ravel()
    for k, (name, tile) in enumerate(tiles.items()):
        roots = one.root[name][i, None], two.root[name][None, j]
        table_of_it = bits, behind, ahead, flat, k * size, kernels * size
        if tile.dtype == F:
            polynomials(gap, *table_of_it, *roots, tile, square, mirror.get(name, tile), bool(mirror))
            continue
        value = np.empty_like(gap)
        polynomials(gap, *table_of_it, *roots, value, square, value, False)
        tile[...] = value
        if mirror:
            mirror[name][...] = value.T


@Loop
def transposed(tile_any: Any, out_any: Any) -> None:
    """Write the transpose of a tile, a cache line of it at a time."""
    height, width = tile_any.shape
    for i in range(0, height, LINE):
        for j in range(0, width, LINE):
            for b in range(j, min(j + LINE, width)):
                for a in range(i, min(i + LINE, height)):
                    out_any[b, a] = tile_any[a, b]


@Loop
def reflected(square_any: Any, diagonal: Any) -> None:
    """Make a matrix symmetric: its upper half, and that diagonal."""
    n = len(square_any)
    for i in range(0, n, LINE):
        for j in range(i, n, LINE):
            for b in range(j, min(j + LINE, n)):
                for a in range(i, min(i + LINE, b)):
                    square_any[b, a] = square_any[a, b]
    for i in range(n):
        square_any[i, i] = diagonal[i]


def transpose(tile: Any, out: Any) -> None:
    """Write the transpose of a tile."""
    if out.dtype == F:
        transposed(tile, out)
    else:
        out[...] = tile.T


def reflect(square: Any, diagonal: Any) -> None:
    """Make a matrix symmetric: its upper half, and that diagonal."""
    if square.dtype == F:
        reflected(square, diagonal)
    else:
        upper = np.triu(square, 1)
        square[...] = upper + upper.T + np.diag(diagonal)


_scalar: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(
    error_model="numpy", fastmath={"contract"}, forceinline=True
)

_ASIN0, _ASIN1, _ASIN2, _ASIN3, _ASIN4, _ASIN5, _ASIN6, _ASIN7 = np.array((
    0.16666666, 0.07500273, 0.044531118, 0.032094624, 0.00977002, 0.06594987, -0.08314395, 0.096819416,
), np.float32)  # fmt: skip

@_scalar
def asin(x: Any) -> Any:
    """The arcsine for 0 <= x <= 0.71; error 0.7."""
    t = x * x
    s = t * t
    even = ((_ASIN6 * s + _ASIN4) * s + _ASIN2) * s + _ASIN0
    odd = ((_ASIN7 * s + _ASIN5) * s + _ASIN3) * s + _ASIN1
    return x + x * t * (even + t * odd)


def threads() -> int:
    """$KERNELC_NUM_THREADS, else $OMP_NUM_THREADS, else as many as the cores that this process may use."""
    for name in ("KERNELC_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()  # OpenMP takes a number for each level of nesting
        if value.isascii() and value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Shared:
    """A context that the first of several users enters and the last leaves."""

    def __init__(self, context: Callable[[], AbstractContextManager[Any]]) -> None:
        self.context, self.lock, self.users = context, threading.Lock(), 0
        self.entered: Any = None

    def __enter__(self) -> None:
        with self.lock:
            if self.users == 0:
                self.entered = self.context()
                self.entered.__enter__()
            self.users += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.entered.__exit__(None, None, None)


def shared(library: ModuleType, context: Callable[[], AbstractContextManager[Any]]) -> AbstractContextManager[Any]:
    """The one context for a library, kept there for all generated modules: each restores what it found when it ends."""
    found: AbstractContextManager[Any] = vars(library).setdefault("_kernelc_on_one_thread", Shared(context))
    return found


@functools.cache
def blas() -> Any:
    """The thread pools of the BLAS."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def blas_on_one_thread() -> AbstractContextManager[Any]:
    """BLAS on one thread; as it is without threadpoolctl: its threads then compete with ours."""
    try:
        import threadpoolctl
    except ImportError:
        return nullcontext()
    return shared(threadpoolctl, lambda: blas().limit(limits=1))


@contextmanager
def one_thread_each(workers: int) -> Iterator[None]:
    """The array library on one thread while blocks are computed, and the BLAS while several are computed at once.

    Their own threads would take turns with ours, also while they wait for work.
    """
    with library_on_one_thread(), blas_on_one_thread() if workers > 1 else nullcontext():
        yield


def share_out(
    work: Callable[[Any], None], items: list[Any], workers: int, progress: Callable[[float], None] | None = None
) -> None:
    """Do ``work(item)`` for all items, each in the thread that is free first; ``progress`` gets the share done.

    One that fails, or an interrupt, ends all as soon as the items that they have begun are done.
    """
    left, done, one = iter(items), itertools.count(1), threading.Lock()

    def some(_: int) -> None:
        try:
            for item in left:  # one that no other thread has taken
                work(item)
                with one:
                    share = next(done) / len(items)
                    if progress is not None:
                        progress(share)
        finally:
            collections.deque(left, 0)  # nothing is left to the others

    workers = min(workers, len(items))
    with ThreadPoolExecutor(max(1, workers)) as pool, one_thread_each(workers):
        try:
            collections.deque(pool.map(some, range(workers)) if workers > 1 else map(some, range(1)), 0)
        finally:
            collections.deque(left, 0)


def refine(exact: Any, flag: Any, rough: Any, *inputs: Any) -> Any:
    """``rough``, recomputed in double-double at the entries where ``flag`` holds."""
    i, j = np.nonzero(np.broadcast_to(flag, rough.shape))
    if not len(i):
        return rough
    values = rough.copy()
    for part in panels(len(i), 4096):
        at = i[part], j[part]
        values[at] = exact(*(DD(np.broadcast_to(v, rough.shape)[at]) for v in inputs)).hi
    return values


def layered(
    gap: Any, side: Any, one: Any, two: Any, i: slice, j: slice, parameters: dict[str, float], get: tuple[str, ...]
) -> dict[str, Any]:
    """The kernels ``get`` of a tile, rows ``i`` of one set against rows ``j`` of another, layer by layer."""
    p = dict(parameters, input_width=float(one.x.shape[1]))
    ntk = F(0) if "ntk" in get else None
    layer = 0
    with np.errstate(all="ignore"):  # of two formulas the one not taken may overflow
        for count, _row, pair in BLOCKS:
            for _ in range(count):
                saved1 = [v[i, None] for v in one.saved[layer]]
                saved2 = [v[None, j] for v in two.saved[layer]]
                gap, side, ntk = pair(gap, side, ntk, saved1, saved2, p)
                layer += 1
        values = {}
        if "nngp" in get:
            values["nngp"] = one.root["nngp"][i, None] * two.root["nngp"][None, j] * (side * (1 - 2 * gap))
        if ntk is not None:
            shape = i.stop - i.start, j.stop - j.start
            values["ntk"] = ntk if np.ndim(ntk) else np.full(shape, ntk, F)  # frozen layers may leave a number
        for name in get:
            if not np.isfinite(values[name]).all():
                row, column = np.argwhere(~np.isfinite(values[name]))[0] + (i.start, j.start)
                raise ValueError(f"rows {row} and {column} of the inputs are out of the domain: their {name} overflows")
    return values


class Gram:
    """The kernels ``get`` of two sets of rows, block by block; ``two is one`` says that row i and column i are one.

    A block is one matrix product and the tiles in it, in which the layers run; blocks are shared among threads.
    """

    def __init__(self, one: Any, two: Any, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        get = tuple(dict.fromkeys(get))
        self.one, self.two, self.parameters, self.get = one, two, parameters, get
        self.shape = len(one.x), len(two.x)
        self.mirrored = two is one
        self.zonal = collapsed(one, two, parameters, get)
        self.block = BLOCK if max(self.shape) >= 4 * BLOCK else BLOCK // 2
        self.tile = TILE if self.zonal is None else ZONAL_TILE
        self.workers = threads()
        self.local = threading.local()  # a thread's own room for products

    def empty(self) -> Any:
        """A matrix to be filled."""
        return np.empty(self.shape, F)

    def fill(self, outs: dict[str, Any], progress: Callable[[float], None] | None = None) -> None:
        """Write the matrices into ``outs``; ``progress`` gets the share done."""
        for out in outs.values():
            if not isinstance(out, np.ndarray) or out.shape != self.shape or out.dtype.kind != "f":
                refuse(out, f"an array of floats of shape {self.shape}")
            if any(np.may_share_memory(out, rows.x) for rows in (self.one, self.two)):
                raise ValueError("out: expected memory of its own, found that of the points")

        def write(at: tuple[slice, slice]) -> None:
            i, j = at
            there = outs if self.mirrored and i != j else {}
            self._write(i, j, {k: out[i, j] for k, out in outs.items()}, {k: out[j, i] for k, out in there.items()})

        share_out(write, self._blocks(), self.workers, progress)

    def blocks(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """(rows, columns, kernels) for blocks that cover the matrix; of a symmetric one half is computed."""

        def new(at: tuple[slice, slice]) -> tuple[slice, slice, dict[str, Any]]:
            i, j = at
            values = {name: np.empty((i.stop - i.start, j.stop - j.start), F) for name in self.get}
            self._write(i, j, values, {})
            return i, j, values

        left = iter(self._blocks())
        with ThreadPoolExecutor(self.workers) as pool:
            while batch := list(itertools.islice(left, 2 * self.workers)):
                workers = min(self.workers, len(batch))
                with one_thread_each(workers):  # no longer than that: what runs between blocks has all threads
                    found = list(pool.map(new, batch) if workers > 1 else map(new, batch))
                for i, j, values in found:
                    yield i, j, values
                    if self.mirrored and i != j:
                        yield j, i, {name: value.T for name, value in values.items()}

    def _blocks(self) -> list[tuple[slice, slice]]:
        rows, columns = (list(panels(n, self.block)) for n in self.shape)
        return [(i, j) for i in rows for j in columns if not (self.mirrored and j.start < i.start)]

    def _write(self, i: slice, j: slice, here: dict[str, Any], there: dict[str, Any]) -> None:
        """Write block (i, j) into ``here``, and its transpose into ``there`` if that is not empty."""
        if not hasattr(self.local, "room"):
            np.empty(2 * self.block * self.block, F)  # freed at once: glibc keeps blocks up to this size from now on
            self.local.room = np.empty(self.block * self.block, F)
        shape = i.stop - i.start, j.stop - j.start
        rho = self.local.room[: shape[0] * shape[1]].reshape(shape)
        np.matmul(self.one.panel(i), self.two.panel(j).T, out=rho)
        diagonal = self.mirrored and i == j
        for r, c in itertools.product(panels(shape[0], self.tile[0]), panels(shape[1], self.tile[1])):
            if not diagonal:
                self._put(rho, r, c, i, j, here, there)
            elif c.stop > r.start:  # from the diagonal on
                self._put(rho, r, slice(max(r.start, c.start), c.stop), i, j, here, here)

    def _put(
        self, rho: Any, r: slice, c: slice, i: slice, j: slice, here: dict[str, Any], there: dict[str, Any]
    ) -> None:
        """Write the tile at (r, c) of block (i, j) into ``here``, and its transpose into ``there``."""
        rows, columns = shifted(r, i), shifted(c, j)
        height = r.stop - r.start
        square = here is there and r.start == c.start  # it begins with one on the diagonal
        tiles = {name: out[r, c] for name, out in here.items()}
        rest = slice(r.stop, c.stop) if square else c
        mirror = {name: out[rest, r] for name, out in there.items()} if rest.start < rest.stop else {}
        self._fill(tiles, mirror, np.ascontiguousarray(rho[r, c]), rows, columns, square)
        for name, tile in tiles.items():
            if square:
                reflect(tile[:, :height], self.one.diagonal[name][rows])

    def _fill(self, tiles: dict[str, Any], mirror: dict[str, Any], rho: Any, i: slice, j: slice, square: bool) -> None:
        """Write the kernels of rows i against rows j, and their transposes into ``mirror`` if that is not empty.

        ``rho``, the inner products, may be overwritten. ``square`` says that the tile begins with a square on the
        diagonal, of which the upper half is of interest, and nothing in ``mirror``.
        """
        if self.zonal is not None:
            looked_up(self.zonal, rho, self.one, self.two, i, j, square, tiles, mirror)
            return
        gap, side = first_angles(rho, self.one, self.two, i, j, square)
        values = layered(gap, side, self.one, self.two, i, j, self.parameters, self.get)
        for name, tile in tiles.items():
            tile[...] = values[name]
            if mirror:
                transpose(values[name][:, -len(mirror[name]) :], mirror[name])


def shifted(part: slice, base: slice) -> slice:
    """A part of a block as a part of the matrix."""
    return slice(base.start + part.start, base.start + part.stop)


COLLAPSE_FROM = 100_000  # pairs from which on a table, of tens of thousands of angles, pays
TABLES: dict[Any, Any] = {}  # those built last
ONE_TABLE = threading.Lock()


def collapsed(one: Any, two: Any, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The table of the kernels ``get``, in units of sqrt(K_ii K_jj), as functions of the angle; None without one.

    There is one if the kernels are homogeneous, or if all rows are on one sphere, provided that there are many pairs.
    """
    if len(one.x) * len(two.x) < COLLAPSE_FROM:
        return None
    scale = 1.0 if set(get) <= set(HOMOGENEOUS) else sphere(one, two)
    if scale is None:
        return None
    key = (BLOCKS, scale, one.x.shape[1], get, tuple(sorted(parameters.items())))
    with ONE_TABLE:  # threads that want the same wait for it
        if key not in TABLES:
            while len(TABLES) >= KEPT:
                TABLES.pop(next(iter(TABLES)))
            TABLES[key] = tabulated(scale, one.x.shape[1], parameters, get)
        table = TABLES[key]
    limit = 100 * np.finfo(F).eps * max(1.0, 0.1 * sum(count for count, *_ in BLOCKS))  # a noisy one is left alone
    return table if table is not None and table.error <= limit else None


def sphere(one: Any, two: Any) -> float | None:
    """The common sqrt(x.x/d) of all rows, up to rounding; None if there is none."""
    if NORMALIZE:
        return 1.0
    low = min(float(rows.scale.min()) for rows in (one, two))
    high = max(float(rows.scale.max()) for rows in (one, two))
    if not (low > 0 and alike((low, high), SPHERE)):
        return None
    return float(f"{0.5 * (low + high):.14g}")  # the same for every batch from one sphere


def tabulated(scale: float, width: int, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The table for points with sqrt(x.x/d) = scale, from the layers; None where the kernels are 0 or overflow."""
    root = np.array([scale])
    one = Rows(np.zeros((1, width), F), parameters, (), DD(root) if CAREFUL else root)
    diagonal = [one.diagonal[name][0] for name in get]
    if not all(np.isfinite(value) and value > np.finfo(F).tiny / np.finfo(F).eps for value in diagonal):
        return None

    def values(gap: Any, side: Any) -> Any:
        two = copy.copy(one)
        two.saved = [[np.repeat(value, gap.size) for value in saved] for saved in one.saved]
        two.root = {name: np.repeat(value, gap.size) for name, value in one.root.items()}
        tile = gap[None].copy(), side[None].copy()  # layers may overwrite their arguments
        found = layered(*tile, one, two, slice(0, 1), slice(0, gap.size), parameters, get)
        return np.stack([found[name][0] / value for name, value in zip(get, diagonal, strict=True)])

    with library_on_one_thread():
        return zonal(values)


DEGREE, TOLERANCE = (7, 2e-14) if np.dtype(F).itemsize == 8 else (3, 2e-6)


class Zonal:
    """k functions of ρ = side·(1 - 2·gap), 0 <= gap <= 1/2, as polynomials in the binary digits of gap.

    A piece holds the gaps with one exponent and one choice of the leading ``bits`` digits of the mantissa: singular as
    the functions may be at gap = 0, they are smooth on the scale of gap. The digits left are its variable t in [-1, 1).
    The first piece of each side holds all gaps below ``2**-(octaves + 1)`` and is the constant at 0; the last, that
    at 1/2. ``coefficients`` has shape (pieces, k, DEGREE + 1), side -1 first: what one pair needs lies together.

    The piece of a pair is ``max((digits >> shift) + lifts[side > 0], floors[side > 0])``, digits the integer with the
    bits of gap. ``error`` is the largest difference from ``values`` seen where the interpolation is worst.
    """

    def __init__(self, values: Callable[[Any, Any], Any], octaves: tuple[int, int], bits: int) -> None:
        digits = np.finfo(F).nmant
        self.integer = np.dtype(f"i{np.dtype(F).itemsize}").type
        self.bits, self.shift = self.integer(bits), self.integer(digits - bits)
        self.mantissa, self.two = self.integer(2**digits - 1), F(2).view(self.integer)
        counts = [(n << bits) + 2 for n in octaves]
        end = int(F(0.5).view(self.integer) >> self.shift) + 1
        self.floors = 0, counts[0]
        self.lifts = counts[0] - end, sum(counts) - end
        low, width = np.concatenate([self._pieces(end, count) for count in counts], axis=1)
        side = np.repeat([F(-1), F(1)], counts)

        def at(t: Any) -> tuple[Any, Any, Any]:
            gap = low + width * F(0.5) * (1 + t.astype(F)[:, None])
            sides = np.tile(side, (len(t), 1))
            return gap, sides, values(gap.ravel(), sides.ravel()).reshape(-1, *gap.shape)

        nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
        found = at(nodes)[-1].astype(np.float64)
        middle = found[:, DEGREE // 2, None]
        fitted = np.linalg.inv(np.vander(nodes, increasing=True)) @ (found - middle)  # of 1 + ε, it would lose ε
        fitted[:, :1] += middle
        self.coefficients = np.ascontiguousarray(fitted.transpose(2, 0, 1), dtype=F)
        between = np.cos(np.pi * np.arange(DEGREE + 2) / (DEGREE + 1)) * 0.999  # the extremes of the node polynomial
        gap, sides, found = at(between)
        self.error = float(np.max(np.abs(self(gap, sides) - found)))

    def _pieces(self, end: int, count: int) -> tuple[Any, Any]:
        """The lower ends and widths of the pieces of one side; the constants are pieces without width."""
        ends = (np.arange(end - count, end + 1, dtype=self.integer) << self.shift).view(F)
        low, width = ends[:-1].copy(), np.diff(ends)
        low[0] = width[0] = width[-1] = 0
        return low, width

    def __call__(self, gap: Any, side: Any) -> list[Any]:
        """The functions at arrays of gaps and of sides ±1, of dtype F and C-contiguous."""
        digits, ahead = gap.view(self.integer), side > 0
        key = (digits >> self.shift).astype(np.intp, copy=False)
        key += self.lifts[0]
        key += ahead * (self.lifts[1] - self.lifts[0])
        np.maximum(key, ahead * self.floors[1], out=key)
        _, k, n = self.coefficients.shape
        key *= k * n
        rest = digits << self.bits
        rest &= self.mantissa
        rest |= self.two
        t = rest.view(F)  # in [2, 4)
        t -= 3
        flat, spare, functions = self.coefficients.ravel(), np.empty_like(t), []
        for first in range(0, k * n, n):
            total = np.take(flat[first + n - 1 :], key, mode="clip")
            for place in range(first + n - 2, first - 1, -1):
                total *= t
                total += np.take(flat[place:], key, out=spare, mode="clip")
            functions.append(total)
        return functions


def zonal(values: Callable[[Any, Any], Any]) -> Zonal:
    """The table of ``values(gap, side)``, k functions of order 1 as an array (k, n) for arrays of n gaps and sides.

    Pieces are halved while that helps: what is left is the noise of the functions, and ``error`` says how much.
    """
    octaves = needed_octaves(values)
    table = Zonal(values, octaves, 4)
    while not table.error <= TOLERANCE and table.bits < 8:
        finer = Zonal(values, octaves, int(table.bits) + 1)
        if not finer.error < 0.5 * table.error:
            break
        table = finer
    return table


def needed_octaves(values: Callable[[Any, Any], Any]) -> tuple[int, int]:
    """How many octaves below gap = 1/2 there are, on either side, until the functions are as good as constant."""
    gap = np.ldexp(F(0.5), np.arange(0, np.finfo(F).minexp, -1))
    gap[-1] = 0
    found = []
    for side in (F(-1), F(1)):
        value = values(gap, np.full_like(gap, side))
        change = np.max(np.abs(value - value[:, -1:]), axis=0)
        found.append(int(np.max(np.flatnonzero(~(change <= 4 * np.finfo(F).eps)), initial=-1)) + 1)
    return found[0], found[1]


if __name__ == "__main__":
    self_test()
