"""Eigenvalues of dot-product kernels on the sphere (Funk 1916; Hecke 1918), with proved enclosures.

For the uniform probability measure on S^{d−1} the spherical harmonics of degree k are eigenfunctions of k(x·y), with

    λ_k = ∫ k(ρ) P_k(ρ) dμ(ρ),  dμ = (1 − ρ²)^{(d−3)/2} dρ, a probability measure when divided by its mass,

P_k the Gegenbauer polynomial of index (d − 2)/2 with P_k(1) = 1, and with multiplicity N(d, k) (Müller 1966, Spherical
harmonics); so k(1) = Σ N(d, k) λ_k. All bounds use that k(ρ) = Σ b_m ρ^m with b_m ≥ 0 and a finite sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb

from flint import arb

from kernelc.certificates.balls import precision
from kernelc.certificates.spectrum.gauss import error, points, rule

RADII = (4.0, 3.75, 3.5, 3.25, 3.0, 2.75, 2.5, 2.0, 1.5)


def multiplicity(d: int, k: int) -> int:
    """N(d, k) = (2k + d − 2)/k · C(k + d − 3, k − 1), the dimension of the spherical harmonics of degree k."""
    return 1 if k == 0 else (2 * k + d - 2) * comb(k + d - 3, k - 1) // k


def moment(d: int, k: int, m: int) -> arb:
    """A_m: λ_k of ρ^{k + 2m}, (k+2m)! Γ(d/2) / (2^{k+2m} m! Γ(k+m+d/2)) (Rodrigues' formula; Gneiting 2013)."""
    n, half = k + 2 * m, arb(d) / 2
    top = arb.fac_ui(n) * half.gamma()
    found: arb = top / (arb(2) ** n * arb.fac_ui(m) * (half + k + m).gamma())
    return found


def from_series(b: Sequence[arb], top: arb, d: int, k: int) -> arb:
    """λ_k = Σ_m b_{k+2m} A_m, the terms left out within the radius.

    They are ≥ 0, and at most (k(1) − Σ b) times the largest A_m left out. A_{m+1} < A_m just where 2(m + 1)(d − 1) >
    k(k − 1), as their ratio shows.
    """
    total, now, m = arb(0), moment(d, k, 0), 0
    for n in range(k, len(b), 2):
        total += b[n] * now
        now = now * ((n + 1) * (n + 2)) / (2 * (m + 1) * (2 * (k + m) + d))
        m += 1
    left = (top - sum(b, arb(0))).max(arb(0))
    most = (left * moment(d, k, max(m, k * (k - 1) // (2 * (d - 1))))).upper()
    found: arb = total + most / 2 + arb(0, (most / 2).upper())
    return found


Kernel = Callable[[arb], arb]


def from_angles(kernel: Callable[[], tuple[Kernel, arb]], d: int, degrees: range, bits: int) -> list[arb]:
    """λ_k for some k, within about 2^−bits·k(1), by quadrature in θ = arccos ρ.

    ``kernel`` gives k and k(1) at the precision that it is called at.

    The panels halve towards θ = 0 and π. Because b_m ≥ 0, |k(ρ)| ≤ k(1) for complex |ρ| ≤ 1, which is where
    |sinh Im θ| ≤ sin Re θ, and an ellipse around each panel is there: the error of Gauss's rule is proved without a
    single complex value of the kernel. Next to the ends the kernel is monotonic in ρ, and so enclosed by its values.
    """
    caps = bits // d + 4
    with precision(bits + 4 * caps + 2 * degrees.stop + 64):
        value, top = kernel()
        sums = _cap(value, top, d, degrees, caps)
        quarter = arb.pi() / 4
        for j in range(caps):
            a = quarter / arb(2) ** j
            _panel(value, top, d, degrees, bits + caps.bit_length() + 2, a, 2 * a, sums)
        half = arb(d) / 2
        mass = arb.pi().sqrt() * (half - arb(1) / 2).gamma() / half.gamma()
        return [value / mass for value in sums]


def _cap(kernel: Kernel, top: arb, d: int, degrees: range, caps: int) -> list[arb]:
    """The integrals over θ < ε and θ > π − ε, ε = π/2^{caps + 1}.

    Both parities of k grow with |ρ|, so on the caps k is between k(±cos ε) and that ± (k(1) − k(cos ε)). P_k is between
    1 − (1 − ρ)·P_k'(1) and 1, P_k'(1) = k(k + d − 2)/(d − 1), up to the sign of ρ.
    """
    end = arb.pi() / arb(2) ** (caps + 1)
    cosine = end.cos()
    right, left = kernel(cosine), kernel(-cosine)
    change = (top - right).max(arb(0)).upper()
    mass = (end.sin().union(end)) ** (d - 2) * end / (d - 1) if d > 2 else end
    found = []
    for k in degrees:
        fall = (2 * (end / 2).sin() ** 2 * k * (k + d - 2) / (d - 1)).upper()
        polynomial = 1 - fall / 2 + arb(0, fall / 2)
        values = (right + change / 2 + arb(0, change / 2)) + (-1) ** k * (left + arb(0, change))
        found.append(values * polynomial * mass)
    return found


def _panel(kernel: Kernel, top: arb, d: int, degrees: range, bits: int, a: arb, b: arb, sums: list[arb]) -> None:
    """Add the integrals of k·P_k·sin^{d−2} over a < θ < b and over the mirror image of that."""
    middle, half = (a + b) / 2, (b - a) / 2
    r = next(arb(r) for r in RADII if inside(middle, half, arb(r)))
    wide, high = half * (r + 1 / r) / 2, half * (r - 1 / r) / 2
    weight = (arb(2).sqrt() * (middle + wide).min(arb(1))) ** (d - 2)
    most = (2 * half * top * weight * (high * (degrees.stop - 1)).exp()).upper()  # |P_k(cos θ)| ≤ e^{k |Im θ|}
    n = points(r, most, bits)
    wrong = arb(0, error(n, r, most).upper())
    for node, share in rule(n):
        sine, cosine = (middle + half * node).sin_cos()
        w = half * share * sine ** (d - 2) if d > 2 else half * share
        right, left = w * kernel(cosine), w * kernel(-cosine)
        sides = right + left, right - left
        for i, value in enumerate(gegenbauer(d, cosine, degrees)):
            sums[i] += value * sides[(degrees.start + i) % 2]
    for i in range(len(sums)):
        sums[i] += wrong


def inside(middle: arb, half: arb, r: arb, boxes: int = 64) -> bool:
    """Whether it is proved that an ellipse is where |sinh Im θ| < sin Re θ: its edge is, and the region is convex."""
    wide, high = half * (r + 1 / r) / 2, half * (r - 1 / r) / 2
    with precision(64):
        for i in range(boxes):
            sine, cosine = (arb(i).union(arb(i + 1)) / boxes).sin_cos_pi()
            if not (high * sine).sinh() < (middle + wide * cosine).sin():
                return False
    return True


def gegenbauer(d: int, rho: arb, degrees: range) -> list[arb]:
    """P_k(ρ), P_k(1) = 1, by the recurrence (k + d − 2) P_{k+1} = (2k + d − 2) ρ P_k − k P_{k−1}."""
    found = []
    before, now = arb(0), arb(1)
    for k in range(degrees.stop):
        if k >= degrees.start:
            found.append(now)
        before, now = now, rho if k == 0 else ((2 * k + d - 2) * rho * now - k * before) / (k + d - 2)
    return found
