"""Probabilities of the normal distribution in mpmath, with relative accuracy also where they are tiny.

The orthant P(X ≤ h, Y ≤ k) at correlation r is a sum of two of Owen's functions (1956),

    T(h, a) = (1/2π) ∫₀^a e^{−h²(1+t²)/2}/(1+t²) dt = (1/2π) (atan a − Σⱼ (−1)ʲ cⱼ a^{2j+1}/(2j+1)),

cⱼ = 1 − e^{−x} Σ_{i≤j} xⁱ/i!, x = h²/2, in which nothing is larger than 1: it is summed in whole numbers. Where so many
digits cancel that this is no use, the orthant is integrated over the correlation (Plackett 1954), from r = 0 where it
is a product, or from r = −1 where it is a difference. With M the larger of |h|, |k| and m the other, its sign that of
hk, Sheppard's angle t = asin r turns into z = (m − M sin t)/cos t, and the integral is one of a positive function,

    (1/2π) e^{−M²/2} ∫ e^{−z²/2} (M + m z/√(z² + M² − m²)) / (M² + z²) dz.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
from mpmath import mpf

FAR = 1e100
"""Beyond this Φ is 0 or 1, whatever the precision."""

MOST = 20_000
"""More bits than this do not cancel: what is left then is nothing."""

SPARE = 10
"""A difference of numbers of order one that is nothing to this many of their last bits may be a rounding error."""


def normal(z: Any) -> Any:
    """P(Z ≤ z)."""
    if abs(z) > FAR:
        return mpf(z > 0)
    return mpmath.erfc(-z / mpmath.sqrt(2)) / 2


def normal_ratio(above: Any, below: Any) -> Any:
    """P(Z·below ≤ above) for below ≥ 0, of which less is a rounding error; P(Z ≤ 0) = 1/2 where both are 0."""
    if below > 0:
        return normal(above / below)
    side = 0 if abs(above) < mpmath.ldexp(1, SPARE - mpmath.mp.prec) else mpmath.sign(above)
    return mpf(1 + side) / 2


def exp_ratio(above: Any, below: Any) -> Any:
    """e^{above/below} for above ≤ 0 ≤ below, its limits where below = 0."""
    if below > 0:
        return mpmath.exp(above / below)
    return mpf(above == 0)


def root(w: Any) -> Any:
    """√w, of which less than 0 is a rounding error."""
    return mpmath.sqrt(max(w, 0))


def arcsine(above: Any, square: Any) -> Any:
    """asin(above/√square)."""
    return mpmath.atan2(above, root(square - above * above))


def dawson(z: Any) -> Any:
    """e^{−z²} ∫₀^z e^{t²} dt, by Kummer's series z·M(1, 3/2, −z²)."""
    return z * mpmath.hyp1f1(1, mpf(3) / 2, -z * z)


def orthant(h: Any, k: Any, r: Any, w: Any) -> Any:
    """P(X ≤ h, Y ≤ k), w = √(1 − r²)."""
    start = mpmath.mp.prec
    h, k, r, w = mpf(h), mpf(k), mpf(r), mpf(w)
    for extra in (60, 360) if w and (h or k) else ():
        with mpmath.workprec(start + extra):
            value = _owen(h, k, r, w)
        if mpmath.mag(value) + extra > 20 and value > 0:
            return +value
    return _integrated(h, k, r, w)


def _owen(h: Any, k: Any, r: Any, w: Any) -> Any:
    """The orthant from Owen's functions, to an absolute error of the working precision."""
    across, along = (_step(k, h, r, w), _step(h, k, r, w))
    opposite = h * k < 0 or (h * k == 0 and h + k < 0)
    value = (normal(h) + normal(k)) / 2 - _fan(h, across) - _fan(k, along)
    return value - mpf(opposite) / 2


def _step(k: Any, h: Any, r: Any, w: Any) -> Any:
    """(k − r·h)/w without cancellation near r = ±1."""
    return (k - h) / w + h * w / (1 + r) if r >= 0 else (k + h) / w - h * w / (1 - r)


def _fan(h: Any, across: Any) -> Any:
    """T(h, across/h)."""
    if h == 0:
        return mpmath.sign(across) / 4
    side = mpmath.sign(h) * mpmath.sign(across)
    h, across = abs(h), abs(across)
    if across <= h:
        return side * _series(h, across / h)
    one, two = normal(h), normal(across)
    return side * ((one + two) / 2 - one * two - _series(across, h / across))


def _series(h: Any, a: Any) -> Any:
    """T(h, a) for 0 ≤ a ≤ 1."""
    x = h * h / 2
    if x > mpmath.mp.prec:  # T < e^{−x}
        return mpf(0)
    bits = mpmath.mp.prec + 20 + int(x * 1.5)  # e^{−x}, which the terms start from, with all its digits
    unit = 1 << bits
    ratio, square = int(mpmath.ldexp(x, bits)), int(mpmath.ldexp(a * a, bits))
    term = int(mpmath.ldexp(mpmath.exp(-x), bits))
    rest, power, total, j = unit - term, int(mpmath.ldexp(a, bits)), 0, 0
    while rest * power >> bits > 0 and (term or j < x):
        part = (rest * power >> bits) // (2 * j + 1)
        total += -part if j % 2 else part
        j += 1
        term = (term * ratio >> bits) // j
        rest -= term
        power = power * square >> bits
    return (mpmath.atan(a) - mpmath.ldexp(mpf(total), -bits)) / (2 * mpmath.pi)


def _integrated(h: Any, k: Any, r: Any, w: Any) -> Any:
    """The orthant to a relative error of the working precision, however tiny."""
    start, extra = mpmath.mp.prec, 20
    while True:
        with mpmath.workprec(start + extra):
            value, largest = _orthant(h, k, r, w)
        lost = 0 if value <= 0 else mpmath.mag(largest) - mpmath.mag(value)
        if lost + 10 <= extra or value <= 0 or lost > MOST:
            return max(value, mpf(0))
        extra = lost + 20


def _orthant(h: Any, k: Any, r: Any, w: Any) -> tuple[Any, Any]:
    """The value, and the largest number that was added up for it."""
    if r >= 0:
        base = size = normal(h) * normal(k) if w else normal(min(h, k))
    elif h + k > 0:
        size = normal(min(h, k))
        base = size - normal(-max(h, k))
    else:
        base = size = mpf(0)
    value = base + (_turn(h, k, r, w) if w else 0)
    return value, max(size, value)


def _turn(h: Any, k: Any, r: Any, w: Any) -> Any:
    """The integral over the correlation, up to r."""
    m, M = sorted((h, k), key=abs)
    if M < 0:
        m, M = -m, -M
    if M == 0:
        return (mpmath.atan2(r, w) + (0 if r >= 0 else mpmath.pi / 2)) / (2 * mpmath.pi)
    reach = mpmath.sqrt(2 * (mpmath.mp.prec + 10) * mpmath.ln2)
    low, high = ((m - M) + M * w / (1 + r) * w, m * w) if r >= 0 else ((m + M) - M * w / (1 - r) * w, mpmath.inf)
    low, high = low / w, high / w
    centre = min(max(mpf(0), low), high)  # where the integrand is largest
    far = mpmath.sqrt(centre**2 + reach**2)
    low, high = max(low, -far), min(high, far)
    apart = (M - m) * (M + m)

    def density(z: Any) -> Any:
        root = mpmath.sqrt(z * z + apart)
        slope = m * z / root if root else mpf(0)
        return mpmath.exp((centre - z) * (centre + z) / 2) * (M + slope) / (M * M + z * z)

    parts = sorted({low, centre, high})
    if len(parts) < 2:
        return mpf(0)
    return mpmath.exp(-(M * M + centre**2) / 2) * mpmath.quad(density, parts) / (2 * mpmath.pi)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Phi": normal,
    "ExpPhi": lambda E, z: mpmath.exp(E) * normal(z),
    "PhiRatio": normal_ratio,
    "ExpPhiRatio": lambda E, above, below: mpmath.exp(E) * normal_ratio(above, below),
    "ExpRatio": exp_ratio,
    "Arcsine": arcsine,
    "Root": root,
    "Phi2": lambda E, h, k, r, w: mpmath.exp(E) * orthant(h, k, r, w),
    "Dawson": dawson,
}
"""The functions of :mod:`kernelc.functions` by name."""
