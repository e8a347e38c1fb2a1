"""The quadrature that judges duals, held to closed forms that are older than kernelc and to mpmath."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kernelc
from kernelc.checking.quadrature import mean, rarity, switches
from kernelc.montecarlo.pointwise import Pointwise

VARIANCES = st.floats(1e-6, 1e6)
CORRELATIONS = st.floats(-1, 1)


def pointwise(formula):
    return Pointwise(formula, kernelc.Activation(formula).phi)


def near(found, truth):
    """Whether a mean is right, to the promised digits and its own doubt."""
    return abs(found.value - truth) <= 1e-13 + 10 * found.doubt


@settings(max_examples=10)
@given(VARIANCES, VARIANCES, CORRELATIONS)
def test_relu_is_the_arc_cosine_kernel(q1, q2, rho):
    theta = math.acos(rho)
    value = (math.sin(theta) + (math.pi - theta) * rho) / math.pi  # relative to √(q1 q2)/2 (Cho & Saul 2009)
    assert mean(pointwise("relu(x)"), False, q1, q2, rho).value == pytest.approx(value, abs=1e-12)


@settings(max_examples=10)
@given(VARIANCES, VARIANCES, st.floats(-0.999, 0.999))
@example(1.0, 1.0, 0.9989999999999999)  # 2.6e-10 off, and in doubt of 1.1e-6
def test_step_is_the_probability_of_a_quadrant(q1, q2, rho):
    """To twelve digits; between nearly parallel points, where the inner mean is nearly a jump, to what is in doubt."""
    value = (math.pi - math.acos(rho)) / math.pi  # relative to 1/2
    found = mean(pointwise("relu(x)"), True, q1, q2, rho)
    assert abs(found.value - value) <= 1e-12 + (found.doubt if abs(rho) > 0.997 else 0)


@settings(max_examples=10)
@given(st.floats(1e-6, 100), st.floats(1e-6, 100), CORRELATIONS)
def test_erf_is_the_kernel_of_williams(q1, q2, rho):
    size = math.sqrt(math.asin(2 * q1 / (1 + 2 * q1)) * math.asin(2 * q2 / (1 + 2 * q2)))
    value = math.asin(2 * rho * math.sqrt(q1 * q2 / ((1 + 2 * q1) * (1 + 2 * q2)))) / size
    found = mean(pointwise("erf(x)"), False, q1, q2, rho)
    assert abs(found.value - value) <= 1e-12 + 10 * found.doubt


@pytest.mark.parametrize("rho", [-1.0, -0.7, 0.0, 0.3, 0.99, 1.0])
def test_powers_are_moments_of_the_gaussian(rho):
    second = mean(pointwise("x**2"), False, 0.5, 3.0, rho)
    third = mean(pointwise("x**3"), False, 0.5, 3.0, rho)
    assert near(second, (1 + 2 * rho**2) / 3)
    assert near(third, (9 * rho + 6 * rho**3) / 15)
    assert near(mean(pointwise("x**3"), True, 0.5, 3.0, rho), (1 + 2 * rho**2) / 3)


@pytest.mark.parametrize("q", [1e-6, 1.0, 100.0, 1e6, 1e12])
@pytest.mark.parametrize("rho", [-0.7, 0.6, 0.99])
def test_a_slope_far_narrower_than_its_input_is_seen(q, rho):
    # E[φ'φ'] of erf is 4/π det(1 + 2 Q)^{-1/2}; with q = 1e12 its slope is 1e-6 wide
    value = (1 + 2 * q) / math.sqrt((1 + 2 * q) ** 2 - (2 * q * rho) ** 2) * math.sqrt((1 + 4 * q) / (1 + 2 * q) ** 2)
    found = mean(pointwise("erf(x)"), True, q, q, rho)
    assert abs(found.value - value) <= 1e-12 + 10 * found.doubt


@pytest.mark.parametrize(("formula", "slope"), [("softplus(x)", False), ("tanh(x)", True), ("max(0, x - 1)", False)])
def test_mpmath_agrees(formula, slope):
    q1, q2, rho = 0.8, 2.0, -0.4
    plain = {
        "softplus(x)": lambda z: mpmath.log1p(mpmath.exp(z)),
        "tanh(x)": lambda z: mpmath.sech(z) ** 2,
        "max(0, x - 1)": lambda z: max(z - 1, mpmath.mpf(0)),
    }[formula]
    s1, s2, kappa, reach = math.sqrt(q1), math.sqrt(q2), math.sqrt(1 - rho * rho), 8
    cut = 1 if "max" in formula else 0

    def normal(f, kink):
        ends = sorted({-reach, min(max(kink, -reach), reach), reach, -4, -1, 1, 4})
        return mpmath.quad(lambda u: f(u) * mpmath.npdf(u), ends, method="gauss-legendre", maxdegree=3)

    def inner(u):
        kink = (cut / s2 - rho * float(u)) / kappa
        return plain(s1 * u) * normal(lambda v: plain(s2 * (rho * u + kappa * v)), kink)

    with mpmath.workdps(15):
        size = mpmath.sqrt(math.prod(normal(lambda u, s=s: plain(s * u) ** 2, cut / s) for s in (s1, s2)))
        truth = normal(inner, cut / s1) / size
    assert mean(pointwise(formula), slope, q1, q2, rho).value == pytest.approx(float(truth), abs=1e-10)


def test_the_means_of_a_point_with_itself_are_one():
    for formula in ("tanh(x)", "relu6", "gelu", "x*exp(-x**2)"):
        assert mean(pointwise(formula), False, 2.0, 2.0, 1.0).value == pytest.approx(1, abs=1e-12)


def test_what_vanishes_is_absolute():
    assert mean(pointwise("0*x + 2"), True, 1.0, 2.0, 0.5).value == 0


@pytest.mark.parametrize("q", [1e-200, 1e200])
def test_sizes_neither_under_nor_overflow(q):
    assert mean(pointwise("relu(x)"), False, q, q, 0.0).value == pytest.approx(1 / math.pi, abs=1e-12)


def test_a_pole_at_a_switch_is_no_node():
    assert abs(mean(pointwise("log(abs(x))"), False, 1.0, 2.0, 0.3).value) < 1


# --- switches


@pytest.mark.parametrize(
    ("formula", "places"),
    [
        ("relu(x)", (0,)),
        ("abs(x)", (0,)),
        ("relu6", (0, 6)),
        ("hard_tanh", (-1, 1)),
        ("heaviside(x - 1)", (1,)),
        ("where(x > 2, x, -x)", (2,)),
        ("abs(2*x + 3)", (-1.5,)),
        ("abs(x**2 - 2)", (-math.sqrt(2), math.sqrt(2))),
        ("max(x**3, x)", (-1, 0, 1)),
        ("max(exp(x), 2)", (math.log(2),)),
        ("tanh(x)", ()),
        ("gelu", ()),
    ],
)
def test_switches(formula, places):
    assert switches(kernelc.Activation(formula).phi) == pytest.approx(places, abs=1e-12)


# --- how rare the units are that count


@pytest.mark.parametrize("q", [1e-200, 1e-6, 1.0, 1e6, 1e200])
def test_of_relu_units_one_in_six_makes_the_mean_square(q):
    assert rarity(pointwise("relu(x)"), False, q) == pytest.approx(6, rel=1e-10)
    assert rarity(pointwise("relu(x)"), True, q) == pytest.approx(2, rel=1e-10)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_rarity_of_a_power(k):
    even = [math.prod(range(1, 2 * j, 2)) for j in (k, 2 * k)]
    assert rarity(pointwise(f"x**{k}"), False, 2.0) == pytest.approx(even[1] / even[0] ** 2, rel=1e-10)


@pytest.mark.parametrize("q", [0.1, 1.0, 4.0])
def test_rarity_of_an_exponential(q):
    assert rarity(pointwise("exp(x)"), False, q) == pytest.approx(math.exp(4 * q), rel=1e-6)


def test_rarity_of_a_threshold_is_one_over_its_probability():
    above = 0.5 * math.erfc(2 / math.sqrt(2))
    assert rarity(pointwise("heaviside(x - 2)"), False, 1.0) == pytest.approx(1 / above, rel=1e-10)


def test_nothing_is_rare_about_zero_and_all_about_what_overflows():
    assert rarity(pointwise("0*x + 2"), True, 1.0) == 0
    assert rarity(pointwise("exp(x**2/5)"), False, 100.0) == np.inf
