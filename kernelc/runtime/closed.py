"""Duals by their closed forms: Φ, Φ₂ and the like, in a generated module."""

from collections.abc import Callable
from typing import Any

import numpy as np

NEARLY_PARALLEL = 1e-5  # below this, 1 - ρ' has lost too many digits to rounding; it is integrated instead


class ClosedDual:
    """The dual of one activation from formulas in s1, s2, ρ and κ = √(1 - ρ²).

    Standard deviations outside ``sound``, where the terms of the formulas cancel, and nearly parallel rows go to
    ``polar``, quadrature pair by pair; None where quadrature is no better.
    """

    def __init__(
        self,
        nngp: Callable[..., Any],
        nngp_diag: Callable[..., Any],
        ntk: Callable[..., Any] | None,
        ntk_diag: Callable[..., Any] | None,
        polar: Any,
        at_zero: float,
        sound: tuple[float, float],
    ) -> None:
        self.nngp, self.nngp_diag, self.ntk, self.ntk_diag = nngp, nngp_diag, ntk, ntk_diag
        self.polar, self.at_zero, self.sound = polar, at_zero, sound

    def moment(self, s: Any) -> Any:
        """E[φ(z)²] for z ~ N(0, s²)."""
        s = np.asarray(getattr(s, "hi", s), dtype=np.float64)
        value = self._diagonal(self.nngp_diag, "moment", s)
        return np.where(s > 0, value, self.at_zero**2)

    def slope_moment(self, s: Any) -> Any:
        """E[φ'(z)²]."""
        s = np.asarray(getattr(s, "hi", s), dtype=np.float64)
        return self._diagonal(self.ntk_diag, "slope_moment", s) if self.ntk_diag else np.full(s.shape, np.nan)

    def angle(self, gap: Any, side: Any, s1: Any, s2: Any) -> tuple[Any, Any]:
        """Gap and side behind the activation, of pairs with ρ = side·(1 - 2·gap), gap <= ½."""
        size = np.sqrt(self.moment(s1)) * np.sqrt(self.moment(s2))
        cosine = self._value(self.nngp, gap, side, s1, s2) / np.where(size > 0, size, 1.0)
        near, far = np.maximum(0.5 * (1 - cosine), 0), np.maximum(0.5 * (1 + cosine), 0)
        rough = ~(np.minimum(near, far) > NEARLY_PARALLEL) | self._unsound(s1) | self._unsound(s2)
        if self.polar and rough.any():
            near[rough], far[rough] = self.polar.angle(*_where(rough, gap, side, s1, s2))
        same = (gap == 0) & (side > 0) & (s1 == s2)
        near, far = np.where(same, 0.0, near), np.where(same, 1.0, far)
        return np.minimum(near, far).astype(gap.dtype), np.where(far < near, -1, 1).astype(gap.dtype)

    def dot(self, gap: Any, side: Any, s1: Any, s2: Any) -> Any:
        """E[φ'(u) φ'(v)]."""
        value = self._value(self.ntk, gap, side, s1, s2)
        alike = (gap <= 1e-12) & (np.abs(s1 - s2) <= 1e-3 * s1)
        rough = ~np.isfinite(value) | alike | self._unsound(s1) | self._unsound(s2)
        if self.polar and rough.any():
            at = _where(rough, gap, side, s1, s2)
            value[rough] = np.sqrt(self.slope_moment(at[2])) * np.sqrt(self.slope_moment(at[3])) * self.polar.dot(*at)
        return np.where((gap == 0) & (side > 0) & (s1 == s2), self.slope_moment(s1), value).astype(gap.dtype)

    def _diagonal(self, formula: Any, name: str, s: Any) -> Any:
        size = np.where(s > 0, s, 1e-150)
        with np.errstate(all="ignore"):
            value = np.array(np.broadcast_to(formula(size), s.shape))
        rough = (self._unsound(s) & (s > 0)) | ~np.isfinite(value)
        if self.polar and rough.any():
            value[rough] = getattr(self.polar, name)(size[rough])
        return value

    def _unsound(self, s: Any) -> Any:
        return (s < self.sound[0]) | (s > self.sound[1])

    def _value(self, formula: Any, gap: Any, side: Any, s1: Any, s2: Any) -> Any:
        gap, s1, s2 = (np.asarray(v, dtype=np.float64) for v in (gap, s1, s2))
        s1, s2 = np.where(s1 > 0, s1, 1e-150), np.where(s2 > 0, s2, 1e-150)
        with np.errstate(all="ignore"):
            value = formula(s1, s2, side * (1 - 2 * gap), np.maximum(2 * np.sqrt(gap * (1 - gap)), 1e-150))
        return np.array(np.broadcast_to(value, gap.shape))


def _where(chosen: Any, *pairs: Any) -> Any:
    """Some entries of tiles, as flat arrays."""
    return tuple(np.broadcast_to(v, chosen.shape)[chosen].astype(np.float64) for v in pairs)


class PolarDual:
    """The dual of one activation by quadrature, pair by pair: slow, and right for any φ."""

    def __init__(self, polar: Any) -> None:
        self.polar = polar

    def moment(self, s: Any) -> Any:
        """E[φ(z)²] for z ~ N(0, s²)."""
        return self.polar.moment(np.asarray(getattr(s, "hi", s), dtype=np.float64))

    def slope_moment(self, s: Any) -> Any:
        """E[φ'(z)²]."""
        return self.polar.slope_moment(np.asarray(getattr(s, "hi", s), dtype=np.float64))

    def angle(self, gap: Any, side: Any, s1: Any, s2: Any) -> tuple[Any, Any]:
        """Gap and side behind the activation, of pairs with ρ = side·(1 - 2·gap), gap <= ½."""
        near, far = self._flat(self.polar.angle, gap, side, s1, s2)
        return np.minimum(near, far).astype(gap.dtype), np.where(far < near, -1, 1).astype(gap.dtype)

    def dot(self, gap: Any, side: Any, s1: Any, s2: Any) -> Any:
        """E[φ'(u) φ'(v)]."""
        size = np.sqrt(self.slope_moment(s1)) * np.sqrt(self.slope_moment(s2))
        return (size * self._flat(self.polar.dot, gap, side, s1, s2)).astype(gap.dtype)

    def _flat(self, function: Any, *pairs: Any) -> Any:
        """A function of flat arrays at a tile of pairs."""
        shape = np.broadcast_shapes(*(np.shape(v) for v in pairs))
        values = function(*(np.broadcast_to(v, shape).astype(np.float64).ravel() for v in pairs))
        return tuple(v.reshape(shape) for v in values) if isinstance(values, tuple) else values.reshape(shape)
