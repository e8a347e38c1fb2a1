"""relu-3: the NNGP and NTK kernels of an infinitely wide network, for numexpr.

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

Written by kernelc 0.1.0. `python FILE` runs its self-test.
"""


import functools
from collections.abc import Callable, Iterator
from typing import Any

import numexpr
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
TILE = 256
NORMALIZE = False  # input rows onto the sphere |x|² = d
NO_NTK = ''  # why there is no NTK; empty where there is one
CAREFUL = False  # what depends on one point only in double-double
C1 = F(0.5)  # 1/2
C2 = F(1.5707963267948966)  # pi/2
C3 = F(0.15915494309189535)  # 1/(2*pi)
C4 = F(0.0)  # 0
C5 = F(0.25)  # 1/4


# ---- The layers: what each does to one point, and to a pair of points ------------------------------------


def row_1(q, ntk, p):
    """dense"""
    t1 = 2*q
    s = np.sqrt(q)
    return t1, t1, (s,)


def pair_1(gap, side, ntk, one, two, p):
    """dense"""
    s1, = one
    s2, = two
    if ntk is not None:
        nngp = evaluate("s1*s2*(side*(1 - 2*gap))", s1=s1, s2=s2, side=side, gap=gap)
        ntk = evaluate("2*nngp", nngp=nngp)
    return gap, side, ntk


def row_2(q, ntk, p):
    """relu, dense"""
    s = np.sqrt(0.5*q)
    return q, ntk + q, (s,)


def pair_2(gap, side, ntk, one, two, p):
    """relu, dense"""
    s1, = one
    s2, = two
    t1 = evaluate("sqrt(gap)", gap=gap)
    kappa = evaluate("2*(t1*sqrt(1 - gap))", t1=t1, gap=gap)
    theta = evaluate("2*arcsin(t1)", t1=t1)
    gap_phi = evaluate(
        "where(where(side < 0, C1 - C1*gap, C1*gap) + C3*(2*(gap*(C2 - theta)) + theta - kappa) < C4, C4, where(side < 0, C1 - C1*gap, C1*gap) + C3*(2*(gap*(C2 - theta)) + theta - kappa))",
        side=side, C1=C1, gap=gap, C3=C3, C2=C2, theta=theta, kappa=kappa, C4=C4,
    )
    if ntk is not None:
        dot = evaluate("C5 + C3*((C2 - theta)*side)", C5=C5, C3=C3, C2=C2, theta=theta, side=side)
        nngp = evaluate("s1*s2*(1 - 2*gap_phi)", s1=s1, s2=s2, gap_phi=gap_phi)
        ntk = evaluate("2*(ntk*dot) + 2*nngp", ntk=ntk, dot=dot, nngp=nngp)
    return gap_phi, 1, ntk


def row_3(q, ntk, p):
    """relu, dense: 2 times"""
    s = np.sqrt(0.5*q)
    return q, ntk + q, (s,)


def pair_3(gap, side, ntk, one, two, p):
    """relu, dense: 2 times"""
    s1, = one
    s2, = two
    t1 = evaluate("sqrt(gap)", gap=gap)
    kappa = evaluate("2*(t1*sqrt(1 - gap))", t1=t1, gap=gap)
    theta = evaluate("2*arcsin(t1)", t1=t1)
    gap_phi = evaluate(
        "where(C1*gap + C3*(2*(gap*(C2 - theta)) + theta - kappa) < C4, C4, C1*gap + C3*(2*(gap*(C2 - theta)) + theta - kappa))",
        C1=C1, gap=gap, C3=C3, C2=C2, theta=theta, kappa=kappa, C4=C4,
    )
    if ntk is not None:
        dot = evaluate("C5 + C3*(C2 - theta)", C5=C5, C3=C3, C2=C2, theta=theta)
        nngp = evaluate("s1*s2*(1 - 2*gap_phi)", s1=s1, s2=s2, gap_phi=gap_phi)
        ntk = evaluate("2*(ntk*dot) + 2*nngp", ntk=ntk, dot=dot, nngp=nngp)
    return gap_phi, 1, ntk


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
    values = Rows(checked(x, "x"), {}, wanted(get)).diagonal
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


@functools.cache
def compiled(expression: str, names: tuple[str, ...], kinds: tuple[str, ...]) -> Any:
    """The expression, compiled once for each combination of dtypes; numexpr's ``float`` is float32."""
    known = {"?": bool, "i": np.int32, "l": np.int64, "q": np.int64, "f": float, "d": np.float64}
    return numexpr.NumExpr(expression, [(name, known[kind]) for name, kind in zip(names, kinds, strict=True)])


def evaluate(expression: str, **operands: Any) -> Any:
    """The value of an expression at arrays that broadcast to a tile."""
    arrays = [np.asarray(v) for v in operands.values()]
    return compiled(expression, tuple(operands), tuple(a.dtype.char for a in arrays))(*arrays)


def ratio(a: Any, b: Any) -> Any:
    """a/b, and 0/0 = 0."""
    return a / (b + (b == 0))


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
    for rows in panels(len(x), TILE):
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(x[rows].astype(F))
        if bad.any():
            i, j = np.argwhere(bad)[0]
            value = x[rows][i, j]
            reason = "finite numbers" if not np.isfinite(value) else f"numbers within the range of {np.dtype(F)}"
            raise ValueError(f"{name}: expected {reason}, found {value} in row {rows.start + i}, column {j}")
    return x


def panels(n: int, size: int) -> Iterator[slice]:
    """Slices that cover range(n), ``size`` at a time."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def norms(x: Any) -> Any:
    """sqrt(x.x/d) of every row, safe from overflow; a double-double where rows must be careful."""
    parts = [_norms(floats(x, rows)) for rows in panels(len(x), TILE)]
    if not CAREFUL:
        return np.concatenate([np.empty(0), *parts])
    return DD(*(np.concatenate([np.empty(0), *(getattr(p, half) for p in parts)]) for half in ("hi", "lo")))


def _norms(x: Any) -> Any:
    power = np.frexp(np.max(np.abs(x), axis=1, initial=0.0))[1]  # scale by a power of two: exact
    x = np.ldexp(x, -power[:, None])
    with np.errstate(over="ignore"):  # reported as out of the domain
        scale = np.ldexp(1.0, power)
    if not CAREFUL:
        return np.sqrt(np.einsum("ij,ij->i", x, x) / x.shape[1]) * scale
    squares = DD(*two_product(x, x))
    while squares.hi.shape[1] > 1:  # a pairwise sum of the columns
        half = squares.hi.shape[1] // 2
        left, right, rest = (DD(squares.hi[:, c], squares.lo[:, c]) for c in _thirds(half, squares.hi.shape[1]))
        pairs = left + right
        squares = DD(np.hstack([pairs.hi, rest.hi]), np.hstack([pairs.lo, rest.lo]))
    root = np.sqrt(DD(squares.hi[:, 0], squares.lo[:, 0]) / x.shape[1])
    return DD(root.hi * scale, root.lo * scale)


def _thirds(half: int, n: int) -> tuple[slice, slice, slice]:
    return slice(0, half), slice(half, 2 * half), slice(2 * half, n)


def floats(x: Any, rows: Any) -> Any:
    """Some rows of ``x`` in float64, rounded to the dtype of the module first."""
    return x[rows].astype(F).astype(np.float64)


def directions(x: Any, rows: slice, scale: Any) -> Any:
    """Some rows of ``x`` as unit vectors (zero rows stay zero), in the dtype of the module."""
    return ratio(floats(x, rows), (scale[rows] * np.sqrt(x.shape[1]))[:, None]).astype(F)


def first_angles(one: Any, two: Any, i: slice, j: slice) -> tuple[Any, Any]:
    """Gap and side of a tile of pairs of inputs; of close pairs from their difference, which does not cancel."""
    rho = directions(one.x, i, one.scale) @ directions(two.x, j, two.scale).T
    side = np.where(rho < 0, F(-1), F(1))
    np.abs(rho, out=rho)
    gap = (1 - rho) * F(0.5)
    close = rho > 0.995
    for k in np.flatnonzero(close.any(axis=1)):
        columns = np.flatnonzero(close[k])
        gap[k, columns] = close_gaps(one, two, i.start + k, j.start + columns, side[k, columns])
    gap[(one.scale[i, None] == 0) & (two.scale[None, j] == 0)] = 0  # rows at the origin are one point
    return gap, side


def close_gaps(one: Any, two: Any, i: Any, j: Any, side: Any) -> Any:
    """sin²(θ/2) between row i of one set and rows j of another (or their opposites), all nearly parallel.

    4 |x| |y| sin²(θ/2) = |d|² - (|x| - |y|)² with d = x - y, exact for close rows, and
    |x| - |y| = (2 d.x - |d|²)/(|x| + |y|). Where the second term is most of the first, rows go one by one.
    """
    power = -np.frexp(one.scale[i])[1]
    root = np.sqrt(one.x.shape[1])
    a, b = np.ldexp(one.scale[i], power) * root, np.ldexp(two.scale[j], power) * root
    with np.errstate(all="ignore"):  # rows of very unlike norms may overflow: they go one by one
        x, y = np.ldexp(floats(one.x, i), power), np.ldexp(floats(two.x, j), power) * side[:, None]
        d = x - y
        square = np.einsum("ij,ij->i", d, d)
        longer = (2 * (d @ x) - square) / (a + b)
        gap = (square - longer * longer) / (4 * a * b)
        along = ~(2 * longer * longer < square) | ~(abs(a - b) < 0.5 * np.maximum(a, b))
    along &= square > 0
    if along.any():
        gap[along] = close_gap(one, two, np.full(along.sum(), i), j[along], side[along])
    return gap


def close_gap(one: Any, two: Any, i: Any, j: Any, side: Any) -> Any:
    """|u - v|²/4 for the unit vectors of rows i of one set and rows j of another (or their opposites).

    With d = x - y, exact for close rows, and |x| >= |y|: u - v = (d - v (|x| - |y|))/|x|, where |x| - |y| =
    d.(x + y)/(|x| + |y|); otherwise with x and y exchanged. Rows of unlike norms are divided by them first, so that
    x and 2x have no angle at all.
    """
    power = -np.frexp(np.maximum(one.scale[i], two.scale[j]))[1]
    x = np.ldexp(floats(one.x, i), power[:, None])
    y = np.ldexp(floats(two.x, j), power[:, None]) * side[:, None]
    root = np.sqrt(x.shape[1])
    a, b = ((np.ldexp(s, power) * root)[:, None] for s in (one.scale[i], two.scale[j]))
    d, u, v = x - y, x / a, y / b
    longer = np.sum(d * (x + y), axis=1, keepdims=True) / (a + b)
    near = (d - np.where(a < b, u, v) * longer) / np.maximum(a, b)
    apart = np.where(abs(a - b) < 0.5 * np.maximum(a, b), near, u - v)
    return 0.25 * np.einsum("ij,ij->i", apart, apart)


def refine(exact: Any, flag: Any, gap: Any, *inputs: Any) -> Any:
    """``gap``, recomputed in double-double at the entries where ``flag`` holds."""
    i, j = np.nonzero(np.broadcast_to(flag, gap.shape))
    if not len(i):
        return gap
    gap = gap.copy()
    for part in panels(len(i), 4096):
        at = i[part], j[part]
        near, far = exact(*(DD(np.broadcast_to(v, gap.shape)[at]) for v in inputs))
        gap[at] = np.maximum(np.minimum(near.hi, far.hi), 0.0)
    return gap


class Rows:
    """What depends on one point only: sqrt(q) at the output, the kernels' diagonals, and what each layer saved."""

    def __init__(self, x: Any, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        self.x = x
        scale = norms(x)
        if NORMALIZE and (scale == 0).any():
            raise ValueError(f"row {int(np.argmax(scale == 0))} is zero and cannot be put on the sphere")
        p = dict(parameters, input_width=float(x.shape[1]))
        with np.errstate(all="ignore"):  # √ of what is negative
            for name, value in deviations(p):
                if not value >= 0:
                    raise ValueError(f"{name}: expected a standard deviation, at least 0, found {value}")
        self.saved, ntk = [], 0.0
        with np.errstate(all="ignore"):  # what overflows is reported below
            q = np.ones(len(x)) if NORMALIZE else scale * scale
            for count, row, _pair in BLOCKS:
                for _ in range(count):
                    q, ntk, saved = row(q, ntk, p)
                    self.saved.append([self._stored(value) for value in saved])
            self.root = self._stored(np.sqrt(q))
            self.diagonal = {"nngp": self._stored(q), "ntk": self._stored(ntk)}
        self.scale = getattr(scale, "hi", scale)
        for name in get:
            bad = ~np.isfinite(self.diagonal[name])
            if bad.any():
                raise ValueError(f"row {int(np.argmax(bad))} of the input is out of the domain: its {name} overflows")

    def _stored(self, value: Any) -> Any:
        value = getattr(value, "hi", value)  # the leading half of a double-double
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (len(self.x),)).astype(F)


def tile(
    one: Rows, two: Rows, i: slice, j: slice, parameters: dict[str, float], get: tuple[str, ...]
) -> dict[str, Any]:
    """The kernels ``get`` of rows ``i`` of one set against rows ``j`` of another."""
    gap, side = first_angles(one, two, i, j)
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
        values = {"nngp": one.root[i, None] * two.root[None, j] * (side * (1 - 2 * gap))}
    if ntk is not None:
        values["ntk"] = ntk if np.ndim(ntk) else np.full_like(values["nngp"], ntk)  # frozen layers may leave a number
    for name in get:
        if not np.isfinite(values[name]).all():
            row, column = np.argwhere(~np.isfinite(values[name]))[0] + (i.start, j.start)
            raise ValueError(f"rows {row} and {column} of the inputs are out of the domain: their {name} overflows")
    return values


def fill(
    outs: dict[str, Any],
    one: Rows,
    two: Rows,
    parameters: dict[str, float],
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write the kernels that ``outs`` names, tile by tile; ``two is one`` says that row i and column i are the same."""
    n, m = len(one.x), len(two.x)
    for i in panels(n, TILE):
        for j in panels(m, TILE):
            if two is one and j.start < i.start:
                continue
            values = tile(one, two, i, j, parameters, tuple(outs))
            for name, out in outs.items():
                out[i, j] = values[name]
                if two is one and i == j:
                    upper = np.triu(out[i, j], 1)
                    out[i, j] = upper + upper.T + np.diag(one.diagonal[name][i])
                elif two is one:
                    out[j, i] = out[i, j].T
        if progress is not None:
            progress(i.stop / n)


def prepared(x1: Any, x2: Any, parameters: dict[str, float], get: tuple[str, ...]) -> tuple[Rows, Rows]:
    """The rows of both inputs, checked; twice the same object for ``x2=None``."""
    x1 = checked(x1, "x1")
    x2 = None if x2 is None else checked(x2, "x2")
    if x2 is not None and x1.shape[1] != x2.shape[1]:
        raise ValueError(f"x1 and x2: expected as many columns, found {x1.shape[1]} and {x2.shape[1]}")
    one = Rows(x1, parameters, get)
    return one, one if x2 is None else Rows(x2, parameters, get)


def gram(x1: Any, x2: Any, get: tuple[str, ...], parameters: dict[str, float], out: Any = None) -> dict[str, Any]:
    """The matrices ``get``, each of shape (n, m) and of the module's dtype; ``out`` is filled if it is given."""
    one, two = prepared(x1, x2, parameters, get)
    shape = (len(one.x), len(two.x))
    if out is not None and (out.shape != shape or out.dtype != np.dtype(F)):
        raise ValueError(f"out: expected {np.dtype(F)} of shape {shape}, found {out.dtype} of shape {out.shape}")
    outs = {name: np.empty(shape, dtype=F) if out is None else out for name in get}
    fill(outs, one, two, parameters)
    return outs


def wanted(get: Any) -> tuple[str, ...]:
    """``get`` as a tuple of kernel names."""
    names = tuple(get) if isinstance(get, tuple | list) else (get,)
    for name in names:
        if name not in ("nngp", "ntk"):
            raise ValueError(f"get: expected 'nngp', 'ntk' or a tuple of them, found {name!r}")
    if NO_NTK and "ntk" in names:
        raise ValueError(NO_NTK)
    return names


if __name__ == "__main__":
    self_test()
