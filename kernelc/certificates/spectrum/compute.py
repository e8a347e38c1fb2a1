"""``kernelc spectrum``: Taylor coefficients and eigenvalues of a network's kernel on the sphere, each in a ball."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb, arb_series

from kernelc.certificates.balls import precision
from kernelc.certificates.spectrum import validated
from kernelc.certificates.spectrum.decay import exponent, slope
from kernelc.certificates.spectrum.digits import Enclosed, How
from kernelc.certificates.spectrum.funk import from_angles, from_series, multiplicity
from kernelc.certificates.spectrum.vanishing import Degrees, degrees
from kernelc.certificates.spectrum.zonal import Zonal, zonal
from kernelc.driver import NetworkLike, as_network, derive
from kernelc.errors import InputError, InternalError, UnsupportedError
from kernelc.messages import quote
from kernelc.steps import activations
from kernelc.symbolic import SymbolicKernel

MOST = 1000
EXTRA = 64  # coefficients beyond those asked for
EXTRA_HERMITE = 100  # ... where Hermite expansions are integrated
PRECISIONS = (192, 384, 768, 1536, 3072)
GOAL = 64  # bits of b_k and λ_k
ENOUGH = 30  # bits for which no further method is tried
ROUNDS = 3


@dataclass(frozen=True)
class Spectrum:
    """The spectrum of k(x·y/d) = Σ b_k ρ^k on the sphere |x|² = d under the uniform probability measure.

    ``taylor`` are b_0, ..., b_kmax and ``eigenvalues`` λ_0, ..., λ_kmax with the ``multiplicities`` N(d, k), so that
    k(1) = Σ N(d, k) λ_k = ``total``. ``slopes`` are the fitted exponents of the even and of the odd λ_k, ``theory``
    what they should tend to (``inf``: faster than any power; None: not known).
    """

    name: str
    get: str
    d: int
    taylor: tuple[Enclosed, ...]
    eigenvalues: tuple[Enclosed, ...]
    multiplicities: tuple[int, ...]
    total: Enclosed
    slopes: tuple[float | None, float | None]
    theory: float | None

    @property
    def kmax(self) -> int:
        """The highest degree."""
        return len(self.taylor) - 1

    @property
    def share(self) -> float:
        """Σ_{k ≤ kmax} N(d, k) λ_k over k(1), about."""
        found = sum((n * v.ball for n, v in zip(self.multiplicities, self.eigenvalues, strict=True)), arb(0))
        return float((found / self.total.ball).mid()) if self.total.positive else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        rows = zip(self.multiplicities, self.taylor, self.eigenvalues, strict=True)
        return {
            "name": self.name,
            "get": self.get,
            "dim": self.d,
            "kmax": self.kmax,
            "total": self.total.to_dict(),
            "share": None if math.isnan(self.share) else self.share,
            "rows": [
                {"k": k, "multiplicity": n, "coefficient": b.to_dict(), "eigenvalue": v.to_dict()}
                for k, (n, b, v) in enumerate(rows)
            ],
            "slope": {"even": self.slopes[0], "odd": self.slopes[1]},
            "theory": theory_text(self.theory),
        }


def theory_text(p: float | None) -> str | None:
    """What λ_k should tend to."""
    if p is None:
        return None
    return "faster than any power of k" if math.isinf(p) else f"k^-{p:.0f}"


def spectrum(net: NetworkLike, d: int, kmax: int = 10, get: str = "ntk") -> Spectrum:
    """The spectrum of a kernel, "ntk" or "nngp", on the sphere |x|² = d in d dimensions; parameters at their defaults.

    Every ball holds the exact value by proof ("rigorous"), but where an activation has no elementary formula and its
    proof would give few digits: there two numerical rules agree ("validated"). Raises SpecError, InputError for a
    dimension, degree or kernel that cannot be, UnsupportedError where there is no such kernel.
    """
    _check(d, kmax, get)
    network = as_network(net)
    kernel = derive(network)
    terms = kmax + 1 + (EXTRA if _elementary(kernel) else EXTRA_HERMITE)
    if get == "ntk" and kernel.ntk_reason:
        raise UnsupportedError(kernel.ntk_reason)
    possible = degrees(kernel, d, get, terms)
    series, found = _coefficients(kernel, d, get, kmax, possible)
    values = _eigenvalues(kernel, d, get, kmax, possible, series, found)
    sizes = [(k, float(v.ball.mid())) for k, v in enumerate(values) if k and v.positive]
    how: How = "rigorous" if found.proved else "validated"
    return Spectrum(
        name=network.name,
        get=get,
        d=d,
        taylor=tuple(Enclosed(b, "rigorous" if b == 0 else how) for b in series[: kmax + 1]),
        eigenvalues=tuple(values),
        multiplicities=tuple(multiplicity(d, k) for k in range(kmax + 1)),
        total=Enclosed(found.top, how),
        slopes=(slope([s for s in sizes if s[0] % 2 == 0]), slope([s for s in sizes if s[0] % 2])),
        theory=exponent(kernel, d, get),
    )


def _check(d: int, kmax: int, get: str) -> None:
    if isinstance(d, bool) or not isinstance(d, int) or not 2 <= d <= 10**6:
        raise InputError(
            f"dim: expected a whole number from 2 to 1000000, the dimension of the inputs, found {quote(d)}"
        )
    if isinstance(kmax, bool) or not isinstance(kmax, int) or not 0 <= kmax <= MOST:
        raise InputError(f"kmax: expected a whole number from 0 to {MOST}, the highest degree, found {quote(kmax)}")
    if get not in ("nngp", "ntk"):
        raise InputError(f"get: expected 'nngp' or 'ntk', found {quote(get)}")


def _elementary(kernel: SymbolicKernel) -> bool:
    return all(step.dual.tier == "exact" for step in activations(kernel.steps))


def _coefficients(kernel: SymbolicKernel, d: int, get: str, kmax: int, possible: Degrees) -> tuple[list[arb], Zonal]:
    """The balls of b_0, ..., b_{terms − 1} and the kernel, at the first precision that is enough."""
    series: list[arb] = []
    for bits in PRECISIONS if _elementary(kernel) else PRECISIONS[:1]:
        with precision(bits, possible.limit):
            found = zonal(kernel, d, get, possible.limit)
            raw = found(arb_series([0, 1]))
            series = [_coefficient(raw, k, found.top, possible) for k in range(possible.limit)]
            if all(_sharp(series[k], GOAL) for k in range(kmax + 1)):
                break
    return series, found


def _coefficient(raw: arb | arb_series, k: int, top: arb, possible: Degrees) -> arb:
    """b_k, which is between 0 and k(1)."""
    if not possible.coefficient(k):
        return arb(0)
    value = raw[k] if isinstance(raw, arb_series) else (raw if k == 0 else arb(0))
    return _between(value, top)


def _between(value: arb, top: arb) -> arb:
    """A number between 0 and ``top``, whatever its ball says."""
    widest = arb(0).union(top)
    return value.intersection(widest) if value.is_finite() and value.overlaps(widest) else widest


def _sharp(value: arb, bits: int) -> bool:
    return bool(value == 0) or value.rel_accuracy_bits() >= bits


def _eigenvalues(
    kernel: SymbolicKernel, d: int, get: str, kmax: int, possible: Degrees, series: Sequence[arb], found: Zonal
) -> list[Enclosed]:
    wanted = [k for k in range(kmax + 1) if possible.eigenvalue(k)]
    with precision(PRECISIONS[1]):
        values = {k: _between(from_series(series, found.top, d, k), found.top / multiplicity(d, k)) for k in wanted}
    if found.closed:
        values = _sharpened(kernel, d, get, values, found.top)
    how: dict[int, How] = dict.fromkeys(wanted, "rigorous" if found.proved else "validated")
    if any(not _sharp(v, ENOUGH) for v in values.values()) and not found.closed:
        for k, (middle, radius) in enumerate(validated.eigenvalues(kernel, d, get, kmax)):
            if k in values and not _sharp(values[k], ENOUGH) and radius < float(values[k].rad()) / 10:
                values[k], how[k] = _agreed(values[k], arb(middle, radius), k), "validated"
    return [Enclosed(values[k], how[k]) if k in values else Enclosed(arb(0)) for k in range(kmax + 1)]


def _sharpened(kernel: SymbolicKernel, d: int, get: str, values: dict[int, arb], top: arb) -> dict[int, arb]:
    """The eigenvalues that the series leaves wide, by quadrature as well."""
    values = dict(values)
    bits = 0
    for _ in range(ROUNDS):
        wide = [k for k, value in values.items() if not _sharp(value, GOAL)]
        if not wide:
            break
        least = [float((top / values[k].lower()).log() / arb(2).log()) if values[k] > 0 else 2 * GOAL for k in wide]
        bits = max(2 * bits, GOAL + 8 + max(0, math.ceil(max(least))))
        inside = range(min(wide), max(wide) + 1)
        for k, value in zip(inside, from_angles(lambda: _callable(kernel, d, get), d, inside, bits), strict=True):
            if k in values:
                with precision(2 * bits + 128):
                    values[k] = _agreed(values[k], value, k)
    return values


def _callable(kernel: SymbolicKernel, d: int, get: str) -> tuple[Zonal, arb]:
    found = zonal(kernel, d, get, 1)
    return found, found.top


def _agreed(one: arb, two: arb, k: int) -> arb:
    """What two methods have in common."""
    if not two.is_finite():
        return one
    if not one.overlaps(two):
        raise InternalError(f"two enclosures of the eigenvalue of degree {k} exclude each other: {one} and {two}")
    found: arb = one.intersection(two)
    return found
