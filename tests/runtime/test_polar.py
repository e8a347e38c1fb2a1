"""Duals by quadrature against closed forms: kinks anywhere, near duplicates and antipodes, small and large scales."""

import mpmath
import numpy as np
import pytest

from kernelc.evaluation.powers import EVEN, ODD, truth
from kernelc.runtime.polar import Polar
from kernelc.runtime.special import erf

mp = mpmath.mp.clone()
mp.dps = 40
GAPS = [1e-20, 1e-15, 1e-10, 1e-6, 1e-3, 0.03, 0.2, 0.5]


def positive(x):
    return np.where(x > 0, 1.0, 0.0)


def shifted(x):
    return np.tanh(np.maximum(x - 1, 0.0))


ACTIVATIONS = {
    "relu": (lambda x: np.maximum(x, 0.0), positive, ()),
    "relu(x - 1)": (lambda x: np.maximum(x - 1, 0.0), lambda x: positive(x - 1), (1.0,)),
    "hard_tanh": (lambda x: np.clip(x, -1, 1), lambda x: np.where(np.abs(x) < 1, 1.0, 0.0), (-1.0, 1.0)),
    "hard_swish": (
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        lambda x: np.where(x > 3, 1.0, np.where(x < -3, 0.0, (2 * x + 3) / 6)),
        (-3.0, 3.0),
    ),
    "tanh(relu(x - 1))": (shifted, lambda x: np.where(x > 1, 1 - shifted(x) ** 2, 0.0), (1.0,)),
    "elu": (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
        lambda x: np.exp(np.minimum(x, 0.0)),
        (0.0,),
    ),
    "step": (lambda x: positive(x - 0.5), None, (0.5,)),
    "exp(x) (1 + erf(x))": (
        lambda x: np.exp(x) * (1 + erf(x)),
        lambda x: np.exp(x) * (1 + erf(x)) + 2 / np.sqrt(np.pi) * np.exp(x - x * x),
        (),
    ),
}
POLAR = {name: Polar(*activation) for name, activation in ACTIVATIONS.items()}


def half(gap):
    """Half the angle between two points."""
    return mp.asin(mp.sqrt(mp.mpf(gap)))


def tail2(h, k, gap, side=1):
    """P(X > h, Y > k) at correlation side·(1 - 2 gap), by its derivative in the angle: from equal or opposite."""
    h, k, end = mp.mpf(h), mp.mpf(k) * side, 2 * half(gap)

    def density(t):  # at correlation cos t
        return mp.exp(-((h - k) ** 2 / mp.sin(t) ** 2 + h * k / mp.cos(t / 2) ** 2) / 2)

    breaks = [0, *(b for b in (abs(h - k) / 8, abs(h - k) / 3, abs(h - k), mp.mpf("0.3")) if b < end), end]
    turned = mp.quad(density, sorted(set(breaks))) / (2 * mp.pi)
    if side > 0:
        return mp.ncdf(-max(h, k)) - turned
    return mp.ncdf(-h) - (mp.ncdf(-max(h, k)) - turned)  # P(X > h) - P(X > h, -Y > -k)


def relative(got, truth):
    """The largest relative error."""
    return max(float(abs(mp.mpf(float(g)) / t - 1)) for g, t in zip(np.ravel(got), truth, strict=True))


@pytest.mark.parametrize("scales", [(1, 1), (20, 20), (0.03, 0.03), (1, 1 + 1e-10), (1, 7)])
def test_relu(scales):
    mp.dps = 60
    cosines = [(mp.sin(t) + (mp.pi - t) * mp.cos(t)) / mp.pi for t in (2 * half(g) for g in GAPS)]
    opposite = [(mp.sin(t) - t * mp.cos(t)) / mp.pi for t in (2 * half(g) for g in GAPS)]
    mp.dps = 40
    near, far = POLAR["relu"].angle(GAPS, 1, *scales)
    truth = [(1 - c) / 2 for c in cosines]
    apart = abs(scales[0] - scales[1]) > 0.1  # φ(u)/r1 - φ(v)/r2 is then a difference of rounded values
    assert relative(near[3:], truth[3:]) < 1e-12
    assert relative(near, truth) < (1e-6 if apart else 3e-12)
    assert relative(far, [1 - t for t in truth]) < 5e-14
    near, far = POLAR["relu"].angle(GAPS, -1, *scales)
    assert relative(near, [(1 - c) / 2 for c in opposite]) < 5e-14
    assert relative(far, [(1 + c) / 2 for c in opposite]) < 5e-14
    for side in (1, -1):
        dot = POLAR["relu"].dot(GAPS, side, *scales)
        angles = np.array([float(2 * half(g)) for g in GAPS])
        assert np.max(np.abs(dot - ((1 - angles / np.pi) if side > 0 else angles / np.pi))) < 1e-14


@pytest.mark.parametrize("s", [0.05, 0.3, 1, 20])
def test_step_at_one_scale(s):
    k, gaps = mp.mpf("0.5") / mp.mpf(s), [1e-40, *GAPS]

    def owen(gap):
        wedge = mp.quad(lambda x: mp.exp(-k * k * (1 + x * x) / 2) / (1 + x * x), [0, mp.tan(half(gap))])
        return wedge / (2 * mp.pi) / mp.ncdf(-k)

    near, far = POLAR["step"].angle(gaps, 1, s, s)
    truth = [owen(g) for g in gaps]
    assert relative(near, truth) < 1e-13
    assert relative(far, [1 - t for t in truth]) < 1e-13


@pytest.mark.parametrize("scales", [(0.3, 0.5), (1, 2), (20, 2), (0.2, 20)])
def test_step_at_two_scales(scales):
    h, k = (mp.mpf("0.5") / mp.mpf(s) for s in scales)
    for side in (1, -1):
        for gap in (1e-3, 0.1, 0.5):
            near, far = POLAR["step"].angle(gap, side, *scales)
            cosine = tail2(h, k, gap, side) / mp.sqrt(mp.ncdf(-h) * mp.ncdf(-k))
            assert abs(near - (1 - cosine) / 2) < 1e-13
            assert abs(far - (1 + cosine) / 2) < 1e-13


@pytest.mark.parametrize("scales", [(0.2, 0.9), (1, 1), (3, 3.5), (20, 20), (1, 20)])
def test_hard_tanh_slopes(scales):
    h, k = (1 / mp.mpf(s) for s in scales)
    for gap in (1e-3, 0.1, 0.5):
        # P(|u| < 1, |v| < 1): all, less both slabs' outsides, plus the corners
        corners = 2 * tail2(h, k, gap) + 2 * tail2(h, k, gap, -1)
        inside = 1 - 2 * mp.ncdf(-h) - 2 * mp.ncdf(-k) + corners
        truth = inside / mp.sqrt((1 - 2 * mp.ncdf(-h)) * (1 - 2 * mp.ncdf(-k)))
        for side in (1, -1):
            assert abs(POLAR["hard_tanh"].dot(gap, side, *scales) - truth) < 1e-13


def test_odd_activations_near_antipodes():
    polar, s = POLAR["hard_tanh"], np.array([0.1, 1.0, 20.0])[:, None]
    near, far = polar.angle(GAPS, 1, s, s)
    far_opposite, near_opposite = polar.angle(GAPS, -1, s, s)
    np.testing.assert_array_equal(near, near_opposite)
    np.testing.assert_array_equal(far, far_opposite)
    # 1 - cos = gap·4 s²E[φ'²]/2E[φ²] to first order
    first = s[:, 0] ** 2 * polar.slope_moment(s[:, 0]) / polar.moment(s[:, 0]) * 1e-20
    np.testing.assert_allclose(near[:, 0], first, rtol=3e-9)  # the next order is about s·1e-10


@pytest.mark.parametrize("s", [0.0316, 0.1, 1, 7, 20])
def test_moments(s):
    c = 1 / mp.mpf(s)
    tail, bell = mp.ncdf(-c), mp.npdf(c)
    truth = mp.mpf(s) ** 2 * ((1 + c * c) * tail - c * bell)
    polar = POLAR["relu(x - 1)"]
    assert relative(polar.moment(s), [truth]) < 3e-14
    assert relative(polar.slope_moment(s), [tail]) < 3e-14
    truth = mp.mpf(s) ** 2 * (1 - 2 * tail - 2 * c * bell) + 2 * tail
    assert relative(POLAR["hard_tanh"].moment(s), [truth]) < 1e-14
    assert relative(POLAR["hard_tanh"].slope_moment(s), [1 - 2 * tail]) < 1e-14


@pytest.mark.parametrize("s", [0.5, 3, 17])
def test_growth(s):
    """E[e**u e**v] = e**((s1² + s2²)/2 + s1 s2 ρ): the mass lies about R = 2s."""
    polar = Polar(np.exp, np.exp, ())
    assert relative(polar.moment(s), [mp.exp(2 * mp.mpf(s) ** 2)]) < 1e-13
    for gap in (0.0, 1e-10, 1e-4, 0.01, 0.3):
        for other in (s, 0.9 * s):
            near, far = polar.angle(gap, 1, s, other)
            exponent = mp.mpf(s) * mp.mpf(other) * (1 - 2 * mp.mpf(gap)) - (mp.mpf(s) ** 2 + mp.mpf(other) ** 2) / 2
            assert abs(near + mp.expm1(exponent) / 2) < 1e-13 * max(s * s, 1)
            assert abs(near + far - 1) < 2e-13
            assert abs(polar.dot(gap, 1, s, other) - mp.exp(exponent)) < 1e-13 * max(s * s, 1)


@pytest.mark.parametrize("p", [0.2, 0.9, 1.5, 3.5])
def test_fractional_powers_at_the_origin(p):
    """E[φφ] of relu(x)^p in proportion to ∫ (cos(a + h) cos(a - h))^p da, where both are positive."""
    slope = None if p < 1 else lambda x: p * np.maximum(x, 0.0) ** (p - 1)
    polar, one = Polar(lambda x: np.maximum(x, 0.0) ** p, slope, ()), mp.beta(mp.mpf(p) + 0.5, 0.5)
    for s in (0.3, 4.0):
        truth = mp.mpf(s) ** (2 * p) * 2 ** mp.mpf(p) * mp.gamma(p + mp.mpf(1) / 2) / mp.sqrt(mp.pi) / 2
        assert relative(polar.moment(s), [truth]) < 1e-13
    for gap in (1e-6, 0.03, 0.5):
        for side in (1, -1):
            h, power = half(gap if side > 0 else 1 - mp.mpf(gap)), mp.mpf(p)

            def along(t, h=h, power=power):  # t is the distance from the end, where it is accurate
                return (mp.sin(t) * mp.sin(t + 2 * h)) ** power

            whole = 2 * mp.quad(along, [0, min(h, mp.mpf(1) / 9, (mp.pi / 2 - h) / 2), mp.pi / 2 - h]) / one
            near, far = polar.angle(gap, side, 1.0, 3.0)
            assert abs(near - (1 - whole) / 2) < 1e-13
            assert abs(far - (1 + whole) / 2) < 1e-13


@pytest.mark.parametrize(
    ("p", "k"),
    [(1.5, 0.6), (0.5, 1.0), *(pytest.param(*case, marks=pytest.mark.slow) for case in [(2.5, 2.0), (3.5, -1.0)])],
)
def test_fractional_powers_off_the_origin(p, k):
    """One scale is exact by quadrature on the line; independent points by two such; other angles by a finer rule."""

    def phi(x):
        return np.abs(x - k) ** p

    def slope(x):
        return p * np.sign(x - k) * np.abs(x - k) ** (p - 1)

    def mean(power, s):
        at = mp.mpf(k) / s
        return mp.quad(lambda z: abs(s * z - k) ** mp.mpf(power) * mp.npdf(z), [-14, at - 1, at, at + 1, 14])

    polar, finer = (Polar(phi, slope if p > 1 else None, (k,), nodes) for nodes in (16, 24))
    for s, other in ((0.7, 0.7), (1.5, 0.7)):
        size = mp.sqrt(mean(2 * p, s) * mean(2 * p, other))
        assert relative(polar.moment(s), [mean(2 * p, s)]) < 1e-13
        near, _ = polar.angle(0.5, 1, s, other)
        assert abs(near - (1 - mean(p, s) * mean(p, other) / size) / 2) < 1e-12
    gaps, s1 = np.array([1e-10, 1e-4, 0.03, 0.2, 0.4]), np.array([[0.5], [1.0], [3.0]])
    for side in (1, -1):
        np.testing.assert_allclose(polar.angle(gaps, side, s1, 1.0), finer.angle(gaps, side, s1, 1.0), atol=1e-12)
        if p > 1:
            np.testing.assert_allclose(polar.dot(gaps, side, s1, 1.0), finer.dot(gaps, side, s1, 1.0), atol=1e-12)


@pytest.mark.parametrize("p", [0.55, 0.7, 0.9])
def test_infinite_slopes_at_the_origin(p):
    """|x|^p, p > 1/2: E[φ'²] is finite; E[φφ] and E[φ'φ'] in powers of sines, at one angle and at the next."""
    polar = Polar(lambda x: np.abs(x) ** p, lambda x: p * np.sign(x) * np.abs(x) ** (p - 1), (), steep=True)
    for s in (0.3, 4.0):
        size = p**2 * mp.mpf(2 * s * s) ** (p - 1) * mp.gamma(mp.mpf(p) - mp.mpf(1) / 2) / mp.sqrt(mp.pi)
        assert relative(polar.slope_moment(s), [size]) < 1e-13
    for gap in (0.0, 1e-20, 1e-10, 1e-3, 0.1, 0.5 - 1e-9, 0.5):
        near, _ = polar.angle(gap, 1, 1.0, 3.0)
        assert abs(1 - 2 * near - truth(p, EVEN, gap)) < 1e-13
        assert abs(polar.dot(gap, 1, 1.0, 3.0) - truth(p - 1, ODD, gap)) < 1e-13
        assert abs(polar.dot(gap, -1, 1.0, 3.0) + truth(p - 1, ODD, gap)) < 1e-13


def test_infinite_slopes_off_the_origin():
    """One scale on the line, independent points as products of two such; a finer rule at other angles."""
    p, k = mp.mpf("0.9"), mp.mpf("0.6")
    functions = lambda x: np.abs(x - 0.6) ** 0.9, lambda x: 0.9 * np.sign(x - 0.6) * np.abs(x - 0.6) ** -0.1
    polar, finer = (Polar(*functions, (0.6,), nodes, True) for nodes in (16, 24))

    def mean(f, s):  # by parts, with the substitution y = |x - k|^(1/5)
        def side(y, sign):
            return f(sign, y**5) * mp.npdf((k + sign * y**5) / s) / s * 5 * y**4

        return sum(mp.quad(lambda y, e=e: side(y, e), [0, 0.5, 1, 1.3, 1.7]) for e in (1, -1))

    def slope(e, t):
        return e * p * t ** (p - 1)

    assert relative(polar.slope_moment(1.0), [mean(lambda e, t: slope(e, t) ** 2, 1)]) < 1e-12
    one, other = (mean(slope, s) / mp.sqrt(mean(lambda e, t: slope(e, t) ** 2, s)) for s in (1, mp.mpf(1) / 2))
    assert abs(polar.dot(0.5, 1, 1.0, 0.5) - one * other) < 1e-11
    gaps, s1 = np.array([1e-10, 1e-4, 0.1, 0.4]), np.array([[0.5], [3.0]])
    for side in (1, -1):
        np.testing.assert_allclose(polar.angle(gaps, side, s1, 1.0), finer.angle(gaps, side, s1, 1.0), atol=1e-12)
        np.testing.assert_allclose(polar.dot(gaps, side, s1, 1.0), finer.dot(gaps, side, s1, 1.0), atol=2e-11)


def test_formulas_that_are_no_number_at_a_kink():
    """Nodes are rounded to it: 0·log 0, and 0/0 in the slope."""

    def phi(x):
        return (3 * x - 1) ** 2 * np.log(np.abs(3 * x - 1))

    def slope(x):
        return 3 * phi(x) / (3 * x - 1) * 2 + 3 * (3 * x - 1)

    with np.errstate(all="ignore"):
        polar = Polar(phi, slope, (1 / 3,))
        for gap in (0.0, 1e-10, 1e-3, 0.5):
            assert np.isfinite(polar.angle(gap, 1, np.array([0.3, 1.0]), 1.0)).all()
            assert np.isfinite(polar.dot(gap, 1, np.array([0.3, 1.0]), 1.0)).all()


def test_ordinary_kinks_cost_no_more_nodes():
    for name, polar in POLAR.items():
        assert (polar.along[0].size, polar.across[0].size) == (16, 26), name
    for phi in (lambda x: np.tanh(5 * np.abs(x)), lambda x: np.abs(np.expm1(x)), lambda x: 1 / (1 + np.abs(x))):
        assert Polar(phi, None, (0.0, 1.0)).along[0].size == 16


@pytest.mark.parametrize(("low", "high"), [(0.9975, 1.0025), (3.3e-4, 3.7e-3), (0.5, 0.5 + 1e-9)])
def test_a_narrow_piece(low, high):
    """No point of the probe lay on it: φ was taken for even."""
    polar = Polar(lambda x: np.where((x > low) & (x < high), 1.0 / (high - low), 1.0), None, (low, high))
    assert polar.parity == 0
    assert polar.along[0].size == 16
    p, top = mp.ncdf(high) - mp.ncdf(low), 1 / (mp.mpf(high) - mp.mpf(low))
    near, far = polar.angle(0.5, 1, 1.0, 1.0)
    truth = (1 + (top - 1) * p) ** 2 / (1 + (top**2 - 1) * p)
    assert abs(1 - 2 * near - truth) < 1e-12 * (1 if high - low > 1e-6 else 1e6)
    assert abs(near + far - 1) < 1e-12 * (1 if high - low > 1e-6 else 1e6)


@pytest.mark.parametrize("low", [-5e-4, 1.0, 4.9])
def test_slopes_of_a_narrow_piece(low):
    """φ' is zero but on it, and no point of a grid lay there: all of the integral was missed, or a third."""
    high = low + 1e-3
    polar = Polar(lambda x: np.clip(x, low, high), lambda x: ((low < x) & (x < high)) * 1.0, (low, high))
    p = mp.ncdf(high) - mp.ncdf(low)
    assert abs(polar.slope_moment(1.0) / p - 1) < 1e-11
    for gap in (1e-6, 1e-3, 0.1, 0.5):
        both = tail2(low, low, gap) - 2 * tail2(low, high, gap) + tail2(high, high, gap)
        assert abs(polar.dot(gap, 1, 1.0, 1.0) - both / p) < 1e-11, gap


def test_overflow_is_not_a_wrong_number():
    """Beyond q = 280 a part of E[φ²] of e^x that matters lies where e^x is no float."""
    polar = POLAR["exp(x) (1 + erf(x))"]
    assert np.isfinite(polar.moment(np.sqrt([1.0, 100.0, 270.0]))).all()
    assert np.isinf(polar.moment(np.sqrt([300.0, 500.0, 700.0]))).all()
    assert np.isnan(polar.angle(0.1, 1, 17.4, 1.0)).all()
    assert np.isnan(polar.dot(0.1, 1, 17.4, 1.0))
    assert np.isfinite(POLAR["relu"].moment(1e150))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_laws(name):
    """Both angles sum to one, the points can be exchanged, and a finer rule changes nothing."""
    polar, finer = POLAR[name], Polar(*ACTIVATIONS[name], nodes=21)
    rng = np.random.default_rng(0)
    gap = np.concatenate([[0.0, 0.0, 0.5, 0.5, 1e-20, 1e-6], rng.uniform(0, 0.5, 6)])
    side = np.where(np.arange(12) % 2, 1.0, -1.0)
    low, high = (-2, 2) if "exp" in name else (-2.5, 3)
    s1, s2 = np.exp(rng.uniform(low, high, (2, 12)))
    s2[::3] = s1[::3]
    near, far = polar.angle(gap, side, s1, s2)
    np.testing.assert_allclose(near + far, 1, atol=2e-13)
    np.testing.assert_allclose(polar.angle(gap, side, s2, s1), (near, far), atol=2e-15)
    np.testing.assert_allclose(finer.angle(gap, side, s1, s2), (near, far), atol=2e-13)
    if polar.slope is not None:
        dot = polar.dot(gap, side, s1, s2)
        np.testing.assert_allclose(polar.dot(gap, side, s2, s1), dot, atol=2e-15)
        np.testing.assert_allclose(finer.dot(gap, side, s1, s2), dot, atol=2e-13)


def test_parallel_and_at_the_origin():
    for polar in POLAR.values():
        near, far = polar.angle(np.zeros(3), 1, np.ones(3), np.array([1.0, 0.0, 2.0]))
        assert np.isfinite(near).all()
        assert near[0] < 1e-30
        assert abs(near[2] + far[2] - 1) < 1e-13
    assert POLAR["relu"].angle(0.2, 1, 0.0, 1.0) == (0.5, 0.5)
    polar = Polar(lambda x: np.exp(-x), lambda x: -np.exp(-x), ())
    near, _ = polar.angle(0.2, 1, 0.0, 2.0)  # E[e**-v] = e**2, its square's mean e**8
    assert abs(near - (1 - np.exp(-2)) / 2) < 1e-13
    assert polar.angle([], 1, [], [])[0].shape == (0,)
    assert polar.dot(np.full((2, 1), 0.1), 1, np.ones(3), 1.0).shape == (2, 3)
