"""Double-double arithmetic on arrays: about 32 digits where 16 are not enough.

Algorithms: Dekker 1971 and Knuth (error-free sum and product), Hida, Li & Bailey 2001 (the QD library). A number is the
unevaluated sum hi + lo of two float64, lo at most half a unit in the last place of hi. ``DD`` answers NumPy's ufuncs,
so that code written with ``np.sqrt(q)`` and ``a*b`` runs unchanged on it.
"""

from typing import Any

import numpy as np

from kernelc.runtime.errorfree import two_product, two_sum


class DD:
    """An array of double-doubles hi + lo."""

    def __init__(self, hi: Any, lo: Any = 0.0) -> None:
        self.hi, self.lo = np.asarray(hi, dtype=np.float64), np.asarray(lo, dtype=np.float64)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _DD_RULES.get(ufunc.__name__)
        if method != "__call__" or kwargs or rule is None:
            return NotImplemented
        return rule(*map(_dd, inputs))

    def __add__(self, other: Any) -> "DD":
        return _dd_add(self, _dd(other))

    def __radd__(self, other: Any) -> "DD":
        return _dd_add(_dd(other), self)

    def __sub__(self, other: Any) -> "DD":
        return _dd_add(self, -_dd(other))

    def __rsub__(self, other: Any) -> "DD":
        return _dd_add(_dd(other), -self)

    def __mul__(self, other: Any) -> "DD":
        return _dd_mul(self, _dd(other))

    def __rmul__(self, other: Any) -> "DD":
        return _dd_mul(_dd(other), self)

    def __truediv__(self, other: Any) -> "DD":
        return _dd_div(self, _dd(other))

    def __rtruediv__(self, other: Any) -> "DD":
        return _dd_div(_dd(other), self)

    def __neg__(self) -> "DD":
        return DD(-self.hi, -self.lo)

    def __eq__(self, other: object) -> Any:
        return self.hi == other


def _dd(value: Any) -> DD:
    return value if isinstance(value, DD) else DD(value)


def _dd_fast(a: Any, b: Any) -> DD:
    s = a + b  # |a| >= |b|
    return DD(s, b - (s - a))


def _dd_add(a: DD, b: DD) -> DD:
    s, e = two_sum(a.hi, b.hi)
    t, f = two_sum(a.lo, b.lo)
    r = _dd_fast(s, e + t)
    return _dd_fast(r.hi, r.lo + f)


def _dd_mul(a: DD, b: DD) -> DD:
    p, e = two_product(a.hi, b.hi)
    return _dd_fast(p, e + (a.hi * b.lo + a.lo * b.hi))


def _dd_div(a: DD, b: DD) -> DD:
    first = a.hi / b.hi
    rest = a - first * b
    second = rest.hi / b.hi
    rest = rest - second * b
    return _dd_add(_dd_fast(first, second), DD(rest.hi / b.hi))


def _dd_sqrt(a: DD) -> DD:
    root = np.sqrt(a.hi)
    safe = np.where(root > 0, root, 1.0)
    return _dd_fast(root, (a - DD(*two_product(root, root))).hi / (2 * safe))


def _dd_exp(a: DD) -> DD:
    k, p = _dd_reduced(a)
    p = p + 1.0
    return DD(np.ldexp(p.hi, k), np.ldexp(p.lo, k))


def _dd_expm1(a: DD) -> DD:
    k, p = _dd_reduced(a)
    far = _dd_exp(a) - 1.0  # cancels nothing unless k = 0
    return DD(np.where(k == 0, p.hi, far.hi), np.where(k == 0, p.lo, far.lo))


def _dd_reduced(a: DD) -> tuple[Any, DD]:
    """The integer k that makes a - k ln 2 smallest, and its expm1."""
    a = DD(np.clip(a.hi, -1500.0, 1500.0), np.clip(a.lo, -1.0, 1.0))  # beyond that, e**a is 0 or inf
    k = np.rint(a.hi / 0.6931471805599453)
    r = (a - DD(0.6931471805599453, 2.3190468138462996e-17) * k) * 0.015625  # |r| <= ln 2 / 128
    p = r
    for n in range(11, 1, -1):
        p = r + r * p / float(n)
    for _ in range(6):  # expm1(2r) = expm1(r)(2 + expm1(r))
        p = p * 2.0 + p * p
    return k.astype(int), p


def _dd_sincos(a: DD) -> tuple[DD, DD]:
    k = np.rint(a.hi / 1.5707963267948966)
    r = a - DD(*two_product(1.5707963267948966, k)) - DD(*two_product(6.123233995736766e-17, k))  # π/2 in three parts
    r = r - DD(-1.4973849048591833e-33) * k
    r = r * 0.0625
    r2 = r * r
    s, c = DD(np.zeros_like(r.hi)), DD(np.zeros_like(r.hi))
    for n in range(22, 0, -2):  # Taylor: s = sin r - r over r, c = cos r - 1, both without cancellation
        s = -r2 * (s + 1.0) / float(n * (n + 1))
        c = -r2 * (c + 1.0) / float(n * (n - 1))
    s = r * (s + 1.0)
    for _ in range(4):  # cos 2r - 1 = -2 sin² r
        s, c = s * 2.0 * (c + 1.0), s * s * -2.0
    c = c + 1.0
    turn = np.mod(k, 4)
    odd, flip_s, flip_c = turn % 2 == 1, turn >= 2, (turn == 1) | (turn == 2)
    sine = DD(np.where(odd, c.hi, s.hi), np.where(odd, c.lo, s.lo))
    cosine = DD(np.where(odd, s.hi, c.hi), np.where(odd, s.lo, c.lo))
    return sine * np.where(flip_s, -1.0, 1.0), cosine * np.where(flip_c, -1.0, 1.0)


def _dd_arctan2(y: DD, x: DD) -> DD:
    start = np.arctan2(y.hi, x.hi)
    s, c = _dd_sincos(DD(start))
    across, along = y * c - x * s, x * c + y * s  # one Newton step: the angle that is left is across/along
    return _dd_add(DD(start), across / (along + (along.hi == 0)))


_DD_RULES: Any = {
    "add": _dd_add,
    "subtract": lambda a, b: _dd_add(a, -b),
    "multiply": _dd_mul,
    "divide": _dd_div,
    "negative": lambda a: -a,
    "absolute": lambda a: a * np.copysign(1.0, a.hi),
    "maximum": lambda a, b: DD(*(np.where(a.hi < b.hi, v, u) for u, v in ((a.hi, b.hi), (a.lo, b.lo)))),
    "equal": lambda a, b: a.hi == b.hi,
    "sqrt": _dd_sqrt,
    "exp": _dd_exp,
    "expm1": _dd_expm1,
    "sin": lambda a: _dd_sincos(a)[0],
    "cos": lambda a: _dd_sincos(a)[1],
    "arctan2": _dd_arctan2,
}
