"""Duals from tables: what a generated module does with the Chebyshev series of an activation without a closed form."""

import base64
from typing import Any

import numpy as np


class QRangeError(ValueError):
    """Rows whose second moment leaves the range that a table was built for; ``ends`` say how far."""

    def __init__(self, message: str, low: float, high: float) -> None:
        super().__init__(message)
        self.ends = low, high


class DualTable:
    """The dual of one activation, by its odd and its even part, between which there is no correlation.

    With σ = log s, x in [-1, 1] its place in the range, and the angle as θ = δ sinh(aτ): every function of a pair is
    Σ_k T_k(2τ - 1) w(x1)·core_k·w(x2), w(x) the row features T(x)·basis. Symmetric in its two points.
    """

    def __init__(self, name: str, q_range: tuple[float, float], delta: float, at_zero: Any, data: Any) -> None:
        self.name, self.q_range, self.delta, self.at_zero = name, q_range, delta, at_zero
        self.low, self.high = 0.5 * np.log(q_range[0]), 0.5 * np.log(q_range[1])
        self.rate = np.arcsinh(0.5 * np.pi / delta)
        self.data = {key: _array(value) for key, value in data.items()}
        self.parts = [part for part in ("odd", "even") if part + "_basis" in self.data]
        self.series = {}
        for key, core in self.data.items():
            part, _, kind = key.partition("_")
            if kind in ("near", "dot", "across"):
                basis = self.data[part + ("_across_basis" if kind == "across" else "_basis")]
                self.series[key] = _factors(core.reshape(-1, *core.shape[-2:]), basis)

    def place(self, s: Any) -> Any:
        """x of rows with standard deviation ``s``; rows at the origin count as the lowest of the range."""
        s = np.asarray(getattr(s, "hi", s), dtype=np.float64)
        low, high = self.q_range
        outside = (s > 0) & ((s * s < low * (1 - 1e-9)) | (s * s > high * (1 + 1e-9)))
        if outside.any():
            q = s * s
            low, high = float(np.min(q[q > 0])), float(np.max(q))
            raise QRangeError(
                f"row {int(np.argmax(outside))}: E[z^2] = {float(q[np.argmax(outside)]):.4g} at {self.name} is outside "
                f"q_range = {self.q_range}, for which this module was built; build it for a range that holds "
                f"{low:.4g} to {high:.4g}",
                low,
                high,
            )
        sigma = np.log(np.where(s > 0, s, np.sqrt(self.q_range[0])))
        return np.clip((2 * sigma - self.low - self.high) / (self.high - self.low), -1.0, 1.0)

    def row(self, key: str, s: Any) -> Any:
        """A function of one point."""
        return _chebyshev(self.data[key], self.place(s))

    def moment(self, s: Any) -> Any:
        """E[φ(z)²] for z ~ N(0, s²)."""
        return np.where(np.asarray(s == 0), self.at_zero[0] ** 2, np.exp(self.row("moment", s)))

    def slope_moment(self, s: Any) -> Any:
        """E[φ'(z)²]."""
        return np.where(np.asarray(s == 0), self.at_zero[1] ** 2, np.exp(self.row("flux", s)))

    def angle(self, gap: Any, side: Any, s1: Any, s2: Any) -> tuple[Any, Any]:
        """Gap and side behind the activation, of pairs with ρ = side·(1 - 2·gap), gap <= ½.

        Each part gives ½(share - correlation) and ½(share + correlation), whose sums over the parts are sin² and cos²
        of half the new angle; opposite points (side = -1) exchange the two of the odd part.
        """
        kind = gap.dtype
        gap, s1, s2 = (np.asarray(v, dtype=np.float64) for v in (gap, s1, s2))
        rates, apart = self.rates(s1) * self.rates(s2), np.log(s1 + (s1 == 0)) - np.log(s2 + (s2 == 0))
        odd = 0.5 * (self.row("share", s1) + self.row("share", s2))
        near, far = np.zeros_like(gap), np.zeros_like(gap)
        for part, share in (("odd", odd), ("even", 1 - odd)):
            own = np.zeros_like(gap)
            if part in self.parts:
                across = apart * apart * self.pair(part + "_across", None, s1, s2)
                own = gap * (rates * self.pair(part + "_near", gap, s1, s2)) + across
            flipped = (side < 0) & (part == "odd")
            near += np.where(flipped, share - own, own)
            far += np.where(flipped, own, share - own)
        origin = (s1 == 0) | (s2 == 0)
        if origin.any():  # φ(0) against φ(z): E[φ] is all that they share
            cosine = self.mean(s1) * self.mean(s2)
            near, far = np.where(origin, 0.5 * (1 - cosine), near), np.where(origin, 0.5 * (1 + cosine), far)
        new = np.clip(np.minimum(near, far), 0.0, 1.0)
        return new.astype(kind), np.where(far < near, -1, 1).astype(kind)

    def mean(self, s: Any) -> Any:
        """E[φ]/√E[φ²]."""
        return np.where(s > 0, self.row("mean", s), np.sign(self.at_zero[0]))

    def slope_mean(self, s: Any) -> Any:
        """E[φ']/√E[φ'²]."""
        return np.where(s > 0, self.row("slope_mean", s), np.sign(self.at_zero[1]))

    def rates(self, s: Any) -> Any:
        """s·√(E[φ'²]/E[φ²])."""
        return s * np.exp(0.5 * (self.row("flux", s) - self.row("moment", s)))

    def dot(self, gap: Any, side: Any, s1: Any, s2: Any) -> Any:
        """E[φ'(u) φ'(v)]: the derivative of the odd part is even, that of the even part odd in ρ."""
        total = sum((1.0 if part == "odd" else side) * self.pair(part + "_dot", gap, s1, s2) for part in self.parts)
        origin = (s1 == 0) | (s2 == 0)
        if origin.any():
            total = np.where(origin, self.slope_mean(s1) * self.slope_mean(s2), total)
        return (np.sqrt(self.slope_moment(s1)) * np.sqrt(self.slope_moment(s2)) * total).astype(gap.dtype)

    def pair(self, key: str, gap: Any, s1: Any, s2: Any) -> Any:
        """Σ_k T_k(2τ - 1) c_k(s1, s2) by Clenshaw's recurrence; c_k is one number where all rows have one variance."""
        columns, signs, ends = self.series[key]
        x1, x2 = (self.place(s).ravel() for s in (s1, s2))
        if x1.size and x2.size and np.ptp(x1) == 0 and np.ptp(x2) == 0:
            x1, x2 = x1[:1], x2[:1]
        flat = np.ndim(s1) < 2 and np.ndim(s2) < 2  # pair by pair, not rows against columns
        left = np.cos(np.outer(np.arccos(x1), np.arange(len(columns)))) @ columns
        right = (np.cos(np.outer(np.arccos(x2), np.arange(len(columns)))) @ columns) * signs

        def coefficient(k: int) -> Any:
            one, two = left[:, ends[k] : ends[k + 1]], right[:, ends[k] : ends[k + 1]]
            return (one * two).sum(axis=1) if flat else one @ two.T

        if len(ends) == 2:
            return coefficient(0)
        tau = np.arcsinh((2 / self.delta) * np.arcsin(np.sqrt(np.asarray(gap, dtype=np.float64)))) / self.rate
        twice = 4 * tau - 2
        last, total = np.zeros_like(twice), np.zeros_like(twice)
        work = np.empty_like(twice)
        for k in range(len(ends) - 2, 0, -1):
            np.multiply(twice, total, out=work)
            work -= last
            work += coefficient(k)
            last, total, work = total, work, last
        return coefficient(0) + 0.5 * twice * total - last


def _array(text: Any) -> Any:
    """An array from (shape, base64 text)."""
    if isinstance(text, np.ndarray):
        return text
    shape, encoded = text
    return np.frombuffer(base64.b85decode(encoded.replace("\n", "")), dtype="<f8").reshape(shape)


def _chebyshev(series: Any, x: Any) -> Any:
    """Σ_k c_k T_k(x) by Clenshaw's recurrence."""
    last, total = np.zeros_like(x), np.zeros_like(x)
    for c in series[:0:-1]:
        last, total = total, 2 * x * total - last + c
    return series[0] + x * total - last


def _factors(cores: Any, basis: Any) -> tuple[Any, Any, Any]:
    """Symmetric cores as columns·signs·columnsᵀ, end to end, without what rounding alone put there."""
    columns, signs, ends = [], [], [0]
    for core in cores:
        values, vectors = np.linalg.eigh(0.5 * (core + core.T))
        kept = np.abs(values) > 1e-16
        columns.append(vectors[:, kept] * np.sqrt(np.abs(values[kept])))
        signs.append(np.sign(values[kept]))
        ends.append(ends[-1] + int(kept.sum()))
    return basis @ np.hstack(columns), np.concatenate(signs), ends
