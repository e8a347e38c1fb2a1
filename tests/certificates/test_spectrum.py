"""Eigenvalues and Taylor coefficients against published values, each other, and independent 50-digit quadrature."""

import math
from functools import cache

import fewer
import mpmath
import pytest
from flint import arb

import kernelc
from kernelc.certificates.balls import precision
from kernelc.certificates.spectrum import Spectrum, spectrum
from kernelc.certificates.spectrum.digits import Enclosed
from kernelc.certificates.spectrum.funk import from_angles, from_series, gegenbauer, inside, moment, multiplicity
from kernelc.certificates.spectrum.zonal import Zonal, zonal
from kernelc.errors import InputError, SpecError, UnsupportedError

DIGITS = 50


def network(*layers: str, W: str = "sqrt(2)", b: str = "0", **options: object) -> kernelc.Network:
    """A dense layer before each activation and one at the end, all alike."""
    dense = kernelc.Dense(W_std=W, b_std=b)
    chain = [layer for name in layers for layer in (dense, kernelc.Activation(name))]
    return kernelc.Network([*chain, dense], **options)


def holds(ball: arb, value: object) -> bool:
    """Whether a ball holds a number that is known to about 45 digits."""
    with precision(400):
        near = arb(mpmath.nstr(mpmath.re(value), 48))
        return bool(ball.overlaps(near + arb(0, 1e-43) * (1 + abs(near))))


# --- what others have published


def test_coefficients_and_eigenvalues_of_relu() -> None:
    one, two = spectrum(network("relu"), 3, 5), spectrum(network("relu", "relu"), 3, 4)
    assert [b.text(8) for b in one.taylor] == ["0.63661977", "2.0000000", "0.95492966", "0", "0.13262912", "0"]
    assert [b.text(8) for b in two.taylor] == ["1.3714173", "1.9162261", "1.2311137", "0.36798586", "0.22929255"]
    assert [v.text(8) for v in two.eigenvalues[:4]] == ["1.8605039", "0.74156638", "0.21473514", "0.037288154"]
    for found, exact in zip(one.eigenvalues, (1, arb(2) / 3, arb(5) / 32, 0), strict=False):
        assert found.ball.overlaps(arb(exact))
        assert found.exact_zero == (exact == 0)


def test_a_linear_network_has_one_eigenspace() -> None:
    found = spectrum(network("identity", "identity", W="1"), 5, 3, "nngp")
    assert [v.text() for v in found.eigenvalues] == ["0", "0.200000000000", "0", "0"]


def test_deep_relu_has_all_coefficients_positive() -> None:
    found = spectrum(network(*["relu"] * 5), 3, 200)
    assert all(b.positive and b.ball.rel_accuracy_bits() >= 64 for b in found.taylor)
    assert all(v.positive and v.ball.rel_accuracy_bits() >= 64 for v in found.eigenvalues)


# --- an oracle of its own: textbook recursions in mpmath


def relu_duals(q: object, c: object) -> tuple[object, object]:
    """Cho & Saul 2009."""
    angle = mpmath.acos(max(-1, min(1, c / q)))
    return q * (mpmath.sin(angle) + (mpmath.pi - angle) * c / q) / (2 * mpmath.pi), (mpmath.pi - angle) / (
        2 * mpmath.pi
    )


def erf_duals(q: object, c: object) -> tuple[object, object]:
    """Williams 1997."""
    value = 2 / mpmath.pi * mpmath.asin(2 * c / (1 + 2 * q))
    return value, 4 / mpmath.pi / mpmath.sqrt((1 + 2 * q) ** 2 - 4 * c**2)


def sin_duals(q: object, c: object) -> tuple[object, object]:
    return mpmath.exp(-q) * mpmath.sinh(c), mpmath.exp(-q) * mpmath.cosh(c)


def step_duals(q: object, c: object) -> tuple[object, object]:
    return mpmath.mpf(1) / 2 - mpmath.acos(max(-1, min(1, c / q))) / (2 * mpmath.pi), mpmath.nan


DUALS = {"relu": relu_duals, "erf": erf_duals, "sin": sin_duals, "step": step_duals}


def by_hand(layers: tuple[str, ...], get: str, W: str, b: str, rho: object) -> object:
    """The kernel at a correlation inside of (−1, 1)."""
    w2, b2 = mpmath.mpmathify(2 if W == "sqrt(2)" else W), mpmath.mpf(b) ** 2
    w2 = w2 if W == "sqrt(2)" else w2**2
    q, k, theta = mpmath.mpf(1), rho, mpmath.mpf(0)
    for name in (*layers, ""):
        q, theta, k = w2 * q + b2, w2 * theta + w2 * k + b2, w2 * k + b2
        if name:
            diagonal = DUALS[name](q, q)[0]
            k, slope = DUALS[name](q, k)
            q, theta = diagonal, theta * slope
    return k if get == "nngp" else theta


def funk_hecke(f: object, d: int, k: int) -> object:
    """λ_k by mpmath's tanh-sinh quadrature with Gegenbauer (for d = 2 Chebyshev) polynomials."""

    def polynomial(rho: object) -> object:
        if d == 2:
            return mpmath.cos(k * mpmath.acos(rho))
        index = mpmath.mpf(d - 2) / 2
        return mpmath.gegenbauer(k, index, rho) / mpmath.gegenbauer(k, index, 1)

    def integrand(t: object) -> object:
        return f(mpmath.cos(t)) * polynomial(mpmath.cos(t)) * mpmath.sin(t) ** (d - 2)

    cuts = [0, mpmath.pi / 8, mpmath.pi / 2, 7 * mpmath.pi / 8, mpmath.pi]
    mass = mpmath.sqrt(mpmath.pi) * mpmath.gamma(mpmath.mpf(d - 1) / 2) / mpmath.gamma(mpmath.mpf(d) / 2)
    return mpmath.quad(integrand, cuts) / mass


CASES = [
    (("relu",), "ntk", "sqrt(2)", "0", 2),
    (("relu",), "nngp", "1", "0.5", 3),
    (("relu", "relu"), "ntk", "sqrt(2)", "0", 4),
    (("relu", "erf"), "ntk", "1.5", "0.25", 3),
    (("erf",), "ntk", "1", "0", 10),
    (("sin", "relu"), "ntk", "1", "0", 2),
    (("step", "relu"), "nngp", "sqrt(2)", "0.5", 3),
    (("relu", "relu", "relu"), "nngp", "sqrt(2)", "0", 10),
]
SLOW = [
    (layers, get, W, b, d)
    for layers in (("relu",), ("relu", "relu", "relu"), ("erf", "sin"), ("erf", "relu"))
    for get in ("nngp", "ntk")
    for W, b in (("sqrt(2)", "0"), ("1.25", "0.5"))
    for d in (2, 3, 4, 10)
]


def check_eigenvalues(layers: tuple[str, ...], get: str, W: str, b: str, d: int, degrees: tuple[int, ...]) -> None:
    found = spectrum(network(*layers, W=W, b=b), d, max(degrees), get)
    with mpmath.workdps(DIGITS + 20):
        for k in degrees:
            exact = funk_hecke(lambda rho: by_hand(layers, get, W, b, rho), d, k)
            enclosed = found.eigenvalues[k]
            assert enclosed.how == "rigorous"
            assert holds(enclosed.ball, exact), (k, enclosed.ball, exact)
            if enclosed.exact_zero:
                assert abs(exact) < 1e-40
            else:
                assert enclosed.ball.rel_accuracy_bits() > 60


@pytest.mark.parametrize(("layers", "get", "W", "b", "d"), fewer.one_in(3, CASES))
def test_eigenvalues_against_quadrature(layers: tuple[str, ...], get: str, W: str, b: str, d: int) -> None:
    check_eigenvalues(layers, get, W, b, d, (0, 3))


@pytest.mark.sweep
@pytest.mark.parametrize(("layers", "get", "W", "b", "d"), SLOW)
def test_more_eigenvalues_against_quadrature(layers: tuple[str, ...], get: str, W: str, b: str, d: int) -> None:
    check_eigenvalues(layers, get, W, b, d, (0, 1, 2, 5, 8))


@pytest.mark.parametrize(("layers", "get", "W", "b", "d"), CASES)
def test_coefficients_against_taylor_series(layers: tuple[str, ...], get: str, W: str, b: str, d: int) -> None:
    found = spectrum(network(*layers, W=W, b=b), d, 7, get)
    with mpmath.workdps(DIGITS + 90):
        series = mpmath.taylor(lambda rho: by_hand(layers, get, W, b, rho), mpmath.mpf(0), 7)
    for enclosed, exact in zip(found.taylor, series, strict=True):
        assert holds(enclosed.ball, exact)
        assert enclosed.exact_zero or enclosed.ball.rel_accuracy_bits() >= 64


# --- every network: what its spectrum must obey


@cache
def bundled(name: str, d: int, get: str, kmax: int = 8) -> Spectrum:
    return spectrum(name, d, kmax, get)


NAMES = ["relu-1", "relu-3", "erf-3", "gelu-2", "jacot-4", "leaky-relu", "mixed", "random-fourier-features"]
NAMES += ["relu-standard", "relu-frozen-output", "residual-relu", "siren", "snake-2", "sphere-relu"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("get", ["nngp", "ntk"])
def test_the_trace_is_no_less_than_its_terms(name: str, get: str) -> None:
    found = bundled(name, 4, get)
    terms = [n * v.ball for n, v in zip(found.multiplicities, found.eigenvalues, strict=True)]
    assert not sum(terms, arb(0)) > found.total.ball
    assert all(v.exact_zero or v.positive for v in (*found.eigenvalues, *found.taylor))
    assert all(v.exact_zero or v.ball.rel_accuracy_bits() >= 50 for v in found.eigenvalues)
    assert 0 < found.share <= 1


@pytest.mark.parametrize("name", ["relu-3", "residual-relu", "mixed", "relu-standard"])
def test_k_of_one_is_what_the_compiled_kernel_says(name: str) -> None:
    import numpy as np

    x = np.array([[2.0, 0, 0, 0], [0.6 * 2, 0.8 * 2, 0, 0]])
    for get in ("nngp", "ntk"):
        found = bundled(name, 4, get, 40)
        gram = kernelc.compile(name)(x, get=get)
        assert float(found.total.ball) == pytest.approx(gram[0, 0], rel=1e-12)
        assert sum(b.mid * 0.6**k for k, b in enumerate(found.taylor)) == pytest.approx(gram[0, 1], rel=1e-8)


def test_the_trace_is_the_sum_of_all_eigenvalues() -> None:
    found = spectrum(network("erf"), 3, 60)
    with precision(256):
        terms = [n * v.ball for n, v in zip(found.multiplicities, found.eigenvalues, strict=True)]
        left = found.total.ball - sum(terms, arb(0))
    assert 0 < left < 1e-10


def test_polynomial_kernels_have_finite_spectra_and_exact_traces() -> None:
    found = spectrum(network("x**2", "x**2", W="1", b="0.5"), 3, 8)
    terms = [n * v.ball for n, v in zip(found.multiplicities, found.eigenvalues, strict=True)]
    assert sum(terms, arb(0)).overlaps(found.total.ball)
    assert [v.exact_zero for v in found.eigenvalues] == [False] * 5 + [True] * 4


# --- pieces


def test_multiplicities() -> None:
    assert [multiplicity(2, k) for k in range(4)] == [1, 2, 2, 2]
    assert [multiplicity(3, k) for k in range(4)] == [1, 3, 5, 7]
    for d in (2, 3, 4, 7, 100):  # the harmonics of degree ≤ k span the polynomials of degree ≤ k on the sphere
        for k in range(6):
            total = sum(multiplicity(d, j) for j in range(k + 1))
            assert total == math.comb(k + d - 1, d - 1) + math.comb(k + d - 2, d - 1) if k else total == 1


def test_moments_are_the_eigenvalues_of_monomials() -> None:
    with mpmath.workdps(DIGITS), precision(256):
        for d, k, m in [(2, 0, 0), (2, 3, 2), (3, 2, 1), (4, 1, 3), (10, 5, 0)]:
            assert holds(moment(d, k, m), funk_hecke(lambda rho, n=k + 2 * m: rho**n, d, k))
        for d in (2, 3, 10):
            total = sum((multiplicity(d, k) * moment(d, k, (6 - k) // 2) for k in (0, 2, 4, 6)), arb(0))
            assert total.overlaps(arb(1))


def test_the_tail_of_a_truncated_series_is_within_its_radius() -> None:
    """Σ ρ^m/m!², cut off early; high degrees have moments that grow at first."""
    with precision(256):
        b = [arb(1) / (arb.fac_ui(m) ** 2) for m in range(80)]
        top = sum(b, arb(0))
        for d in (2, 3, 30):
            for k in (0, 1, 5, 12):
                whole = sum((b[k + 2 * m] * moment(d, k, m) for m in range((80 - k) // 2)), arb(0))
                for cut in (1, 4, 8, 15, 40):
                    assert from_series(b[:cut], top, d, k).contains(whole.mid()), (d, k, cut)


def test_gegenbauer_polynomials() -> None:
    with mpmath.workdps(DIGITS), precision(256):
        rho = mpmath.mpf(3) / 8
        for d in (3, 4, 10):
            index = mpmath.mpf(d - 2) / 2
            for k, value in zip(range(2, 9), gegenbauer(d, arb(3) / 8, range(2, 9)), strict=True):
                assert holds(value, mpmath.gegenbauer(k, index, rho) / mpmath.gegenbauer(k, index, 1))


def test_ellipses_that_leave_the_region_are_refused() -> None:
    quarter = arb.pi() / 4
    assert inside(quarter * 3 / 2, quarter / 2, arb(3))
    assert not inside(quarter * 3 / 2, quarter / 2, arb(6))


def test_text_shows_proved_digits_alone() -> None:
    assert Enclosed(arb(0)).text() == "0"
    assert Enclosed(arb("0.123456", 1e-4)).text() == "0.123"
    assert Enclosed(arb(0, 1e-9)).text() == "<= 1.1e-09"
    assert Enclosed(arb("1e-12", 0.9e-12)).text() == "<= 2.0e-12"
    wide = Enclosed(arb(1) / 3)
    assert arb(wide.mid, wide.rad).contains(arb(1) / 3)


# --- refusals


@pytest.mark.parametrize("d", [1, 0, -2, 2.0, True, "3"])
def test_a_dimension_that_cannot_be(d: object) -> None:
    with pytest.raises(InputError, match=r"^dim: expected a whole number from 2"):
        spectrum("relu-1", d)


@pytest.mark.parametrize("kmax", [-1, 1001, 2.5])
def test_degrees_that_cannot_be(kmax: object) -> None:
    with pytest.raises(InputError, match=r"^kmax: expected a whole number from 0 to 1000"):
        spectrum("relu-1", 3, kmax)


def test_kernels_that_cannot_be() -> None:
    with pytest.raises(InputError, match=r"^get: expected 'nngp' or 'ntk'"):
        spectrum("relu-1", 3, get="both")
    with pytest.raises(UnsupportedError, match="no NTK"):
        spectrum(network("sign"), 3)
    with pytest.raises(SpecError, match="bundled specs near it"):
        spectrum("relu-33", 3)
    with pytest.raises(UnsupportedError, match="infinite"):
        spectrum(network("exp(x**2/8)", W="2"), 3)


@pytest.mark.parametrize(("layers", "d"), [(("relu",), 2), (("relu", "relu", "relu"), 3), (("erf", "relu"), 10)])
def test_coarse_enclosures_hold_fine_ones(layers: tuple[str, ...], d: int) -> None:
    """Few panels, nodes and bits give wide balls, but never wrong ones."""
    kernel = kernelc.derive(network(*layers))

    def make() -> tuple[Zonal, arb]:
        found = zonal(kernel, d, "ntk", 1)
        return found, found.top

    fine = from_angles(make, d, range(0, 7), 150)
    for bits in (2, 6, 12, 25, 50, 90):
        coarse = from_angles(make, d, range(0, 7), bits)
        for one, two in zip(coarse, fine, strict=True):
            assert one.contains(two.mid()), (bits, one, two)
            assert one.rad() < 2.0 ** (3 - bits) * 12
