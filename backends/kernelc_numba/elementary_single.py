"""Elementary functions of one number for Numba's compiled loops: elementary.py in float32.

The functions take float32 and stay there, so every constant is a float32 too: a Python float would widen the loop.
Every coefficient comes from tests/kernelc_numba/fit_elementary.py.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

_scalar: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(
    error_model="numpy", fastmath={"contract"}, forceinline=True
)

# Adding _ROUND rounds to an integer, the last bits of the sum.
_ROUND = np.float32(12582912.0)
_ZERO, _HALF, _ONE, _INF = np.array((0.0, 0.5, 1.0, np.inf), np.float32)

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


_ATAN0, _ATAN1, _ATAN2, _ATAN3, _ATAN4 = np.array((
    -0.3333333, 0.1999954, -0.14263956, 0.10743731, -0.06451928,
), np.float32)  # fmt: skip
_TAN_EIGHTH, _QUARTER_PI, _HALF_PI, _WHOLE_PI = np.array((0.41421357, 0.7853982, 1.5707964, 3.1415927), np.float32)


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
    q = top / (bottom if bottom != _ZERO else _ONE)
    t = q * q
    p = (((_ATAN4 * t + _ATAN3) * t + _ATAN2) * t + _ATAN1) * t + _ATAN0
    p = q + q * t * p
    p = _QUARTER_PI + p if far else p
    p = _HALF_PI - p if b > a else p
    p = _WHOLE_PI - p if x < _ZERO else p
    return -p if y < _ZERO else p


_EXP0, _EXP1, _EXP2, _EXP3, _EXP4 = np.array((0.5, 0.16666578, 0.041666556, 0.008363173, 0.0013926176), np.float32)
_LN20, _LN21 = np.array((0.69314575, 1.4286068e-06), np.float32)
_LOG2E, _EXP_LOW, _EXP_HIGH, _EXPM1_LOW, _EXPM1_HIGH = np.array(
    (1.442695, -87.33654, 88.72284, -20.0, 89.0), np.float32
)


@_scalar
def exp(x: Any) -> Any:
    """e**x: 0 where it would be below 1.2e-38, inf from 88.72 on; error 1.1."""
    u = x * _LOG2E + _ROUND
    k = u - _ROUND
    r = (x - k * _LN20) - k * _LN21
    p = (((_EXP4 * r + _EXP3) * r + _EXP2) * r + _EXP1) * r + _EXP0
    p = _ONE + (r + r * r * p)
    # Times 2**k, by the exponent's bits. x + inf keeps NaN.
    p = np.int32(np.float32(p).view(np.int32) + (np.float32(u).view(np.int32) << 23)).view(np.float32)
    p = p if x < _EXP_HIGH else x + _INF
    return _ZERO if x < _EXP_LOW else p


@_scalar
def expm1(x: Any) -> Any:
    """e**x - 1; error 1.5."""
    x = _EXPM1_HIGH if x > _EXPM1_HIGH else x
    x = _EXPM1_LOW if x < _EXPM1_LOW else x
    u = x * _LOG2E + _ROUND
    k = u - _ROUND
    r = (x - k * _LN20) - k * _LN21
    p = (((_EXP4 * r + _EXP3) * r + _EXP2) * r + _EXP1) * r + _EXP0
    p = r + r * r * p
    # 2**k/2: 2**k alone may overflow
    half = np.int32((np.float32(u).view(np.int32) << 23) + 0x3F000000).view(np.float32)
    p = half * p + (half - _HALF)
    return p + p


_SIN0, _SIN1, _SIN2, _SIN3, _SIN4 = np.array(
    (-0.16666667, 0.008333333, -0.00019841087, 2.7536464e-06, -2.3948902e-08), np.float32
)
_PI0, _PI1, _PI2 = np.array((3.140625, 0.0009676536, 5.126688e-12), np.float32)
_INVERSE_PI, _SIN_END, _NAN = np.array((0.31830987, 1e7, np.nan), np.float32)


@_scalar
def sin(x: Any) -> Any:
    """The sine; error 2.2 for |x| <= 1e5, 2e-6 in all for |x| < 1e7, NaN beyond."""
    u = x * _INVERSE_PI + _ROUND
    k = u - _ROUND
    # Exact but for the last digits with fused multiply-adds; without them large x lose digits near the zeros.
    r = ((x - k * _PI0) - k * _PI1) - k * _PI2
    r = r if abs(x) < _SIN_END else _NAN
    t = r * r
    p = (((_SIN4 * t + _SIN3) * t + _SIN2) * t + _SIN1) * t + _SIN0
    p = r + r * t * p
    # (-1)**k p
    return np.int32(np.float32(p).view(np.int32) ^ (np.float32(u).view(np.int32) << 31)).view(np.float32)


@_scalar
def cos(x: Any) -> Any:
    """The cosine, the sine of the distance to its nearest zero; accurate as sin is."""
    u = x * _INVERSE_PI - _HALF + _ROUND
    k = u - _ROUND + _HALF
    r = ((x - k * _PI0) - k * _PI1) - k * _PI2
    r = r if abs(x) < _SIN_END else _NAN
    t = r * r
    p = (((_SIN4 * t + _SIN3) * t + _SIN2) * t + _SIN1) * t + _SIN0
    p = r + r * t * p
    # -(-1)**k p
    return -np.int32(np.float32(p).view(np.int32) ^ (np.float32(u).view(np.int32) << 31)).view(np.float32)
