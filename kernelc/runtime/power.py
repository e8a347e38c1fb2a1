"""Duals of |x|^α and sgn(x)|x|^α, α no whole number: in a generated module, two polynomials and one power a pair."""

from typing import Any

import numpy as np


class PowerGap:
    """g', sin² of half the angle behind |x|^β or sgn(x)|x|^β, as a function of g, that of half the angle before it.

    1 - 2g' solves Gauss's equation in g, with the exponents 0 and β + ½ at g = 0. With β + ½ = k + ε, k >= 1,

        g' = g·(A(g) + g^(k-1)·(g^ε - 1)/ε·B(g)),    where (g^ε - 1)/ε is log g for ε = 0:

    A and B are analytic on |g| < 1, and stay finite as ε goes to 0. Both are given by their coefficients in powers of
    4g - 1, for 0 <= g <= ½. The relative error of g' is a few units in the last place, however small g.
    """

    def __init__(self, order: int, excess: float, regular: Any, singular: Any) -> None:
        self.order, self.excess, self.regular, self.singular = order, excess, regular, singular

    def __call__(self, gap: Any) -> Any:
        """g' of float64 arrays; exactly 0 where g is."""
        gap = np.asarray(gap)
        safe = np.maximum(gap, 1e-300)
        place, total = 4 * safe - 1, np.log(safe)
        if self.excess:
            total *= self.excess
            total = np.expm1(total) / self.excess
        if self.order > 1:
            total *= safe ** (self.order - 1)
        total *= self.polynomial(self.singular, place)
        total += self.polynomial(self.regular, place)
        return np.where(gap > 0, safe * total, 0.0)

    def polynomial(self, coefficients: Any, t: Any) -> Any:
        """The polynomial with these coefficients of 1, t, t² ..."""
        total = np.full_like(t, coefficients[-1])
        for c in coefficients[-2::-1]:
            total *= t
            total += c
        return total


class PowerDual:
    """The dual of φ = a·|x|^α + b·sgn(x)|x|^α: E[φφ] = moment·(s1 s2)^α·Σ_P weight_P·(1 - 2 g'_P).

    ``parts`` holds (parity, weight, PowerGap) of the even (1) and the odd part (-1) of φ, those that are not zero, and
    ``slopes`` the same of φ', homogeneous of degree α - 1; empty for α <= ½, where E[φ'²] is infinite.
    """

    def __init__(self, alpha: float, moment: float, parts: Any, slope_moment: float = np.nan, slopes: Any = ()) -> None:
        self.alpha, self.at_one, self.slope_at_one = alpha, moment, slope_moment
        self.parts, self.slopes = parts, slopes

    def moment(self, s: Any) -> Any:
        """E[φ(z)²] for z ~ N(0, s²)."""
        return self._power(self.at_one, self.alpha, s)

    def slope_moment(self, s: Any) -> Any:
        """E[φ'(z)²]; 0 at s = 0, where Θ is 0 as well."""
        return self._power(self.slope_at_one, self.alpha - 1, s)

    def angle(self, gap: Any, side: Any, s1: Any, s2: Any) -> tuple[Any, Any]:
        """Gap and side behind the activation, of pairs with ρ = side·(1 - 2·gap), gap <= ½; s1 and s2 do not matter."""
        kind, gap, side = gap.dtype, np.asarray(gap, dtype=np.float64), np.asarray(side)
        near, far = np.zeros_like(gap), np.zeros_like(gap)
        for parity, weight, function in self.parts:
            own = function(gap)
            opposite = (side < 0) & (parity < 0)
            near += weight * np.where(opposite, 1 - own, own)
            far += weight * np.where(opposite, own, 1 - own)
        return np.minimum(np.minimum(near, far), 0.5).astype(kind), np.where(far < near, -1, 1).astype(kind)

    def dot(self, gap: Any, side: Any, s1: Any, s2: Any) -> Any:
        """E[φ'(u) φ'(v)]."""
        kind, gap = gap.dtype, np.asarray(gap, dtype=np.float64)
        total = np.zeros_like(gap)
        for parity, weight, function in self.slopes:
            total += weight * (1 - 2 * function(gap)) * (side if parity < 0 else 1)
        return (np.sqrt(self.slope_moment(s1)) * np.sqrt(self.slope_moment(s2)) * total).astype(kind)

    def _power(self, front: float, power: float, s: Any) -> Any:
        """front·s^(2·power), and 0 at s = 0."""
        s = np.asarray(getattr(s, "hi", s), dtype=np.float64)
        return np.where(s > 0, front * np.where(s > 0, s, 1.0) ** (2 * power), 0.0)
