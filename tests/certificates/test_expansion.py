"""Hermite coefficients of activations that have no elementary dual: enclosures against 40-digit quadrature."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from flint import acb, arb, arb_series
from sympy import Expr, exp, log, sqrt, tanh

import kernelc
from kernelc import activations
from kernelc.certificates.balls import precision
from kernelc.certificates.spectrum import spectrum
from kernelc.certificates.spectrum.analytic import UnboundedError, largest
from kernelc.certificates.spectrum.expansion import Coefficients, expansion
from kernelc.certificates.spectrum.gauss import error, rule
from kernelc.certificates.spectrum.growth import growth
from kernelc.certificates.spectrum.rules import approximate
from kernelc.errors import UnsupportedError
from kernelc.symbols import x

mp = mpmath.mp

TRUTH: dict[str, tuple[Callable[[object], object], tuple[int, ...]]] = {  # by hand, and where the formulas change
    "tanh": (mpmath.tanh, ()),
    "softplus": (lambda t: mpmath.log1p(mpmath.exp(t)), ()),
    "silu": (lambda t: t / (1 + mpmath.exp(-t)), ()),
    "hard_tanh": (lambda t: max(-1, min(1, t)), (-1, 1)),
    "elu": (lambda t: t if t > 0 else mpmath.expm1(t), (0,)),
    "relu6": (lambda t: min(max(t, 0), 6), (0, 6)),
    "softsign": (lambda t: t / (1 + abs(t)), (0,)),
}


def alpha(name: str, q: object, k: int) -> object:
    """E[φ(√q z) He_k(z)]/√k! by tanh-sinh quadrature."""
    phi, kinks = TRUTH[name]
    s = mpmath.sqrt(q)
    inner = sorted({*(kink / s for kink in kinks), mpmath.mpf(-3), mpmath.mpf(0), mpmath.mpf(3)})
    cuts = [mpmath.mpf(-24), mpmath.mpf(-10), *inner, mpmath.mpf(10), mpmath.mpf(24)]

    def integrand(z: object) -> object:
        before, now = mpmath.mpf(0), mpmath.mpf(1)
        for j in range(k):
            before, now = now, z * now - j * before
        return phi(s * z) * now * mpmath.exp(-z * z / 2)

    return mpmath.quad(integrand, sorted(set(cuts))) / mpmath.sqrt(2 * mpmath.pi * mpmath.factorial(k))


@pytest.mark.parametrize("name", TRUTH)
def test_coefficients_hold_those_of_quadrature(name: str) -> None:
    with mp.workdps(50), precision(160):
        found = expansion(activations.build(name), arb(2), 12, True)
        for k in (0, 1, 2, 7):
            exact = alpha(name, mpmath.mpf(2), k) ** 2
            near = arb(mpmath.nstr(exact, 40), 1e-33)
            assert found.nngp.values[k].overlaps(near), (k, found.nngp.values[k], exact)
            assert found.nngp.values[k].rad() < 1e-35
        assert found.ntk is not None
        assert (found.ntk.values[6] * 2).overlaps(7 * found.nngp.values[7])


@pytest.mark.sweep
@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("q", [0.01, 0.5, 30])
def test_coefficients_at_other_variances(name: str, q: float) -> None:
    with mp.workdps(50), precision(160):
        found = expansion(activations.build(name), arb(q), 40, False)
        for k in (0, 1, 3, 6, 17, 30):
            near = arb(mpmath.nstr(alpha(name, mpmath.mpf(q), k) ** 2, 40), 1e-30)
            assert found.nngp.values[k].overlaps(near), (k, found.nngp.values[k], near)


def test_an_elementary_dual_has_the_same_expansion() -> None:
    """ReLU: Σ α_k² = q/2, and F' of the arc-cosine kernel."""
    with precision(160):
        found = expansion(activations.build("relu"), arb(3), 30, True)
        assert found.nngp.total.overlaps(arb(3) / 2)
        assert found.ntk is not None
        assert found.ntk.total.overlaps(arb(1) / 2)
        half = arb(1) / 2
        exact = (half.sqrt() * 0 + (arb(3) / 4).sqrt() + (arb.pi() - half.acos()) * half) * 3 / (2 * arb.pi())
        assert found.nngp.value(half).overlaps(exact)
        assert found.nngp.value(half).rad() < 1e-8
        assert found.ntk.value(half).overlaps((arb.pi() - half.acos()) / (2 * arb.pi()))


def test_a_composition_holds_what_was_cut_off() -> None:
    """F(t) = 1/(2 − t), t(ρ) = (1 + ρ + ρ²)/3, after 12 terms of F."""
    with precision(128, 10):
        coarse = Coefficients(tuple(arb(1) / arb(2) ** (m + 1) for m in range(12)), arb(1))
        inner = arb_series([arb(1) / 3, arb(1) / 3, arb(1) / 3], 10)
        exact = 1 / (2 - inner)
        found = coarse(inner)
        for n in range(10):
            assert found[n].contains(exact[n].mid())
            assert found[n].rad() < 1e-2


def test_coarse_expansions_hold_fine_ones() -> None:
    for name in ("tanh", "hard_tanh", "softplus"):
        phi = activations.build(name)
        with precision(160):
            fine = expansion(phi, arb(2), 24, False)
        for bits in (8, 20, 45):
            with precision(bits):
                coarse = expansion(phi, arb(2), 24, False)
            assert all(a.contains(b.mid()) for a, b in zip(coarse.nngp.values, fine.nngp.values, strict=True))
            assert coarse.nngp.total.contains(fine.nngp.total.mid())
            assert coarse.nngp.values[1].rad() < 2.0 ** (2 - bits)


# --- the bounds


@pytest.mark.parametrize(
    "phi",
    [
        tanh(x), log(1 + exp(x)), x / (1 + exp(-x)), x**3 * exp(-x / 2), sqrt(1 + x**2), exp(x**2 / 9 - x),
        x / (1 + x**2) - 3, (log(1 + exp(x)) * tanh(x)).diff(x),
    ],
)  # fmt: skip
def test_growth_is_a_bound(phi: Expr) -> None:
    for side in (-1, 1):
        found = growth(phi, side)
        C, b, a = (float(v) for v in (found.C, found.b, found.a))
        for t in (0, 0.01, 0.7, 3, 11, 40):
            value = abs(complex(phi.subs(x, side * t).evalf(30)))
            assert value <= C * (1 + t) ** found.g * np.exp(b * t + a * t * t) * (1 + 1e-12)


def test_growth_refuses_what_it_does_not_know() -> None:
    for phi in (1 / (x - 1), exp(x**3), log(x**2)):
        with pytest.raises(UnsupportedError, match="is known for"):
            growth(phi, 1)


def test_bounds_on_rectangles() -> None:
    high = largest(tanh(x), arb(0), arb(1), arb(1))
    with precision(64):
        points = [acb(arb(i) / 10, arb(j) / 10).tanh() for i in range(11) for j in range(-10, 11)]
        assert all(abs(value) <= high for value in points)
    for phi in (tanh(x), 1 / (1 + x**2), log(1 + x), sqrt(1 + x**2)):
        with pytest.raises(UnboundedError):
            largest(phi, arb(-2), arb(2), arb(2))


def test_the_error_of_gauss_is_a_bound() -> None:
    """∫ 1/(x² + 4) over [−1, 1], whose poles ±2i are outside of the ellipse of parameter 4."""
    with precision(256):
        exact = (arb(1) / 2).atan()
        for n in (4, 8, 16):
            found = sum((w / (z * z + 4) for z, w in rule(n)), arb(0))
            assert abs(found - exact) < error(n, arb(4), arb(1) / (4 - (arb(15) / 8) ** 2))


# --- networks


def test_two_routes_to_one_network_agree() -> None:
    """hard_tanh as a formula of Φ₂ and, squeezed between two others, by expansions: λ_k to the digits of either."""
    dense = kernelc.Dense(W_std="sqrt(2)")
    net = kernelc.Network([dense, kernelc.Activation("hard_tanh"), dense])
    found = spectrum(net, 20, 5)
    assert [v.exact_zero for v in found.eigenvalues] == [True, False] * 3
    assert all(v.how == "rigorous" for v in found.taylor)
    low = spectrum(net, 3, 5)
    assert low.eigenvalues[1].how == "validated"
    from kernelc.certificates.spectrum.funk import from_series

    with precision(200):
        rough = from_series([b.ball for b in low.taylor], low.total.ball, 3, 1)
    assert rough.overlaps(low.eigenvalues[1].ball)


def test_tanh_is_rigorous() -> None:
    dense = kernelc.Dense()
    found = spectrum(kernelc.Network([dense, kernelc.Activation("tanh"), dense]), 4, 5)
    assert all(v.how == "rigorous" for v in found.eigenvalues)
    assert found.theory == float("inf")
    assert found.eigenvalues[3].ball.rel_accuracy_bits() > 30


def test_a_python_function_is_validated() -> None:
    def phi(z: np.ndarray) -> np.ndarray:
        return np.tanh(z)

    dense = kernelc.Dense()
    found = spectrum(kernelc.Network([dense, kernelc.Activation(phi), dense]), 4, 3)
    proved = spectrum(kernelc.Network([dense, kernelc.Activation("tanh"), dense]), 4, 3)
    for one, two in zip(found.eigenvalues, proved.eigenvalues, strict=True):
        assert one.ball.overlaps(two.ball)
    assert found.eigenvalues[1].how == "validated"


def test_rules_agree_with_proved_coefficients() -> None:
    for name in ("tanh", "elu", "hard_tanh"):
        phi = activations.build(name)
        with precision(128):
            proved, found = expansion(phi, arb(2), 20, True), approximate(phi, arb(2), 20, True)
        assert all(a.overlaps(b) for a, b in zip(proved.nngp.values, found.nngp.values, strict=True))
        assert proved.nngp.total.overlaps(found.nngp.total)
        assert proved.ntk is not None
        assert found.ntk is not None
        assert proved.ntk.total.overlaps(found.ntk.total)
