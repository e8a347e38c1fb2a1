"""A Python function as an activation: its kinks and its derivative, found from its values alone.

The line is cut into intervals on each of which a Chebyshev series of moderate degree resolves the function to rounding.
Where bisection does not end, there is a kink: it is bracketed, the smooth functions on either side are continued into
the bracket, and the kink is where they, or their derivatives, meet. The intervals are then built anew between kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from kernelc.duals.numpy_code import Numeric
from kernelc.errors import InputError, UnsupportedError
from kernelc.tables.chebyshev import Array, nodes, transform

REACH = 1024.0
LEAST = 8.0
"""A function must be finite at least for |x| up to here."""

MOST = 40
"""More kinks than this are refused."""

DEGREE = 48
WIDTH = 1 / 512  # an interval shorter than this (times max(1, |x|/8)) that is not resolved has a kink
NOISE = 4e-15
MANY = 20000
CUT = 1.1917
CHECKS: Array = np.array([(0.6180339887498949 * k + 0.1) % 1 for k in range(24)])

Vectorised = Callable[[Array], Array]


@dataclass(frozen=True)
class _Part:
    """A Chebyshev series on [start, end], meant for [lo, hi]."""

    lo: float
    hi: float
    start: float
    end: float
    series: Array

    def at(self, x: Any, order: int = 0) -> Any:
        """The series, or its derivative, also beyond the interval."""
        scale = 2 / (self.end - self.start)
        series = chebyshev.chebder(self.series, order) * scale**order if order else self.series
        return chebyshev.chebval((x - self.start) * scale - 1, series)


def numeric_of_callable(f: Callable[..., Any]) -> Numeric:
    """The activation that a Python function is, vectorised or of one number.

    Raises InputError where the function does not give a real number for every x, UnsupportedError where it is not
    piecewise smooth as far as its values tell.
    """
    value = _vectorised(f)
    return _Search(value).numeric()


def _vectorised(f: Callable[..., Any]) -> Vectorised:
    """The function on arrays of any shape, checked."""
    if not callable(f):
        raise InputError(f"an activation must be a function of x, found {type(f).__name__} {f!r}"[:200])
    probe = np.array([-1.7, -0.3, 0.4, 1.1, 2.9])
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(f(probe.copy()))
        whole = array.shape == probe.shape or array.shape == ()
    except Exception:  # whatever a function of one number does with an array
        whole = False
    name = getattr(f, "__name__", "f")

    def values(x: Array) -> Array:
        flat = np.asarray(x, dtype=np.float64).reshape(-1)
        with np.errstate(all="ignore"):
            found = np.asarray(f(flat.copy()) if whole else [f(float(t)) for t in flat])
        if found.dtype.kind not in "fiub":
            raise InputError(f"{name}(x) must be a real number, found values of type {found.dtype}")
        if found.shape == () and whole:
            found = np.broadcast_to(found, flat.shape)
        if found.shape != flat.shape:
            raise InputError(f"{name}(x) must be one number for each x: {flat.shape} became {found.shape}")
        return found.astype(np.float64).reshape(np.shape(x))

    try:
        values(probe)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name}(x) failed at x = {probe[0]}: {type(error).__name__}: {error}") from error
    return values


class _Search:
    def __init__(self, f: Vectorised) -> None:
        self.f = f
        self.left, self.right = -self.limit(-1.0), self.limit(1.0)
        with np.errstate(all="ignore"):
            self.scale = float(np.median(np.abs(f(np.linspace(-2.0, 2.0, 41)))))
        self.kinks: list[float] = []
        self.jumps = False
        self.count = 0
        self.parts = self.settle()

    def limit(self, side: float) -> float:
        """How far the function is finite, up to REACH."""
        reach = LEAST
        if not self.finite(side * np.linspace(0.0, LEAST, 2001)):
            x = side * np.linspace(0.0, LEAST, 2001)
            first = x[~np.isfinite(self.f(x))][0]
            raise InputError(f"f({first:g}) = {self.f(np.array([first]))[0]}: an activation must be finite everywhere")
        while reach < REACH and self.finite(side * np.linspace(reach, 2 * reach, 501)):
            reach *= 2
        return reach

    def finite(self, x: Array) -> bool:
        y = self.f(x)
        return bool(np.isfinite(y).all() and np.abs(y).max() < 1e150)

    def settle(self) -> list[_Part]:
        """Build between the kinks known so far until no more are found."""
        for _ in range(MOST):
            self.fresh: list[float] = []
            parts = [part for lo, hi in pairwise(self.ends()) for part in self.resolve(lo, hi)]
            if not self.fresh:
                return parts
            before = len(self.kinks)
            self.kinks = _merged([*self.kinks, *self.fresh])
            if len(self.kinks) > MOST:
                raise self.many(self.kinks)
            if len(self.kinks) == before:
                break
        raise UnsupportedError(
            f"f is not smooth next to {_some(self.fresh)}: a kink must have a smooth function on either side"
        )

    def many(self, kinks: Sequence[float]) -> UnsupportedError:
        return UnsupportedError(
            f"f has more than {MOST} kinks, or is not smooth to the rounding of float64: {_some(kinks)}"
        )

    def ends(self) -> list[float]:
        """The kinks, and cuts at growing distances from 0 that are not close to one."""
        cuts = [sign * CUT * 2.0**k for k in range(11) for sign in (-1, 1)]
        clear = [
            cut
            for cut in cuts
            if all(abs(cut - kink) > 0.2 * abs(cut) for kink in (*self.kinks, self.left, self.right))
            and self.left < cut < self.right
        ]
        return sorted([self.left, *self.kinks, *clear, self.right])

    def resolve(self, lo: float, hi: float) -> list[_Part]:
        """The series that cover an interval; a kink inside is noted, and left out."""
        self.count += 1
        if self.count > MANY:
            raise UnsupportedError("f is not smooth to rounding (is it float32, or random?): compute it in float64")
        part = self.fit(lo, hi)
        if part is not None:
            return [part]
        if hi - lo > WIDTH * max(1.0, min(abs(lo), abs(hi)) / 64):
            middle = lo + (hi - lo) * 0.4873154
            return self.resolve(lo, middle) + self.resolve(middle, hi)
        self.fresh.append(self.locate(*self.widened(lo, hi)))
        if len(self.fresh) > 2 * MOST:
            raise self.many(self.fresh)
        return []

    def widened(self, lo: float, hi: float) -> tuple[float, float]:
        """The interval and a quarter of it on either side, but for kinks: a series is rough at its ends."""
        more = 0.25 * (hi - lo)
        walls = (self.left, *self.kinks, self.right)
        below = max((w for w in walls if w <= lo), default=self.left)
        above = min((w for w in walls if w >= hi), default=self.right)
        return max(lo - more, below), min(hi + more, above)

    def fit(self, lo: float, hi: float, widen: bool = True) -> _Part | None:
        """The series on an interval, or None where it is not resolved."""
        start, end = self.widened(lo, hi) if widen else (lo, hi)
        x = np.clip(
            0.5 * (start + end) + 0.5 * (end - start) * nodes(DEGREE),
            np.nextafter(start, end),
            np.nextafter(end, start),
        )
        y = self.f(x)
        series = transform(y, 0)
        size = np.abs(series)
        # what rounding does to y, and to x
        floor = NOISE * max(float(size.max()), self.scale, 1e-300)
        floor += 4e-16 * max(abs(start), abs(end)) * float(np.abs(np.diff(y) / np.diff(x)).max())
        if size[DEGREE // 2 :].max() > floor:
            return None
        noise = min(3 * float(size[DEGREE // 2 :].max()), floor)  # what is kept of it, the derivative multiplies
        keep = int(np.max(np.flatnonzero(size > noise), initial=0)) + 1
        part = _Part(lo, hi, start, end, series[:keep])
        test: Array = lo + (hi - lo) * CHECKS
        return part if np.abs(part.at(test) - self.f(test)).max() <= 20 * floor else None

    def locate(self, lo: float, hi: float) -> float:
        """The kink in an interval that is not resolved."""
        start, end = lo, hi
        signal = self.tail(lo, hi)
        while hi - lo > 4e-16 * max(1.0, abs(lo)):
            middle = lo + (hi - lo) * 0.4873154
            left, right = self.tail(lo, middle), self.tail(middle, hi)
            if max(left, right) < max(1e-12, 1e-9 * signal) or not lo < middle < hi:
                break
            lo, hi = (lo, middle) if left > right else (middle, hi)
        return self.meeting(lo, hi, start, end)

    def tail(self, lo: float, hi: float) -> float:
        """How far from resolved the function is, relative to its size."""
        x = np.clip(0.5 * (lo + hi) + 0.5 * (hi - lo) * nodes(DEGREE // 2), lo, hi)
        series = np.abs(transform(self.f(x), 0))
        return float(series[-DEGREE // 4 :].max() / max(float(series.max()), self.scale, 1e-300))

    def meeting(self, lo: float, hi: float, start: float, end: float) -> float:
        """Where the smooth functions left and right of a bracket, or their derivatives, are equal; or where f jumps."""
        margin, middle = 2 * (hi - lo), 0.5 * (lo + hi)
        reach = 128 * (end - start)
        one, two = self.side(lo - margin, -reach), self.side(hi + margin, reach)
        if one is None or two is None:
            return _round(middle, margin)
        size = max(float(np.abs(one.series).max()), float(np.abs(two.series).max()))
        rate = abs(float(one.at(middle, 1))) + abs(float(two.at(middle, 1)))
        if abs(float(one.at(middle) - two.at(middle))) > 1e-10 * size + 8 * rate * margin:
            self.jumps = True
            return self.step(lo - margin, hi + margin, one, two)
        width = min(one.hi - one.lo, two.hi - two.lo)
        for order, least in enumerate((1e-9, 1e-7, 1e-5)):  # the kink is of the derivative of order + 1

            def gap(t: float, order: int = order) -> float:
                return float(one.at(t, order) - two.at(t, order))

            jump, next_jump = (abs(gap(middle, order + k)) for k in (1, 2))
            if jump * width ** (order + 1) > least * size and (order == 2 or jump > 2 * margin * next_jump):
                at = middle
                for _ in range(8):
                    at -= gap(at) / gap(at, order + 1)
                if start < at < end:
                    return _round(at, (1e-13, 1e-9, 1e-6)[order])
        return _round(middle, margin)

    def side(self, end: float, reach: float) -> _Part | None:
        """The smooth function next to a kink, on the longest interval that resolves it."""
        for _ in range(24):
            part = self.fit(min(end, end + reach), max(end, end + reach), widen=False)
            if part is not None:
                return part
            reach /= 2
        return None

    def step(self, lo: float, hi: float, one: _Part, two: _Part) -> float:
        """The first float64 at which a jump has happened."""
        while True:
            middle = 0.5 * (lo + hi)
            if not lo < middle < hi:
                return hi + 0.0 if abs(hi) > 1e-300 else 0.0
            y = self.f(np.array([middle]))[0]
            if abs(y - one.at(middle)) <= abs(y - two.at(middle)):
                lo = middle
            else:
                hi = middle

    def numeric(self) -> Numeric:
        f, parts = self.f, self.parts
        starts = np.array([part.lo for part in parts[1:]])
        left, right = self.left, self.right

        def slope(x: Array) -> Array:
            flat = np.asarray(x, dtype=np.float64).reshape(-1)
            beyond = (flat < left) | (flat > right)
            if beyond.any():
                raise UnsupportedError(
                    f"f'({flat[beyond][0]:g}) is needed, and f is known for {left:g} <= x <= {right:g} only, "
                    "where it is finite; write it as a formula"
                )
            out = np.empty(flat.shape)
            which = np.searchsorted(starts, flat, side="right")
            for k in np.unique(which):
                out[which == k] = parts[k].at(flat[which == k], 1)
            return out.reshape(np.shape(x))

        zero = np.zeros(1)
        at_zero = float(f(zero)[0])
        slope_at_zero = float(slope(zero)[0])
        if 0.0 in self.kinks:
            i = self.kinks.index(0.0)
            k = int(np.searchsorted(starts, self.kinks[i], side="right"))
            slope_at_zero = 0.5 * float(parts[k - 1].at(0.0, 1) + parts[k].at(0.0, 1))
            if self.jumps:
                at_zero = float(np.mean(f(np.array([-1e-300, 1e-300]))))
        return Numeric(tuple(self.kinks), self.jumps, False, f, slope, at_zero, slope_at_zero, self.parity())

    def parity(self) -> int:
        """Even (1) or odd (-1), where 3000 values say so exactly."""
        x = np.concatenate([np.linspace(0.001, LEAST, 2001), np.geomspace(1e-9, min(-self.left, self.right), 999)])
        right, left = self.f(x), self.f(-x)
        if self.left != -self.right:
            return 0
        return 1 if np.array_equal(left, right) else -1 if np.array_equal(left, -right) else 0


def _round(x: float, error: float) -> float:
    """The simple fraction within the error of a kink's position, if there is one."""
    near = Fraction(x).limit_denominator(1000)
    return float(near) + 0.0 if abs(float(near) - x) <= 4 * error + 1e-15 * abs(x) else x


def _merged(kinks: Sequence[float]) -> list[float]:
    out: list[float] = []
    for kink in sorted(kinks):
        if not out or kink - out[-1] > 1e-10 * max(1.0, abs(kink)):
            out.append(kink)
    return out


def _some(kinks: Sequence[float]) -> str:
    return "x = " + ", ".join(f"{kink:.6g}" for kink in list(kinks)[:3]) + (", ..." if len(kinks) > 3 else "")
