"""Elementary functions of one number for Numba's compiled loops, in float64; elementary_single.py has float32.

No calls, no tables, no branch but the choice between two computed values: LLVM vectorises a loop over them. Their text
is embedded in generated modules. Polynomials go by their even and odd powers: half the latency of Horner's scheme, for
one more product. Errors are in units of the last place. Every coefficient comes from
tests/kernelc_numba/fit_elementary.py.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

_scalar: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(
    error_model="numpy", fastmath={"contract"}, forceinline=True
)

# Adding _ROUND rounds to an integer, the last bits of the sum: no instruction converts vectors to int64 before AVX-512.
_ROUND = 6755399441055744.0

(
    _ASIN0, _ASIN1, _ASIN2, _ASIN3, _ASIN4, _ASIN5, _ASIN6, _ASIN7, _ASIN8, _ASIN9, _ASIN10, _ASIN11, _ASIN12,
    _ASIN13, _ASIN14, _ASIN15, _ASIN16, _ASIN17, _ASIN18,
) = (
    0.16666666666666669, 0.07499999999998049, 0.04464285714748753, 0.030381944009858088, 0.02237218057371295,
    0.017352118804885727, 0.013977683382479683, 0.011373366566354978, 0.011558669742595723,
    -0.0050493061794114925, 0.08311385542835384, -0.31861857268025773, 1.06703227340408, -2.616756017985931,
    4.831080468309027, -6.425708609803438, 5.883043828201659, -3.3179426391119518, 0.8897823540779572,
)  # fmt: skip


@_scalar
def asin(x: Any) -> Any:
    """The arcsine for 0 <= x <= 0.71; error 0.7."""
    t = x * x
    s = t * t
    even = ((((_ASIN18 * s + _ASIN16) * s + _ASIN14) * s + _ASIN12) * s + _ASIN10) * s + _ASIN8
    even = (((even * s + _ASIN6) * s + _ASIN4) * s + _ASIN2) * s + _ASIN0
    odd = ((((_ASIN17 * s + _ASIN15) * s + _ASIN13) * s + _ASIN11) * s + _ASIN9) * s + _ASIN7
    odd = ((odd * s + _ASIN5) * s + _ASIN3) * s + _ASIN1
    return x + x * t * (even + t * odd)


_ATAN0, _ATAN1, _ATAN2, _ATAN3, _ATAN4, _ATAN5, _ATAN6, _ATAN7, _ATAN8, _ATAN9, _ATAN10 = (
    -0.3333333333333333, 0.1999999999999552, -0.14285714284666542, 0.11111111015256361, -0.09090904578123903,
    0.07692183190826087, -0.06664511447381948, 0.0585814891280221, -0.0508544973794026, 0.03923165829558719,
    -0.01917688711906226,
)  # fmt: skip
_TAN_EIGHTH = 0.41421356237309503
_QUARTER_PI, _HALF_PI, _WHOLE_PI = 0.7853981633974483, 1.5707963267948966, 3.141592653589793


@_scalar
def atan2(y: Any, x: Any) -> Any:
    """The angle of the point (x, y), 0 for the origin; error 2.5. y = -0.0 counts as 0."""
    a = abs(x)
    b = abs(y)
    small = a if b > a else b
    big = b if b > a else a
    # If far, atan(q) = pi/4 + atan((q - 1)/(q + 1)): half the terms, the same division. |x| + |y| must not overflow.
    far = small > _TAN_EIGHTH * big
    top = small - big if far else small
    bottom = small + big if far else big
    q = top / (bottom if bottom != 0.0 else 1.0)
    t = q * q
    s = t * t
    even = ((((_ATAN10 * s + _ATAN8) * s + _ATAN6) * s + _ATAN4) * s + _ATAN2) * s + _ATAN0
    odd = (((_ATAN9 * s + _ATAN7) * s + _ATAN5) * s + _ATAN3) * s + _ATAN1
    p = q + q * t * (even + t * odd)
    p = _QUARTER_PI + p if far else p
    p = _HALF_PI - p if b > a else p
    p = _WHOLE_PI - p if x < 0.0 else p
    return -p if y < 0.0 else p


_EXP0, _EXP1, _EXP2, _EXP3, _EXP4, _EXP5, _EXP6, _EXP7, _EXP8, _EXP9 = (
    0.5000000000000001, 0.16666666666666669, 0.041666666666624164, 0.008333333333330065, 0.0013888888917196881,
    0.0001984126986304067, 2.4801521322116825e-05, 2.7557268480116333e-06, 2.762007599981065e-07,
    2.5100375924709717e-08,
)  # fmt: skip
_LN20, _LN21 = 0.6931471805601177, -1.7239444525614835e-13
_LOG2E = 1.4426950408889634
_EXP_LOW, _EXP_HIGH = -708.3964185322641, 709.782712893384
_EXPM1_LOW, _EXPM1_HIGH = -40.0, 710.0


@_scalar
def exp(x: Any) -> Any:
    """e**x: 0 where it would be below 2.3e-308, inf from 709.8 on; error 1.1."""
    u = x * _LOG2E + _ROUND
    k = u - _ROUND
    r = (x - k * _LN20) - k * _LN21
    s = r * r
    even = (((_EXP8 * s + _EXP6) * s + _EXP4) * s + _EXP2) * s + _EXP0
    odd = (((_EXP9 * s + _EXP7) * s + _EXP5) * s + _EXP3) * s + _EXP1
    p = 1.0 + (r + s * (even + r * odd))
    # Times 2**k, by the exponent's bits. x + inf keeps NaN.
    p = np.int64(np.float64(p).view(np.int64) + (np.float64(u).view(np.int64) << 52)).view(np.float64)
    p = p if x < _EXP_HIGH else x + np.inf
    return 0.0 if x < _EXP_LOW else p


@_scalar
def expm1(x: Any) -> Any:
    """e**x - 1; error 2.3."""
    x = _EXPM1_HIGH if x > _EXPM1_HIGH else x
    x = _EXPM1_LOW if x < _EXPM1_LOW else x
    u = x * _LOG2E + _ROUND
    k = u - _ROUND
    r = (x - k * _LN20) - k * _LN21
    s = r * r
    even = (((_EXP8 * s + _EXP6) * s + _EXP4) * s + _EXP2) * s + _EXP0
    odd = (((_EXP9 * s + _EXP7) * s + _EXP5) * s + _EXP3) * s + _EXP1
    p = r + s * (even + r * odd)
    # 2**k/2: 2**k alone may overflow
    half = np.int64((np.float64(u).view(np.int64) << 52) + 0x3FE0000000000000).view(np.float64)
    p = half * p + (half - 0.5)
    return p + p


_SIN0, _SIN1, _SIN2, _SIN3, _SIN4, _SIN5, _SIN6, _SIN7 = (
    -0.16666666666666666, 0.008333333333333316, -0.00019841269841254974, 2.7557319219163188e-06,
    -2.5052107616990352e-08, 1.6058977312086063e-10, -7.643970284729239e-13, 2.7314280531256368e-15,
)  # fmt: skip
_PI0, _PI1, _PI2 = 3.1415926534682512, 1.2154201013012384e-10, 7.0431197303664e-27
_INVERSE_PI, _SIN_END, _NAN = 0.3183098861837907, 1e15, np.nan


@_scalar
def sin(x: Any) -> Any:
    """The sine; error 2 for |x| <= 1e5, 6e-16 in all for |x| < 1e15, NaN beyond."""
    u = x * _INVERSE_PI + _ROUND
    k = u - _ROUND
    # Exact but for the last digits with fused multiply-adds; without them large x lose digits near the zeros.
    r = ((x - k * _PI0) - k * _PI1) - k * _PI2
    r = r if abs(x) < _SIN_END else _NAN
    t = r * r
    s = t * t
    even = ((_SIN6 * s + _SIN4) * s + _SIN2) * s + _SIN0
    odd = ((_SIN7 * s + _SIN5) * s + _SIN3) * s + _SIN1
    p = r + r * t * (even + t * odd)
    # (-1)**k p
    return np.int64(np.float64(p).view(np.int64) ^ (np.float64(u).view(np.int64) << 63)).view(np.float64)


@_scalar
def cos(x: Any) -> Any:
    """The cosine, the sine of the distance to its nearest zero; accurate as sin is."""
    u = x * _INVERSE_PI - 0.5 + _ROUND
    k = u - _ROUND + 0.5
    r = ((x - k * _PI0) - k * _PI1) - k * _PI2
    r = r if abs(x) < _SIN_END else _NAN
    t = r * r
    s = t * t
    even = ((_SIN6 * s + _SIN4) * s + _SIN2) * s + _SIN0
    odd = ((_SIN7 * s + _SIN5) * s + _SIN3) * s + _SIN1
    p = r + r * t * (even + t * odd)
    # -(-1)**k p
    return -np.int64(np.float64(p).view(np.int64) ^ (np.float64(u).view(np.int64) << 63)).view(np.float64)
