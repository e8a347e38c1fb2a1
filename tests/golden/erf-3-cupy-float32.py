"""erf-3: the NNGP and NTK kernels of an infinitely wide network, for CuPy.

Three hidden erf layers, weights and biases of order one
Reference: Williams 1997, Computing with infinite networks; Lee et al. 2019, arXiv:1902.06720

Recursion (q1, q2, c: the inputs' second moments x.x/d, x'.x'/d, x.x'/d):

    q1_1 = 9*q1/4 + 1/400
    q2_1 = 9*q2/4 + 1/400
    nngp_1 = 9*c/4 + 1/400
    ntk_1 = 9*c/4 + 1/400
    phi1_1 = 2*asin(2*q1_1/(2*q1_1 + 1))/pi
    phi2_1 = 2*asin(2*q2_1/(2*q2_1 + 1))/pi
    phi_1 = 2*asin(2*nngp_1/(sqrt(2*q1_1 + 1)*sqrt(2*q2_1 + 1)))/pi
    dot_1 = 4/(pi*sqrt(-4*nngp_1**2 + (2*q1_1 + 1)*(2*q2_1 + 1)))
    tangent_1 = dot_1*ntk_1
    ... and so 2 times more
    q1_4 = 9*phi1_3/4 + 1/400
    q2_4 = 9*phi2_3/4 + 1/400
    nngp_4 = 9*phi_3/4 + 1/400
    ntk_4 = 9*phi_3/4 + 9*tangent_3/4 + 1/400

Dual activations:
    erf(a=1, b=1, c=0): tier exact, error 1e-13 of sqrt(E11 E22)

Domain: E[z^2] from 1e-3 to 100 at every activation, and zero rows; further out while nothing overflows.

Large matrices of rows of one norm are read off a table in the angle, built from the layers on first use. Its
error, measured: COLLAPSE_ERROR = 1e-06 of sqrt(K_ii K_jj).

Written by kernelc 0.1.0. `python FILE` runs its self-test.
"""


import ctypes
import functools
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import numpy as np

try:
    import cupy
except ImportError as error:
    raise ImportError(
        "this module runs on an NVIDIA GPU, through CuPy: pip install 'cupy-cuda13x[ctk]', or 'cupy-cuda12x[ctk]' for "
        "a driver older than 580"
    ) from error


__all__ = ["SPEC", "diag", "kernel", "nngp", "ntk", "self_test"]

SPEC = """\
schema = 1
name = "erf-3"
description = "Three hidden erf layers, weights and biases of order one"
reference = "Williams 1997, Computing with infinite networks; Lee et al. 2019, arXiv:1902.06720"
parameterization = "ntk"

[network]
layers = [
  { dense = { W_std = 1.5, b_std = 0.05 } },
  { repeat = 3, layers = ["erf", { dense = { W_std = 1.5, b_std = 0.05 } }] },
]
"""
SPEC_SHA256 = "a0c628b793cff79d99b4357a83050e7ead9c12d0b89eecfb5ad02fe321781df4"
KERNELC_VERSION = "0.1.0"


F = np.float32  # of results and of pairs; what depends on one point only is computed in double-double
NORMALIZE = False  # input rows onto the sphere |x|² = d
NO_NTK = ''  # why there is no NTK; empty where there is one
DUALS = SERIES = ()  # activations by tables: there is none
SAVED = 21  # numbers that all layers save for a point
HOMOGENEOUS = ()  # of the angle alone, in units of sqrt(K_ii K_jj)
COLLAPSE_ERROR = 1e-06  # of the table in the angle at |x|² = d, in sqrt(K_ii K_jj)


# ---- The layers, in CUDA C++: what each does to one point, and to a pair of points -----------------------


LAYERS = r"""
typedef dd R; // of what depends on one point only
typedef const double *Scalars;
constexpr bool NORMALIZE = false;
constexpr bool LOW_HALF = true;
constexpr bool WITH_NTK = true;
constexpr F C1 = 0.0025f; // 1/400
constexpr F C2 = 0.63661975f; // 2/pi
constexpr F C3 = -0.63661975f; // -2/pi
constexpr F C4 = 1.2732395f; // 4/pi
#define D1 dd(0.6366197723675814, -3.935735335036497e-17) // 2/pi
#define D2 dd(0.0025, -5.204170427930421e-20) // 1/400
#define D3 dd(0.05, -2.7755575615628915e-18) // 1/20
#define D4 dd(1.2732395447351628, -7.871470670072994e-17) // 4/pi
#define D5 dd(1.432394487827058, -5.2873181914344506e-18) // 9/(2*pi)

struct Saved { // what the layers saved for one point: value k is at[k*n]
    const F *at;
    int n;
    DEVICE F operator[](int k) const { return at[k * n]; }
    DEVICE Saved past(int k) const { return {at + k * n, n}; }
};

// what pairs that ask for it get in double-double
APART F exact_1(dd s1, dd s2, dd gap) {
    const dd t1 = s1*s1;
    const dd t2 = 2*t1;
    const dd t3 = 1 + t2;
    const dd t4 = s2*s2;
    const dd t5 = 2*t4;
    const dd t6 = sqrt(D1*atan2(t2, sqrt(t3 + t2)));
    const dd t7 = sqrt(D1*atan2(t5, sqrt(1 + t5 + t5)));
    const dd t8 = 0.5*(1 - D1*atan2(2*((1 - 2*gap)*s1*s2), sqrt(t3 + t5 + 16*(gap*(1 - gap)*t1*t4))) / (t6*t7));
    return (F)lead(maximum(t8, dd(0)));
}

// dense
DEVICE void row_1(R &q, R &ntk, Scalars p, F *saved, long long n, double *seen) {
    const R t1 = 2.25*q;
    const R t2 = t1 + D2;
    const R t3 = sqrt(t2);
    const R W = ratio(sqrt(t1), t3);
    saved[0] = (F)lead(W);
    const R b = ratio(R(D3), t3);
    saved[n] = (F)lead(b);
    const R s = sqrt(q);
    saved[2 * n] = (F)lead(s);
    ntk = t2;
    q = t2;
}

// dense
template <bool NTK, bool REFINE> DEVICE void pair_1(F &gap, F &side, F &ntk, bool &asks, Saved one, Saved two, Scalars p) {
    const F s1 = one[2], s2 = two[2];
    const F nngp = NTK ? s1*s2*(side*fma(F(-2), gap, F(1))) : F();
    const F W1 = one[0], W2 = two[0];
    const F t1 = W1*W2;
    const bool t2 = side < 0;
    const F t3 = 1 - gap;
    const F t4 = W1 - W2;
    const F b1 = one[1], b2 = two[1];
    const F t5 = b1 - b2;
    const F spread = 0.25f*fma(t4, t4, t5*t5);
    const F near = fma(t1, (t2 ? t3 : gap), spread);
    const F far = fma(t1, (t2 ? gap : t3), b1*b2) + spread;
    if (NTK) ntk = fma(2.25f, nngp, C1);
    side = (far < near ? F(-1) : F(1));
    gap = minimum(near, far);
}

// erf(a=1, b=1, c=0), dense: 3 times
DEVICE void row_2(R &q, R &ntk, Scalars p, F *saved, long long n, double *seen) {
    const R s = sqrt(q);
    saved[n] = (F)lead(s);
    const R t1 = 2*q;
    const R t2 = sqrt(1 + t1 + t1);
    saved[5 * n] = (F)lead(t2);
    const R t3 = atan2(t1, t2);
    const R e = sqrt(D1*t3);
    saved[0] = (F)lead(e);
    const R inverse = ratio(R(1), e);
    saved[2 * n] = (F)lead(inverse);
    const R t4 = D5*t3;
    const R t5 = t4 + D2;
    const R t6 = sqrt(t5);
    const R W = ratio(sqrt(t4), t6);
    saved[3 * n] = (F)lead(W);
    const R b = ratio(R(D3), t6);
    saved[4 * n] = (F)lead(b);
    ntk = 2.25*(ntk*(D4 / t2)) + t4 + D2;
    q = t5;
}

// an activation for pairs that asked for more care
APART F careful_2_1(F gap, Saved one, Saved two, Scalars p) {
    const F t1 = sqrt(gap);
    const F t2 = t1*sqrt(1 - gap);
    const F s1 = one[1], s2 = two[1];
    const F t3 = s1 - s2;
    const F t4 = gap*s1;
    const F t5 = s1*t3;
    const F t6 = s1*s1;
    const F t7 = fma(F(-2), gap, F(1))*s1*s2;
    const F t8 = fma(F(2), t6, F(1));
    const F t9 = s2*s2;
    const F t10 = 2*t9;
    const F t11 = 16*(t2*t2*t6*t9);
    const F t12 = sqrt(t8 + t10 + t11);
    const F h1_1 = one[5], h1_2 = two[5];
    const F t13 = fma(F(2), fma(F(2), t4*s2, t5)*t12, -2*(t7*(fma(F(2), fma(t3, s2, t5), -t11) / (h1_1 + t12))));
    const F slope1 = C2*atan2(t13, fma(h1_1, t12, 4*(t7*t6)));
    const F t14 = s2 - s1;
    const F t15 = fma(F(2), fma(F(2), t4, t14)*s2*t12, -2*(t7*(fma(F(2), fma(t14, s1, s2*t14), -t11) / (h1_2 + t12))));
    const F slope2 = C2*atan2(t15, fma(h1_2, t12, 4*(t7*t9)));
    const F e1 = one[0], e2 = two[0];
    const F t16 = e1 - e2;
    const F t17 = e1*e2;
    const F plain = fma(C3, atan2(2*t7, t12), t17);
    const F deficit = ((4*plain < t17 && abs(t16) < 0.5f*maximum(e1, e2)) ? 0.5f*fma(-t16, t16, slope1 + slope2) : plain);
    const F inverse1 = one[2], inverse2 = two[2];
    const F rough = minimum(maximum(0.5f*(deficit*(inverse1*inverse2)), F(0)), F(1));
    const F t18 = maximum(s1, s2);
    const bool flag = (64*(sqrt(rough)*t18) < fma(t1, t18, 0.5f*abs(t3)) && 0 < t17);
    const F gap_phi = (flag ? exact_1(s1, s2, gap) : rough);
    return gap_phi;
}

// erf(a=1, b=1, c=0), dense: 3 times
template <bool NTK, bool REFINE> DEVICE void pair_2(F &gap, F &side, F &ntk, bool &asks, Saved one, Saved two, Scalars p) {
    const F t1 = sqrt(gap);
    const F t2 = t1*sqrt(1 - gap);
    const F s1 = one[1], s2 = two[1];
    const F t3 = s1 - s2;
    const F t4 = gap*s1;
    const F t5 = s1*t3;
    const F t6 = s1*s1;
    const F t7 = fma(F(-2), gap, F(1))*s1*s2;
    const F t8 = fma(F(2), t6, F(1));
    const F t9 = s2*s2;
    const F t10 = 2*t9;
    const F t11 = 16*(t2*t2*t6*t9);
    const F t12 = t8 + t10 + t11;
    const F dot = NTK ? C4*rsqrt(t12) : F();
    const F t13 = sqrt(t12);
    const F h1_1 = one[5], h1_2 = two[5];
    const F t14 = fma(F(2), fma(F(2), t4*s2, t5)*t13, -2*(t7*(fma(F(2), fma(t3, s2, t5), -t11) / (h1_1 + t13))));
    const F slope1 = C2*atan2(t14, fma(h1_1, t13, 4*(t7*t6)));
    const F t15 = s2 - s1;
    const F t16 = fma(F(2), fma(F(2), t4, t15)*s2*t13, -2*(t7*(fma(F(2), fma(t15, s1, s2*t15), -t11) / (h1_2 + t13))));
    const F slope2 = C2*atan2(t16, fma(h1_2, t13, 4*(t7*t9)));
    const F e1 = one[0], e2 = two[0];
    const F t17 = e1 - e2;
    const F t18 = e1*e2;
    const F plain = fma(C3, atan2(2*t7, t13), t18);
    const F deficit = ((4*plain < t18 && abs(t17) < 0.5f*maximum(e1, e2)) ? 0.5f*fma(-t17, t17, slope1 + slope2) : plain);
    const F inverse1 = one[2], inverse2 = two[2];
    const F rough = minimum(maximum(0.5f*(deficit*(inverse1*inverse2)), F(0)), F(1));
    const F t19 = maximum(s1, s2);
    const bool flag = (64*(sqrt(rough)*t19) < fma(t1, t19, 0.5f*abs(t3)) && 0 < t18);
    asks |= flag;
    const F gap_phi = (REFINE ? careful_2_1(gap, one, two, p) : rough);
    const F nngp = NTK ? t18*(side*fma(F(-2), gap_phi, F(1))) : F();
    const F W1 = one[3], W2 = two[3];
    const F t20 = W1*W2;
    const bool t21 = side < 0;
    const F t22 = 1 - gap_phi;
    const F t23 = W1 - W2;
    const F b1 = one[4], b2 = two[4];
    const F t24 = b1 - b2;
    const F spread = 0.25f*fma(t23, t23, t24*t24);
    const F near = fma(t20, (t21 ? t22 : gap_phi), spread);
    const F far = fma(t20, (t21 ? gap_phi : t22), b1*b2) + spread;
    if (NTK) ntk = fma(2.25f, ntk*dot, 2.25f*nngp) + C1;
    side = (far < near ? F(-1) : F(1));
    gap = minimum(near, far);
}

DEVICE void row_layers(R &q, R &ntk, Scalars p, F *saved, long long n, double *seen) {
    row_1(q, ntk, p, saved, n, seen), saved += 3 * n;
    LOOP for (int layer = 0; layer < 3; layer++) row_2(q, ntk, p, saved, n, seen), saved += 6 * n;
}

template <bool NTK, bool REFINE> DEVICE void layers(F &gap, F &side, F &ntk, bool &asks, Saved one, Saved two, Scalars p) {
    pair_1<NTK, REFINE>(gap, side, ntk, asks, one, two, p), one.at += 3 * one.n, two.at += 3 * two.n;
    LOOP for (int layer = 0; layer < 3; layer++) pair_2<NTK, REFINE>(gap, side, ntk, asks, one, two, p), one.at += 6 * one.n, two.at += 6 * two.n;
}
"""


BLOCKS = (  # times, layers
    (1, 'dense'),
    (3, 'erf(a=1, b=1, c=0), dense'),
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
    "nngp": [[1.0747291072599123, 0.9340131487127215, -0.4996689294430091], [0.9340131487127215, 1.037230329196893, -0.20199140972700738], [-0.4996689294430091, -0.20199140972700738, 1.1223836839539825]],
    "ntk": [[6.045782475358559, 4.725543838556865, -2.178185061413663], [4.725543838556865, 5.48874972516441, -0.8321347604694789], [-2.178185061413663, -0.8321347604694789, 7.268948999454067]],
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


THREADS = 32  # in a block of a kernel that has a thread for each point: few, so that a panel is shared by all of a card
SQUARE = 32  # pairs of points in a row of the square that a block of threads computes
FULL_MEMORY = "the GPU's memory is full, even for a block of fewer than 64 rows: free some"
FULL_OF_CUDA = (  # what the driver says, cuBLAS, and the runtime where CuPy allocates without its pool
    "CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED", "cudaErrorMemoryAllocation",
)  # fmt: skip
WARNED: set[int] = set()  # cards that were named as slow
SLOW = 16  # times that double precision is slower than single, from which on a card is not made for it


class DeviceError(RuntimeError):
    """The GPU cannot do what was asked: there is none, its memory is full, its driver is too old."""


@functools.cache
def compiled() -> Any:
    """The kernels; CuPy compiles them for each device, and keeps the machine code on disk.

    It writes the text to a file in the locale's encoding, which may have no letters for the comments.
    """
    code = (ARITHMETIC + LAYERS + MACHINERY).encode("ascii", "backslashreplace").decode()
    return cupy.RawModule(code=code, options=("--std=c++17", "--fmad=false"))


def launch(name: str, grid: tuple[int, ...], block: tuple[int, ...], *arguments: Any) -> None:
    """Run a kernel on the current stream. Arrays are passed as pointers, None as a null pointer."""
    values = [np.uintp(0) if a is None else np.int64(a) if isinstance(a, int) else a for a in arguments]
    compiled().get_function(name)(grid, block, tuple(values))


def for_each(name: str, n: int, *arguments: Any) -> None:
    """Run a kernel with a thread for each of n points."""
    if n:
        launch(name, (-(-n // THREADS),), (THREADS,), *arguments, n)


@contextmanager
def device_errors() -> Iterator[None]:
    """What CuPy says of the GPU, as DeviceError."""
    try:
        yield
    except Exception as error:  # of CuPy's own only some are RuntimeErrors
        if said := _explained(error):
            raise DeviceError(said) from None
        raise


def _explained(error: Exception) -> str | None:
    """What an error of CuPy means, and what to do; None for errors of another kind."""
    reason = str(error)
    if memory_is_full(error):
        return f"the GPU's memory is full ({reason}): free some, or use smaller inputs"
    if isinstance(error, cupy.cuda.compiler.CompileException):
        return f"CUDA's compiler failed, which may be too old for this GPU: {reason}"
    if isinstance(error, cupy.cuda.runtime.CUDARuntimeError | cupy.cuda.driver.CUDADriverError):
        if "NoDevice" in reason or "NO_DEVICE" in reason:
            return f"there is no NVIDIA GPU here ({reason}); backend='auto' runs on the CPU"
        if "NO_BINARY_FOR_GPU" in reason:  # its compiler knows older ones, and compiled for one of these
            return f"this CuPy is too old for this GPU ({reason}): update it"
        if "InsufficientDriver" in reason or "UNSUPPORTED_PTX" in reason:
            hint = "update it, or install a CuPy for an older CUDA: cupy-cuda12x in place of cupy-cuda13x"
            return f"the GPU's driver is too old for this CuPy ({reason}): {hint}"
        return f"the GPU failed: {reason}"
    lacking = isinstance(error, ImportError) or type(error).__name__ == "DynamicLibNotFoundError"
    if lacking or (isinstance(error, RuntimeError) and "CUDA headers" in reason):  # which its compiler reads
        hint = "pip install 'cupy-cuda13x[ctk]', or 'cupy-cuda12x[ctk]' for a driver older than 580"
        line = reason.partition("\n")[0]
        return f"CuPy lacks a library of CUDA ({line}): {hint}"
    if type(error).__name__ == "CUBLASError":
        return f"the GPU failed in the matrix product: {reason}"
    return None


def memory_is_full(error: Exception) -> bool:
    """Whether an error says that the GPU has no memory left: CuPy's own, which is no RuntimeError, or one of CUDA's."""
    if isinstance(error, cupy.cuda.memory.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(name in str(error) for name in FULL_OF_CUDA)


def on_device(x: Any) -> bool:
    """Whether an array is CuPy's."""
    return isinstance(x, cupy.ndarray)


def accepted(x: Any, name: str) -> Any:
    """``x`` as a finite real array of shape (n, d), NumPy's or CuPy's; raises ValueError otherwise."""
    if not on_device(x):
        return checked(x, name)
    if x.ndim != 2 or x.shape[1] == 0 or x.dtype.kind not in "biuf":
        return checked(np.broadcast_to(np.empty((), x.dtype), x.shape), name)  # which says what is wrong
    with device_errors(), x.device:
        if not bool(cupy.isfinite(x.astype(F, copy=False)).all()):
            checked(cupy.asnumpy(x), name)
    return x


def device_of(*arrays: Any) -> Any:
    """The device that some arrays are on; the current one for NumPy's. Raises ValueError where they are apart."""
    given = [a for a in arrays if a is not None]
    if len({on_device(a) for a in given}) > 1:
        raise ValueError("x1 and x2: expected both NumPy arrays or both CuPy arrays, found one of each")
    if not on_device(given[0]):
        return cupy.cuda.Device()
    numbers = {a.device.id for a in given}
    if len(numbers) > 1:
        found = " and ".join(map(str, sorted(numbers)))
        raise DeviceError(f"x1 and x2: expected arrays on one GPU, found them on GPUs {found}")
    return given[0].device


def attempted(call: Callable[[], Any]) -> Any:
    """What a call gives; None where memory is full, with nothing left of what it had taken before."""
    try:
        return call()
    except (MemoryError, RuntimeError) as error:
        if not memory_is_full(error):
            raise
    return None  # by now the error is gone, which held the arrays of all functions that it came through


def host_memory(size: int) -> Any:
    """Memory of the host that the device writes to by itself; where the host has none left, memory that it does not."""
    try:
        return cupy.cuda.alloc_pinned_memory(size)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if "cudaErrorMemoryAllocation" not in str(error):
            raise
        return bytearray(size)


def expect_device(array: Any, device: Any, name: str) -> None:
    """Raise DeviceError where an array is on another device."""
    if on_device(array) and array.device.id != device.id:
        raise DeviceError(f"{name}: expected an array on GPU {device.id}, found one on GPU {array.device.id}")


def warn_of_rounding() -> None:
    """Warn where CuPy is told to multiply matrices of float32 with fewer digits."""
    if np.dtype(F).itemsize == 4 and os.environ.get("CUPY_TF32", "0") not in ("", "0"):
        message = "CUPY_TF32 makes CuPy round inner products to 11 bits, and so these kernels: unset it"
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def warn_of_slow_double(device: int) -> None:
    """Warn once of a card that is not made for double precision."""
    if device in WARNED:
        return
    WARNED.add(device)
    ratio = cupy.cuda.Device(device).attributes.get("SingleToDoublePrecisionPerfRatio", 0)
    if np.dtype(F).itemsize == 8 and ratio >= SLOW:
        message = f"GPU {device} is {ratio} times slower in float64 than in float32: dtype='float32' is an alternative"
        warnings.warn(message, RuntimeWarning, stacklevel=2)


PANEL = 4096  # rows that are on the device together, at most
FEWEST = 64  # of those: where there is no room for so few, there is none
SHARE = 0.25  # of the free memory that panels of rows may take


class Panel:
    """Some points on the device: see ``Points`` in the CUDA code for its arrays."""

    def __init__(self, x: Any, parameters: Any) -> None:
        self.n, self.dim = x.shape
        self.x = cupy.array(x, dtype=F, order="C")  # a copy: it is scaled
        self.norms, self.length = cupy.empty((2, self.n)), cupy.empty(self.n)
        self.power = cupy.empty(self.n, np.int32)
        for_each("norms", self.n, self.x, self.dim, self.norms, self.length, self.power)
        self.layers(parameters)

    def layers(self, parameters: Any) -> None:
        """Run the layers on the points' norms."""
        self.values, self.ends = cupy.empty((3 + SAVED, self.n), F), cupy.empty((2, self.n), F)
        self.seen = cupy.full((2 * len(DUALS), self.n), np.nan)
        for_each("rows", self.n, self.norms, self.length, parameters, self.values, self.ends, self.seen)

    def size(self) -> int:
        """Its memory, in bytes."""
        return sum(a.nbytes for a in (self.x, self.norms, self.length, self.power, self.values, self.ends))

    def arguments(self) -> tuple[Any, ...]:
        """What kernels take of it."""
        return self.x, self.values, self.length, self.power, self.n


def for_device(parameters: dict[str, float]) -> Any:
    """The parameters, and behind them the tables of activations, as kernels take them."""
    return cupy.asarray(np.concatenate([list(parameters.values()), SERIES]))


class Rows:
    """What depends on one point only: sqrt(x.x/d), the kernels' diagonals, and panels of points on the device."""

    accepted = staticmethod(accepted)

    def __init__(self, x: Any, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        self.x = x
        p = dict(parameters, input_width=float(x.shape[1]))
        with np.errstate(all="ignore"):  # √ of what is negative
            for name, value in deviations(p):
                if not value >= 0:
                    raise ValueError(f"{name}: expected a standard deviation, at least 0, found {value}")
        with device_errors(), device_of(x) as device:
            warn_of_slow_double(device.id)
            warn_of_rounding()
            self.parameters = for_device(p)
            self.room = SHARE * (device.mem_info[0] + cupy.get_default_memory_pool().free_bytes())
            self.kept: dict[tuple[int, int], Panel] = {}
            found = self._found(PANEL)
        self.scale, nngp, ntk, *seen = np.concatenate([np.empty((3 + 2 * len(DUALS), 0)), *found], axis=1)
        for dual, low, high in zip(DUALS, seen[::2], seen[1::2], strict=True):
            dual.check(low, high)
        if NORMALIZE and (self.scale == 0).any():
            raise ValueError(f"row {int(np.argmax(self.scale == 0))} is zero and cannot be put on the sphere")
        ends = {"nngp": nngp.astype(F), "ntk": ntk.astype(F)}
        for name in get:
            bad = ~np.isfinite(ends[name])
            if bad.any():
                raise ValueError(f"row {int(np.argmax(bad))} of the input is out of the domain: its {name} overflows")
        self.diagonal = {name: self._like_x(value) for name, value in ends.items()}

    def _found(self, size: int) -> list[Any]:
        """What was read from panels of that size, or of smaller ones where memory is short."""
        found: Any = attempted(lambda: [self._read(self.panel(rows)) for rows in panels(len(self.x), size)])
        if found is not None:
            return list(found)
        give_back(self.kept)
        if min(size, len(self.x)) < FEWEST:
            raise DeviceError(FULL_MEMORY)
        return self._found(min(size, len(self.x)) // 2)

    def _read(self, panel: Panel) -> Any:
        return np.vstack([cupy.asnumpy(a) for a in (panel.norms[:1], panel.ends, panel.seen)])

    def _like_x(self, value: Any) -> Any:
        if not on_device(self.x):
            return value
        with device_errors(), device_of(self.x):
            value = cupy.asarray(value)
            cupy.cuda.get_current_stream().synchronize()  # what is returned is there, whichever stream goes on with it
        return value

    def panel(self, rows: slice) -> Panel:
        """Some rows on the device; kept there while there is room."""
        key = rows.start, rows.stop
        if key in self.kept:
            return self.kept[key]
        panel = Panel(self.x[rows], self.parameters)
        if sum(p.size() for p in self.kept.values()) + panel.size() < self.room:
            cupy.cuda.get_current_stream().synchronize()  # other streams use it too
            self.kept[key] = panel
        return panel


def give_back(*kept: dict[Any, Any]) -> None:
    """Free what is kept on the current device without need."""
    cupy.cuda.Device().synchronize()  # one stream may still read what is to be another's memory
    for panels_of_rows in kept:
        panels_of_rows.clear()
    cupy.get_default_memory_pool().free_all_blocks()


FULL = 2**64 - 1  # no pair

Block = tuple[slice, slice]


class Gram:
    """The kernels ``get`` of two sets of rows, block by block; ``two is one`` says that row i and column i are one."""

    def __init__(self, one: Rows, two: Rows, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        self.get: tuple[str, ...] = tuple(name for name in ("nngp", "ntk") if name in get)
        self.one, self.two = one, two
        self.shape = len(one.x), len(two.x)
        self.mirrored = two is one
        self.device = device_of(one.x, two.x)
        with device_errors(), self.device:
            self.zonal = collapsed(one, two, parameters, self.get)
            self.table = None if self.zonal is None else cupy.asarray(self.zonal.coefficients)
            self.bad = cupy.full(1, FULL, np.uint64)
            cupy.cuda.get_current_stream().synchronize()  # other streams use them too

    def empty(self) -> Any:
        """A matrix to be filled, of the points' library."""
        with device_errors(), self.device:
            return (cupy if on_device(self.one.x) else np).empty(self.shape, F)

    def fill(self, outs: dict[str, Any], progress: Callable[[float], None] | None = None) -> None:
        """Write the matrices into ``outs``, arrays of NumPy or CuPy; ``progress`` gets the share done."""
        for out in outs.values():
            if not isinstance(out, np.ndarray | cupy.ndarray) or out.shape != self.shape or out.dtype.kind != "f":
                refuse(out, f"an array of floats of shape {self.shape}")
            if _overlap(out, self.one.x) or _overlap(out, self.two.x):
                raise ValueError("out: expected memory of its own, found that of the points")
            expect_device(out, self.device, "out")
        blocks = self._blocks()
        done = 0

        def finished(i: slice, j: slice, times: int = 1) -> None:
            nonlocal done
            done += times * (i.stop - i.start) * (j.stop - j.start)
            if progress is not None:
                progress(done / (self.shape[0] * self.shape[1]))

        if all(on_device(out) for out in outs.values()):
            for i, j in blocks:
                self._compute(i, j, outs)
                finished(i, j, 2 if self.mirrored and i != j else 1)
            self._refuse_overflow()
            return
        for i, j, values in self._on_host(blocks):
            for name, value in values.items():
                outs[name][i, j] = value
            finished(i, j)

    def blocks(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """(rows, columns, kernels) for blocks that cover the matrix, which hold until the next; of a symmetric one half
        is computed.
        """
        if not on_device(self.one.x):
            yield from self._on_host(self._blocks())
            return
        for i, j, values in self._each(self._blocks()):
            self._refuse_overflow()
            yield i, j, values
            if self.mirrored and i != j:
                yield j, i, {name: value.T for name, value in values.items()}

    def product(self, v: Any, get: str) -> Any:
        """The kernel matrix times v, of shape (m,) or (m, k), on the device; the result is of the points' library."""
        expect_device(v, self.device, "v")
        with device_errors(), self.device:
            vector = cupy.asarray(v, dtype=F)
            out = cupy.zeros((self.shape[0], *vector.shape[1:]), F)
            for i, j, values in self._each(self._blocks()):
                out[i] += values[get] @ vector[j]
                if self.mirrored and i != j:
                    out[j] += values[get].T @ vector[i]
            self._refuse_overflow()
            return out if on_device(self.one.x) else cupy.asnumpy(out)

    def _blocks(self) -> list[Block]:
        rows, columns = (list(panels(n, PANEL)) for n in self.shape)
        return [(i, j) for i in rows for j in columns if not (self.mirrored and j.start < i.start)]

    def _each(self, blocks: list[Block]) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """The blocks one after the other, on the device."""
        for block in blocks:
            for i, j, values, _ in self._split(*block, nullcontext(), False):
                yield i, j, values

    def _split(self, i: slice, j: slice, stream: Any, mirror: bool) -> Iterator[tuple[slice, slice, Any, Any]]:
        """A block in new memory, with its mirror image if wanted, or in four parts where there is not enough. Whoever
        takes it has their own device and stream, not these.
        """
        with device_errors(), self.device, stream:
            values, back = attempted(lambda: self._new(i, j, mirror)) or ({}, {})
            parts = [] if values else self._quarters(i, j)
        if values:
            yield i, j, values, back
        for part in parts:
            yield from self._split(*part, stream, mirror)

    def _new(self, i: slice, j: slice, mirror: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        rows, columns = i.stop - i.start, j.stop - j.start
        values = {name: cupy.empty((rows, columns), F) for name in self.get}
        back = {name: cupy.empty((columns, rows), F) for name in self.get} if mirror and i != j else {}
        self._run(i, j, values, back)
        return values, back

    def _compute(self, i: slice, j: slice, outs: dict[str, Any]) -> None:
        """Write a block and its mirror image into arrays on the device, in four parts where memory is short."""
        here = {k: out[i, j] for k, out in outs.items()}
        mirror = {k: out[j, i] for k, out in outs.items()} if self.mirrored and i != j else {}
        with device_errors(), self.device:
            parts = [] if attempted(lambda: self._run(i, j, here, mirror)) else self._quarters(i, j)
        for part in parts:
            self._compute(*part, outs)

    def _quarters(self, i: slice, j: slice) -> list[Block]:
        """A block in parts, when the device's memory is full: what is not needed at once is given back before."""
        give_back(self.one.kept, self.two.kept)
        if max(i.stop - i.start, j.stop - j.start) < FEWEST:
            raise DeviceError(FULL_MEMORY)
        parts = [[slice(s.start, m), slice(m, s.stop)] for s in (i, j) for m in [(s.start + s.stop) // 2]]
        return [
            (a, b) for a in parts[0] for b in parts[1] if a.start < a.stop and b.start < b.stop
            if not (self.mirrored and i == j and b.start < a.start)
        ]  # fmt: skip

    def _run(self, i: slice, j: slice, out: dict[str, Any], mirror: dict[str, Any]) -> bool:
        """Launch the product and the kernels of block (i, j) on the current stream; True when that is done."""
        one, two = self.one.panel(i), self.two.panel(j)
        product = one.x @ two.x.T
        square = self.mirrored and i == j
        wrong = [o for o in out.values() if o.dtype != F or o.strides[1] != o.itemsize]
        target = {name: cupy.empty(product.shape, F) for name in out} if wrong else out
        back = target if square else {} if wrong else mirror
        grid, threads = (-(-two.n // SQUARE), -(-one.n // SQUARE)), (SQUARE, 8)
        asks = cupy.zeros((grid[1], grid[0], SQUARE), np.uint32)  # a bit for each pair
        first, other = next(iter(target.values())), next(iter(back.values()), None)
        arguments = (
            product, *one.arguments(), *two.arguments(), one.dim, one.ends,
            target.get("nngp"), target.get("ntk"), back.get("nngp"), back.get("ntk"),
            first.strides[0] // first.itemsize, 0 if other is None else other.strides[0] // other.itemsize,
            one.n, two.n, i.start, j.start, int(square), self.bad, asks,
        )  # fmt: skip
        kind = "both" if len(self.get) == 2 else self.get[0]
        if self.zonal is None:
            name, rest = f"layers_{kind}", (self.one.parameters,)
        else:
            t = self.zonal
            name, rest = f"table_{kind}", (self.table, int(t.bits), *t.lifts, *t.floors)
        launch(name, grid, threads, *arguments, *rest)
        launch(f"{name}_again", grid, threads, *arguments, *rest)  # the pairs that asked for it
        if wrong:
            for name in out:
                out[name][...] = target[name]
                if mirror:
                    mirror[name][...] = target[name].T
        return True

    def _refuse_overflow(self) -> None:
        with device_errors(), self.device:
            first = int(self.bad[0])  # which waits for the current stream, and hears of what failed on it
        if first != FULL:
            raise ValueError(
                f"rows {first >> 32} and {first % 2**32} of the inputs are out of the domain: their "
                f"{' or '.join(self.get)} overflows"
            )

    def _on_host(self, blocks: list[Block]) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """Blocks in NumPy arrays, which hold until the next: the device goes on while whoever takes them is at work.

        Mirror images come from the device too: the host takes several times as long to turn a block as to copy it.
        """
        with device_errors(), self.device:
            lanes = [Lane(self.device, stream) for stream in streams(self.device.id, threading.get_ident())]
        with lanes[0], lanes[1]:  # whoever takes the blocks may stop early
            for k, block in enumerate(blocks):
                lane = lanes[k % 2]
                yield from lane.arrived()  # meanwhile the other lane is at work
                for i, j, *both in self._split(*block, lane.stream, self.mirrored):
                    yield from lane.arrived()  # of several parts, the one before
                    with device_errors(), self.device:
                        lane.send(i, j, *both)
            for lane in (lanes[len(blocks) % 2], lanes[1 - len(blocks) % 2]):
                yield from lane.arrived()
        self._refuse_overflow()


class Lane:
    """A stream, and memory of the host that the device can write to by itself. At the end of ``with`` it is waited for,
    also after an error: until then the device reads panels and writes to that memory.
    """

    def __init__(self, device: Any, stream: Any) -> None:
        self.device, self.stream = device, stream
        self.room: dict[Any, Any] = {}
        self.sent: list[tuple[slice, slice, Any, Any]] = []

    def __enter__(self) -> "Lane":
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    def send(self, i: slice, j: slice, values: dict[str, Any], mirror: dict[str, Any]) -> None:
        """Begin to copy a block to the host, and its mirror image if there is one."""
        for rows, columns, arrays, way in ((i, j, values, "here"), (j, i, mirror, "mirror")):
            held = {}
            for name, value in arrays.items():
                room = self.room.get((name, way))
                if room is None or room.size < value.size:
                    room = self.room[name, way] = np.frombuffer(host_memory(value.nbytes), F, value.size)
                held[name] = room[: value.size].reshape(value.shape)
                value.data.copy_to_host_async(ctypes.c_void_p(held[name].ctypes.data), value.nbytes, self.stream)
            if held:
                self.sent.append((rows, columns, held, arrays))  # the device's arrays live until the copy is done

    def arrived(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """What was sent, if anything was."""
        if self.sent:
            self.wait()
            sent, self.sent = self.sent, []
            for i, j, held, _ in sent:
                yield i, j, held

    def wait(self) -> None:
        """Until all that was sent is there."""
        with device_errors(), self.device:
            self.stream.synchronize()


@functools.cache
def streams(device: int, thread: int) -> list[Any]:
    """Two streams of the current device for each thread: CuPy keeps memory for every stream, so they stay."""
    return [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]


def _overlap(out: Any, x: Any) -> bool:
    if on_device(out) != on_device(x):
        return False
    return bool((cupy if on_device(out) else np).may_share_memory(out, x))


def tabulated(scale: float, width: int, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The table for points with sqrt(x.x/d) = scale, from the layers; None where the kernels are 0 or overflow."""
    p = for_device(dict(parameters, input_width=float(width)))
    point = Panel.__new__(Panel)
    point.n = 1
    point.norms, point.length = cupy.asarray(np.array([[scale], [0.0]])), cupy.ones(1)
    point.layers(p)
    diagonal = [
        float(v) for name, v in zip(("nngp", "ntk"), cupy.asnumpy(point.ends)[:, 0], strict=True) if name in get
    ]
    if not all(np.isfinite(value) and value > np.finfo(F).tiny / np.finfo(F).eps for value in diagonal):
        return None

    def values(gap: Any, side: Any) -> Any:
        found = {name: cupy.empty(gap.size, F) for name in ("nngp", "ntk")}
        angles = cupy.asarray(gap.astype(F)), cupy.asarray(side.astype(F))
        for_each("at_angles", gap.size, *angles, point.values, p, found["nngp"], found["ntk"])
        return np.stack([cupy.asnumpy(found[name]) / value for name, value in zip(get, diagonal, strict=True)])

    return zonal(values)


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


ARITHMETIC = r"""
typedef float F; // of results and of pairs
typedef int Bits;
#define MANTISSA 23
#define bits_of __float_as_int
#define number_of __int_as_float
#define CLOSE F(0.995) // |rho| from which on 1 - |rho| has lost too many digits
#define DEGREE 3 // of a table's polynomials
#define DEVICE __host__ __device__ __forceinline__
#define APART inline __host__ __device__ __attribute__((noinline)) // what is rare, and would take many registers
#define LOOP _Pragma("unroll 1")

// Arithmetic that CUDA lacks, or that is faster for the arguments that layers have.

DEVICE double minimum(double a, double b) { return b < a ? b : a; } // a if that is no number
DEVICE double maximum(double a, double b) { return a < b ? b : a; }
DEVICE float minimum(float a, float b) { return b < a ? b : a; }
DEVICE float maximum(float a, float b) { return a < b ? b : a; }
DEVICE double ratio(double a, double b) { return b == 0 ? a : a / b; } // 0/0 = 0
DEVICE float ratio(float a, float b) { return b == 0 ? a : a / b; }

// The polynomials of arcsine, lowest power first. In constant memory, and not const, so that the compiler reads them:
// written into the code, each double is two more instructions for every use on compute capability 9.0.
__constant__ double ARCSINE_EVEN[] = {
    0.16666666666666669, 0.04464285714748753, 0.02237218057371295, 0.013977683382479683, 0.011558669742595723,
    0.08311385542835384, 1.06703227340408, 4.831080468309027, 5.883043828201659, 0.8897823540779572
};
__constant__ double ARCSINE_ODD[] = {
    0.07499999999998049, 0.030381944009858088, 0.017352118804885727, 0.011373366566354978, -0.0050493061794114925,
    -0.31861857268025773, -2.616756017985931, -6.425708609803438, -3.3179426391119518
};

template <class V, int N> DEVICE V polynomial(const V (&c)[N], V x) { // lowest power first
    V total = c[N - 1];
#pragma unroll
    for (int k = N - 2; k >= 0; k--) total = fma(total, x, c[k]);
    return total;
}

// x + x³P(x²), the polynomial by its even and odd powers: half the latency of Horner's scheme.
DEVICE double arcsine(double x) { // for 0 <= x <= 0.71; error 0.7 units in the last place
    const double t = x * x, s = t * t;
    return fma(x * t, fma(t, polynomial(ARCSINE_ODD, s), polynomial(ARCSINE_EVEN, s)), x);
}

DEVICE float arcsine(float x) { // for 0 <= x <= 0.71; error 0.7 units in the last place
    const float t = x * x, s = t * t;
    float even = -0.08314395f;
    even = fma(even, s, 0.00977002f);
    even = fma(even, s, 0.044531118f);
    even = fma(even, s, 0.16666666f);
    float odd = 0.096819416f;
    odd = fma(odd, s, 0.06594987f);
    odd = fma(odd, s, 0.032094624f);
    odd = fma(odd, s, 0.07500273f);
    return fma(x * t, fma(t, odd, even), x);
}


// Double-double arithmetic, about 32 digits: Dekker 1971 and Knuth, with the product's error by fma;
// Hida, Li & Bailey 2001. A number is the unevaluated sum hi + lo.

struct dd {
    double hi, lo;
    DEVICE dd() {}
    DEVICE dd(double hi, double lo = 0) : hi(hi), lo(lo) {}
};

DEVICE double lead(dd a) { return a.hi; }
DEVICE double lead(double a) { return a; }

DEVICE dd fast_sum(double a, double b) { // |a| >= |b|
    const double s = a + b;
    return dd(s, b - (s - a));
}

DEVICE dd operator+(dd a, dd b) {
    const double s = a.hi + b.hi, t = a.lo + b.lo, u = s - a.hi, v = t - a.lo;
    const double e = (a.hi - (s - u)) + (b.hi - u), f = (a.lo - (t - v)) + (b.lo - v);
    const dd r = fast_sum(s, e + t);
    return fast_sum(r.hi, r.lo + f);
}

DEVICE dd operator-(dd a) { return dd(-a.hi, -a.lo); }
DEVICE dd operator-(dd a, dd b) { return a + -b; }
DEVICE bool operator<(dd a, dd b) { return a.hi < b.hi || (a.hi == b.hi && a.lo < b.lo); }

DEVICE dd product(double a, double b) {
    const double p = a * b;
    return dd(p, fma(a, b, -p));
}

DEVICE dd operator*(dd a, dd b) {
    const dd p = product(a.hi, b.hi);
    return fast_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

DEVICE dd operator/(dd a, dd b) {
    const double first = a.hi / b.hi;
    dd rest = a - b * first;
    const double second = rest.hi / b.hi;
    rest = rest - b * second;
    return fast_sum(first, second) + rest.hi / b.hi;
}

DEVICE dd ratio(dd a, dd b) { return b.hi == 0 ? a : a / b; } // 0/0 = 0
DEVICE dd sqrt(dd a) {
    const double root = sqrt(a.hi);
    return fast_sum(root, (a - product(root, root)).hi / (2 * (root > 0 ? root : 1.0)));
}
DEVICE dd abs(dd a) { return a.hi < 0 ? -a : a; }
DEVICE dd minimum(dd a, dd b) { return b < a ? b : a; }
DEVICE dd maximum(dd a, dd b) { return a < b ? b : a; }

struct Reduced { // expm1 of a - k ln 2, k the integer that makes it smallest
    dd rest;
    int k;
};

APART Reduced reduced(dd a) {
    a = dd(minimum(maximum(a.hi, -1500.0), 1500.0), minimum(maximum(a.lo, -1.0), 1.0)); // further out it is 0 or inf
    const int k = (int)rint(a.hi / 0.6931471805599453);
    const dd r = (a - dd(0.6931471805599453, 2.3190468138462996e-17) * (double)k) * 0.015625; // |r| <= ln 2 / 128
    dd p = r;
    LOOP for (int n = 11; n > 1; n--) p = r + r * p / (double)n;
    LOOP for (int n = 0; n < 6; n++) p = p * 2.0 + p * p; // expm1(2r) = expm1(r)(2 + expm1(r))
    return {p, k};
}

DEVICE dd scaled(dd p, int k) { return dd(ldexp(p.hi, k), ldexp(p.lo, k)); }

DEVICE dd exp(dd a) {
    const Reduced r = reduced(a);
    return scaled(r.rest + 1.0, r.k);
}

DEVICE dd expm1(dd a) {
    const Reduced r = reduced(a);
    return r.k == 0 ? r.rest : scaled(r.rest + 1.0, r.k) - 1.0;
}

struct Turn {
    dd sine, cosine;
};

APART Turn sincos(dd a) {
    const double k = rint(a.hi / 1.5707963267948966);
    dd r = a - product(1.5707963267948966, k) - product(6.123233995736766e-17, k); // π/2 in three parts
    r = (r - dd(-1.4973849048591833e-33) * k) * 0.0625;
    const dd r2 = r * r;
    dd s(0.0), c(0.0);
    LOOP for (int n = 22; n > 0; n -= 2) { // Taylor: s = sin r - r over r, c = cos r - 1, both without cancellation
        s = -r2 * (s + 1.0) / (double)(n * (n + 1));
        c = -r2 * (c + 1.0) / (double)(n * (n - 1));
    }
    s = r * (s + 1.0);
    LOOP for (int n = 0; n < 4; n++) { // cos 2r - 1 = -2 sin² r
        const dd twice = s * 2.0 * (c + 1.0);
        c = s * s * -2.0;
        s = twice;
    }
    c = c + 1.0;
    const int turn = (int)(k - 4 * floor(0.25 * k));
    return {turn == 0 ? s : turn == 1 ? c : turn == 2 ? -s : -c, turn == 0 ? c : turn == 1 ? -s : turn == 2 ? -c : s};
}

DEVICE dd sin(dd a) { return sincos(a).sine; }
DEVICE dd cos(dd a) { return sincos(a).cosine; }

APART dd atan2(dd y, dd x) {
    const double start = atan2(y.hi, x.hi);
    const Turn turn = sincos(start);
    const dd across = y * turn.cosine - x * turn.sine, along = x * turn.cosine + y * turn.sine; // of the angle left
    return dd(start) + (along.hi == 0 ? across : across / along); // one Newton step
}

DEVICE dd asin(dd x) { return atan2(x, sqrt(dd(1.0) - x * x)); }
"""


MACHINERY = r"""
// What every pair goes through outside the layers.

struct Points { // what depends on one point only; row r of a panel has number r
    const F *x;           // coordinates, divided by 2**power: shape (n, dim)
    const F *values;      // shape (3 + SAVED, n): 1/|x|, the roots of nngp and ntk on the diagonal, what layers saved
    const double *length; // |x| of the coordinates as they are here
    const int *power;
    int n;
};

DEVICE Saved saved(Points points, int row, int first) {
    return {points.values + first * points.n + row, points.n};
}

// sin²(θ/2) between the lines that two nearly parallel points are on, however unlike their norms are: sin θ = |w|/|y| with
// w the part of y at right angles to x, y - t x with t = x.y/x.x in double-double, so that x and 3x have no angle at all.
DEVICE double unlike_gap(const F *p, const F *q, int dim, double b) {
    dd square(0.0), along(0.0);
    LOOP for (int k = 0; k < dim; k++) {
        square = square + product((double)p[k], (double)p[k]);
        along = along + product((double)p[k], (double)q[k]);
    }
    const dd t = along / square;
    double sine = 0;
    LOOP for (int k = 0; k < dim; k++) {
        const double x = p[k], w = fma(-t.lo, x, fma(-t.hi, x, (double)q[k])) / b;
        sine = fma(w, w, sine);
    }
    return sine < 1e-60 ? 0 : 0.5 * sine / (1 + sqrt(1 - sine)); // so little is rounding alone
}

// sin²(θ/2) between two points, or one and the opposite of the other, that are nearly parallel; from their difference
// d = x - y, for the inner product has lost the digits: 4 |x| |y| sin²(θ/2) = |d|² - (|x| - |y|)², and |x| - |y| =
// (2 d.x - |d|²)/(|x| + |y|). Not where the second term is most of the first.
DEVICE double close_gap(Points one, int i, Points two, int j, int dim, double side) {
    const int shift = max(-1000, min(1000, two.power[j] - one.power[i]));
    const double scale = side * ldexp(1.0, shift), a = one.length[i], b = two.length[j] * abs(scale);
    const F *p = one.x + (long long)i * dim, *q = two.x + (long long)j * dim;
    double square = 0, along = 0;
    LOOP for (int k = 0; k < dim; k++) {
        const double x = p[k], d = fma(-scale, (double)q[k], x);
        square = fma(d, d, square);
        along = fma(d, x, along);
    }
    const double longer = fma(2.0, along, -square) / (a + b);
    if (square == 0 || (abs(a - b) < 0.5 * maximum(a, b) && 2 * longer * longer < square))
        return fma(-longer, longer, square) / (4 * a * b);
    return unlike_gap(p, q, dim, two.length[j]);
}

// Gap and side of a pair from its inner product; whether its angle is to come from `close_gap` instead.
DEVICE bool first_angle(F product, F inverse1, F inverse2, F &gap, F &side) {
    const F rho = product * inverse1 * inverse2, size = abs(rho);
    side = rho < 0 ? -1 : 1;
    gap = fma(F(-0.5), size, F(0.5));
    if (inverse1 == 0 && inverse2 == 0) gap = 0; // rows at the origin are one point
    return size > CLOSE;
}

// What depends on one point only, one thread a point: double-double norms, then the rows of all layers.

// Replace coordinates by themselves over 2**power, so that no product of theirs overflows or underflows;
// norms (2, n): the double-double sqrt(x.x/dim) of what they were.
extern "C" __global__ void norms(F *x, long long dim, double *norms, double *length, int *power, long long n) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    F *row = x + i * dim;
    double largest = 0;
    for (long long k = 0; k < dim; k++) largest = maximum(largest, (double)abs(row[k]));
    int e = 0;
    frexp(largest, &e);
    dd total(0.0);
    for (long long k = 0; k < dim; k++) {
        const double value = ldexp((double)row[k], -e);
        row[k] = (F)value;
        total = total + product(value, value);
    }
    const dd root = sqrt(total / (double)dim);
    norms[i] = ldexp(root.hi, e);
    norms[n + i] = ldexp(root.lo, e);
    length[i] = sqrt(total).hi;
    power[i] = e;
}

// values (3 + SAVED, n): see Points; ends (2, n): nngp and ntk at the output; seen: for each table of an activation, the
// smallest and the largest standard deviation there.
extern "C" __global__ void rows(
    const double *norms, const double *length, const double *p, F *values, F *ends, double *seen, long long n
) {
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const R scale = R(norms[i]) + R(LOW_HALF ? norms[n + i] : 0.0);
    R q = NORMALIZE ? R(1.0) : scale * scale, ntk = R(0.0);
    row_layers(q, ntk, p, values + 3 * n + i, n, seen + i);
    values[i] = length[i] > 0 ? (F)(1 / length[i]) : F(0);
    values[n + i] = (F)lead(sqrt(q));
    values[2 * n + i] = (F)lead(sqrt(ntk));
    ends[i] = (F)lead(q);
    ends[n + i] = (F)lead(ntk);
}

// Tiles of pairs: a block of 32 x 8 threads has a square of 32 x 32 of them, a thread four, all in one column.

struct Tile {
    const F *product;    // inner products, (height, width), of rows of `one` with rows of `two`
    Points one, two;
    int dim;
    const F *diagonal;   // (2, height): nngp and ntk of a point with itself, for a square on the diagonal
    F *out[2];           // nngp and ntk; null where it is not wanted
    F *mirror[2];        // where their transposes go; null for nowhere
    long long stride, mirror_stride; // numbers from one row to the next
    int height, width;
    long long row, column; // of the first pair, in the whole matrix: errors name it
    bool square;         // row i and column i are one point, and what is below the diagonal is the mirror of the rest
    unsigned long long *bad; // the first pair whose value is no finite number
    unsigned *asks;      // for every row of every square, 32 bits: which pairs are to be computed again, with more care

    DEVICE static int top() { return blockIdx.y * 32; }
    DEVICE static int left() { return blockIdx.x * 32; }
    DEVICE bool mirrored_by_another() const { return square && left() < top(); }
    // Column j has the rows that are above this one; of them, `twin` is the same point.
    DEVICE int rows(int j) const { return j >= width ? 0 : square ? min(height, j + 1) : height; }
    DEVICE int twin(int j) const { return square ? j : -1; }
    DEVICE unsigned *asked() const { return asks + ((long long)blockIdx.y * gridDim.x + blockIdx.x) * 32; }
    DEVICE void ask(int i) const { atomicOr(asked() + (i - top()), 1u << threadIdx.x); }
    template <bool NNGP, bool NTK> DEVICE void check(const F *found, int i, int j) const {
        if ((NNGP && !isfinite(found[0])) || (NTK && !isfinite(found[1])))
            atomicMin(bad, ((unsigned long long)(row + i) << 32) | (unsigned long long)(column + j));
    }
    // How far apart the numbers are that a point saved, read anew for each pair: a compiler that knows them to be the same
    // for the next pair keeps the addresses of all that was saved in registers, and then has none left.
    DEVICE void keep_no_addresses() {
        __shared__ volatile int apart[8][2];
        volatile int *own = apart[threadIdx.y];
        own[0] = one.n, own[1] = two.n;
        one.n = own[0], two.n = own[1];
    }
};

// Results of a square, held until they are written as rows of the mirror image; before, its inner products may wait there.
template <int KERNELS> struct Held {
    F at[KERNELS][32][33]; // 33: reading a column meets every bank once
};

template <bool NNGP, bool NTK> DEVICE void write_mirror(const Tile &t, const Held<NNGP + NTK> &held) {
    if (!t.mirror[NNGP ? 0 : 1]) return;
    __syncthreads();
    const int i = t.top() + threadIdx.x, first = t.left() + threadIdx.y;
    const int from = t.square ? i + 1 : 0, end = i < t.height ? t.width : 0;
#pragma unroll
    for (int kernel = 0; kernel < 2; kernel++) {
        if (kernel ? !NTK : !NNGP) continue;
        F *to = t.mirror[kernel] + (first * t.mirror_stride + i);
#pragma unroll
        for (int k = 0; k < 32; k += 8, to += 8 * t.mirror_stride)
            if (first + k >= from && first + k < end) *to = held.at[kernel && NNGP][threadIdx.x][threadIdx.y + k];
    }
}

// The pairs that asked for it, once more: nearly parallel points, whose angle comes from their coordinates, and
// activations that need double-double or quadrature.
template <bool NNGP, bool NTK, class Values> DEVICE void each_that_asked(Tile &t, const Values &values) {
    const int j = t.left() + threadIdx.x;
    if (t.mirrored_by_another()) return;
    const unsigned *asked = t.asked() + threadIdx.y;
    if (!(asked[0] | asked[8] | asked[16] | asked[24])) return;
    LOOP for (int k = threadIdx.y; k < 32; k += 8) {
        if (!(t.asked()[k] >> threadIdx.x & 1)) continue;
        if (values.layered) t.keep_no_addresses();
        const int i = t.top() + k;
        F found[2], gap, side;
        if (first_angle(t.product[i * t.width + j], t.one.values[i], t.two.values[j], gap, side))
            gap = close_gap(t.one, i, t.two, j, t.dim, side);
        values(gap, side, i, j, found);
        t.check<NNGP, NTK>(found, i, j);
#pragma unroll
        for (int kernel = 0; kernel < 2; kernel++) {
            if (kernel ? !NTK : !NNGP) continue;
            t.out[kernel][i * t.stride + j] = found[kernel];
            if (t.mirror[kernel]) t.mirror[kernel][j * t.mirror_stride + i] = found[kernel];
        }
    }
}

// Pairs through all layers.

// The layers of a pair: the kernels at the output. Where it asks for double-double it gets that if REFINE, and else says so.
template <bool NTK, bool REFINE>
DEVICE bool output(F gap, F side, Points one, int i, Points two, int j, Scalars p, F *found) {
    const F size = one.values[one.n + i] * two.values[two.n + j];
    bool asks = false;
    found[1] = 0;
    layers<NTK, REFINE>(gap, side, found[1], asks, saved(one, i, 3), saved(two, j, 3), p);
    found[0] = size * (side * (1 - 2 * gap));
    return asks && !REFINE;
}

template <bool NTK, bool REFINE> struct Layered {
    const Tile &t;
    Scalars p;
    static constexpr bool layered = true;
    DEVICE bool operator()(F gap, F side, int i, int j, F *found) const {
        return output<NTK, REFINE>(gap, side, t.one, i, t.two, j, p, found);
    }
};

// Most pairs: in a kernel of few registers, and with no arithmetic but that of the dtype. The inner products wait in
// shared memory, for a thread has no registers to spare.
template <bool NNGP, bool NTK> DEVICE void each_through_layers(Tile &t, Scalars p) {
    __shared__ Held<NNGP + NTK> held;
    const Layered<NTK, false> values = {t, p};
    const int top = t.top(), j = t.left() + threadIdx.x, rows = t.rows(j), twin = t.twin(j);
    if (t.mirrored_by_another()) return;
#pragma unroll
    for (int k = 0; k < 32; k += 8) { // four reads on their way at once
        const int i = top + k + threadIdx.y;
        held.at[0][k + threadIdx.y][threadIdx.x] = i < rows ? t.product[i * t.width + j] : F(0);
    }
    LOOP for (int k = threadIdx.y; k < 32 && top + k < rows; k += 8) {
        t.keep_no_addresses();
        const int i = top + k;
        F found[2], gap, side;
        if (i == twin) {
            found[0] = t.diagonal[i];
            found[1] = t.diagonal[t.height + i];
        } else {
            bool asks = first_angle(held.at[0][k][threadIdx.x], t.one.values[i], t.two.values[j], gap, side);
            asks |= values(gap, side, i, j, found);
            if (asks)
                t.ask(i);
            else
                t.check<NNGP, NTK>(found, i, j);
        }
#pragma unroll
        for (int kernel = 0; kernel < 2; kernel++) {
            if (kernel ? !NTK : !NNGP) continue;
            t.out[kernel][i * t.stride + j] = found[kernel];
            held.at[kernel && NNGP][k][threadIdx.x] = found[kernel];
        }
    }
    write_mirror<NNGP, NTK>(t, held);
}

// The layers at a list of angles, all rows being row 0 of `one`: what a table is made from.
extern "C" __global__ void at_angles(
    const F *gap, const F *side, const F *values, const double *p, F *nngp, F *ntk, long long n
) {
    const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k >= n) return;
    const Points point = {0, values, 0, 0, 1};
    F found[2];
    output<WITH_NTK, true>(gap[k], side[k], point, 0, point, 0, p, found);
    nngp[k] = found[0];
    ntk[k] = found[1];
}

// The kernels of points on one sphere, from a table of piecewise polynomials in the binary digits of gap: Zonal says how
// it is made. What a pair needs lies together: the coefficients of its kernels, lowest degree first.

struct Table {
    const F *coefficients;
    int bits, lift0, lift1, floor0, floor1; // 0: of opposite points, 1: of others
};

struct alignas(16) Piece { // a polynomial, read 16 bytes at a time
    F c[DEGREE + 1];
};

template <int FUNCTIONS> DEVICE void look_up(const Table &table, F gap, F side, F *found) {
    const Bits digits = bits_of(gap);
    const int lift = side > 0 ? table.lift1 : table.lift0, floor = side > 0 ? table.floor1 : table.floor0;
    const int key = max((int)(digits >> (MANTISSA - table.bits)) + lift, floor);
    const Bits rest = (digits << table.bits) & (((Bits)1 << MANTISSA) - 1);
    const F t = number_of(rest | bits_of(F(2))) - 3; // the digits that are left, in [-1, 1)
    const Piece *at = (const Piece *)table.coefficients + key * FUNCTIONS;
#pragma unroll
    for (int k = 0; k < FUNCTIONS; k++) {
        const Piece piece = at[k];
        F total = piece.c[DEGREE];
#pragma unroll
        for (int n = DEGREE - 1; n >= 0; n--) total = fma(total, t, piece.c[n]);
        found[k] = total;
    }
}

// A pair's kernels: `sizes` are the points' own, of nngp and of ntk.
template <bool NNGP, bool NTK>
DEVICE void looked_up(const Table &table, F gap, F side, const F *size1, const F *size2, F *found) {
    look_up<NNGP + NTK>(table, gap, side, found + !NNGP);
    if (NNGP) found[0] *= size1[0] * size2[0];
    if (NTK) found[1] *= size1[1] * size2[1];
}

struct Sizes { // of a point: 1/|x|, and the roots of nngp and ntk on the diagonal
    F inverse, roots[2];
    template <bool NNGP, bool NTK> DEVICE static Sizes of(const Points &points, int i) {
        const F *at = points.values + i;
        return {at[0], {NNGP ? at[points.n] : F(0), NTK ? at[2 * points.n] : F(0)}};
    }
};

template <bool NNGP, bool NTK> struct LookedUp {
    const Tile &t;
    Table table;
    static constexpr bool layered = false;
    DEVICE bool operator()(F gap, F side, int i, int j, F *found) const {
        const Sizes one = Sizes::of<NNGP, NTK>(t.one, i), two = Sizes::of<NNGP, NTK>(t.two, j);
        looked_up<NNGP, NTK>(table, gap, side, one.roots, two.roots, found);
        return false;
    }
};

// Most pairs. There is little to do for one, so that reads, addresses, bounds and branches count: a thread's four pairs go
// through each step together. A kernel is at most √(K_ii K_jj), which is finite: nothing overflows here.
template <bool NNGP, bool NTK> DEVICE void each_looked_up(Tile &t, const Table &table) {
    __shared__ Held<NNGP + NTK> held;
    const int first = t.top() + threadIdx.y, j = t.left() + threadIdx.x, rows = t.rows(j), twin = t.twin(j);
    if (t.mirrored_by_another()) return;
    const F *product = t.product + (first * t.width + j);
    const Sizes two = j < t.width ? Sizes::of<NNGP, NTK>(t.two, j) : Sizes();
    F products[4] = {}, found[4][2];
    Sizes one[4] = {};
#pragma unroll
    for (int k = 0; k < 4; k++, product += 8 * t.width)
        if (first + 8 * k < rows) {
            products[k] = *product;
            one[k] = Sizes::of<NNGP, NTK>(t.one, first + 8 * k);
        }
    bool rare = (twin - first) % 8 == 0; // of the four, or more
#pragma unroll
    for (int k = 0; k < 4; k++) {
        F gap, side;
        rare |= first_angle(products[k], one[k].inverse, two.inverse, gap, side);
        looked_up<NNGP, NTK>(table, gap, side, one[k].roots, two.roots, found[k]);
    }
    if (rare) {
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const int i = first + 8 * k;
            F gap, side;
            if (i == twin && i < rows) {
                found[k][0] = t.diagonal[i];
                found[k][1] = t.diagonal[t.height + i];
            } else if (i < rows && first_angle(products[k], one[k].inverse, two.inverse, gap, side))
                t.ask(i);
        }
    }
#pragma unroll
    for (int kernel = 0; kernel < 2; kernel++) {
        if (kernel ? !NTK : !NNGP) continue;
        F *out = t.out[kernel] + (first * t.stride + j);
#pragma unroll
        for (int k = 0; k < 4; k++, out += 8 * t.stride) {
            if (first + 8 * k < rows) *out = found[k][kernel];
            held.at[kernel && NNGP][8 * k + threadIdx.y][threadIdx.x] = found[k][kernel];
        }
    }
    write_mirror<NNGP, NTK>(t, held);
}

// The kernels, and how they take their arguments.

#define KERNEL extern "C" __global__ void __launch_bounds__(256, 1) // as many registers as it takes: none is spilled
#define TILE                                                                                                           \
    const F *product, const F *x1, const F *values1, const double *length1, const int *power1, long long n1,           \
        const F *x2, const F *values2, const double *length2, const int *power2, long long n2, long long dim,          \
        const F *diagonal, F *nngp, F *ntk, F *nngp_mirror, F *ntk_mirror, long long stride, long long mirror_stride,  \
        long long height, long long width, long long row, long long column, long long square, unsigned long long *bad, \
        unsigned *asks
#define TABLE const F *coefficients, long long bits, long long lift0, long long lift1, long long floor0, long long floor1
#define TAKEN                                                                                                          \
    Tile t = {product, {x1, values1, length1, power1, (int)n1}, {x2, values2, length2, power2, (int)n2},               \
        (int)dim, diagonal, {nngp, ntk}, {nngp_mirror, ntk_mirror}, stride, mirror_stride, (int)height, (int)width,    \
        row, column, square != 0, bad, asks}
#define TABLE_TAKEN const Table table = {coefficients, (int)bits, (int)lift0, (int)lift1, (int)floor0, (int)floor1}


KERNEL layers_nngp(TILE, Scalars p) {
    TAKEN;
    each_through_layers<true, false>(t, p);
}

KERNEL layers_nngp_again(TILE, Scalars p) {
    TAKEN;
    each_that_asked<true, false>(t, Layered<false, true>{t, p});
}

KERNEL table_nngp(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_looked_up<true, false>(t, table);
}

KERNEL table_nngp_again(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_that_asked<true, false>(t, LookedUp<true, false>{t, table});
}


KERNEL layers_ntk(TILE, Scalars p) {
    TAKEN;
    each_through_layers<false, true>(t, p);
}

KERNEL layers_ntk_again(TILE, Scalars p) {
    TAKEN;
    each_that_asked<false, true>(t, Layered<true, true>{t, p});
}

KERNEL table_ntk(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_looked_up<false, true>(t, table);
}

KERNEL table_ntk_again(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_that_asked<false, true>(t, LookedUp<false, true>{t, table});
}


KERNEL layers_both(TILE, Scalars p) {
    TAKEN;
    each_through_layers<true, true>(t, p);
}

KERNEL layers_both_again(TILE, Scalars p) {
    TAKEN;
    each_that_asked<true, true>(t, Layered<true, true>{t, p});
}

KERNEL table_both(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_looked_up<true, true>(t, table);
}

KERNEL table_both_again(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_that_asked<true, true>(t, LookedUp<true, true>{t, table});
}
"""


if __name__ == "__main__":
    self_test()
