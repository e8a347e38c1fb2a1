"""The special functions against mpmath: in the tails, at the edges of the range and where closed forms cancel."""

import importlib.util
from pathlib import Path

import mpmath
import numpy as np
import pytest

from kernelc.runtime import execute, source, special
from kernelc.runtime.special import dawson, erf, erfc, erfcx, exp_ndtr, exp_ndtr2, ndtr

mp = mpmath.mp.clone()
mp.dps = 40
INF = np.inf


def series(x2, sign):
    """1 + sign/x2 + 3/x2**2 + ..., cut at its smallest term."""
    total = term = mp.mpf(1)
    for n in range(1, 200, 2):
        new = term * sign * n / x2
        if abs(new) > abs(term) or abs(new) < mp.eps:
            break
        term, total = new, total + new
    return total


def true_erfcx(x):
    return mp.exp(x * x) * mp.erfc(x) if x < 20 else series(2 * x * x, -1) / (x * mp.sqrt(mp.pi))


def true_dawson(x):
    return mp.exp(-x * x) * mp.erfi(x) * mp.sqrt(mp.pi) / 2 if abs(x) < 12 else series(2 * x * x, 1) / (2 * x)


def true_exp_ndtr(E, z):
    return mp.exp(E) * mp.ncdf(z) if z > 0 else mp.exp(E - z * z / 2) * true_erfcx(-z / mp.sqrt(2)) / 2


def true_edge(E, h, y):
    """The integral of e**(E - (h*h + v*v)/2) h/(h*h + v*v)/(2 pi) over v >= y, for y >= 0."""
    if h == 0:
        return mp.mpf(0)
    end = min(90 / (y + mp.mpf("1e-30")), mp.mpf(14))
    places = [mp.mpf(0), min(mp.hypot(h, y) / 2, end / 4)]
    while places[-1] < end:
        places.append(min(3 * places[-1], end))
    with mp.workdps(30):
        value = mp.quad(lambda t: mp.exp(-t * (y + t / 2)) * h / (h * h + (y + t) ** 2), places)
    return mp.exp(E - (h * h + y * y) / 2) * value / (2 * mp.pi)


def consistent(r, w):
    """r and w exactly on the circle, taking the better conditioned one at its word."""
    r, w = mp.mpf(r), mp.mpf(w)
    return (mp.sign(r) * mp.sqrt(1 - w * w), w) if abs(r) > 0.5 else (r, mp.sqrt(1 - r * r))


def true_quadrant(E, h, k, r, w):
    """e**E P(X <= h, Y <= k), edge by edge."""
    E, h, k, (r, w) = mp.mpf(E), mp.mpf(h), mp.mpf(k), consistent(r, w)
    if w == 0:
        return true_exp_ndtr(E, min(h, k)) if r > 0 else max(true_exp_ndtr(E, h) - true_exp_ndtr(E, -k), mp.mpf(0))
    if h == k == 0:
        return mp.exp(E) * mp.atan2(w, -r) / (2 * mp.pi)
    total = mp.exp(E) if h > 0 and k > 0 else mp.mpf(0)
    for a, b in ((h, k), (k, h)):
        y = (r * a - b) / w
        value = true_edge(E, abs(a), abs(y))
        total += (-1 if a > 0 else 1) * (value if y >= 0 else true_exp_ndtr(E, -abs(a)) - value)
    return total


def independent_quadrant(E, h, k, r, w):
    """The same by conditioning on X: the integral of phi(x) Phi((k - r x)/w)."""
    E, h, k, (r, w) = mp.mpf(E), mp.mpf(h), mp.mpf(k), consistent(r, w)
    start = min(h, -abs(k)) - 12
    places = [h - mp.mpf(j) / 2 for j in range(20)] + [(k + j * w) / r for j in (-6, -3, 0, 3, 6) if r]
    with mp.workdps(25):
        f = mp.quad(
            lambda x: mp.exp(E - x * x / 2) * mp.ncdf((k - r * x) / w),
            [start, *sorted(p for p in places if start < p <= h)],
        )
    return f / mp.sqrt(2 * mp.pi)


def relative(got, truth):
    """The largest relative error, and where it is."""
    error = [float(abs(mp.mpf(float(g)) - t) / abs(t)) if t else float(g) for g, t in zip(got, truth, strict=True)]
    return np.max(error), np.argmax(error)


def exactly(values):
    return [mp.mpf(float(v)) for v in values]


def numbers(low, high, n, seed=0):
    return np.random.default_rng(seed).uniform(low, high, n)


def correlations(n, seed=0):
    """Correlations of every kind, and their sqrt(1 - r*r): half of them within 1e-16 to 0.2 of +-1."""
    rng = np.random.default_rng(seed)
    w = np.where(rng.random(n) < 0.5, 10 ** rng.uniform(-8, -0.2, n), np.sin(np.arccos(rng.uniform(-1, 1, n))))
    return rng.choice([-1.0, 1.0], n) * np.sqrt((1 - w) * (1 + w)), w


def elu(q1, q2, r, w):
    """What the dual of ELU asks for: E[e**(u + v); u, v < 0] with the correlation r."""
    s1, s2 = np.sqrt(q1), np.sqrt(q2)
    return (q1 + q2) / 2 + r * s1 * s2, -(s1 + r * s2), -(s2 + r * s1), r, w


@pytest.mark.parametrize(
    ("function", "truth", "points", "bound"),
    [
        (erfcx, true_erfcx, np.r_[numbers(0, 3, 300), 10 ** numbers(-20, 20, 300)], 8e-16),
        (erf, mp.erf, np.r_[numbers(-3, 3, 300), 10 ** numbers(-300, 0, 100), 1.0], 5e-16),
        (erfc, mp.erfc, np.r_[numbers(-6, 3, 300), numbers(3, 26, 300), 0.5, -0.5], 9e-16),
        (ndtr, mp.ncdf, np.r_[numbers(-3, 9, 300), numbers(-37.5, 0, 300)], 9e-16),
        (
            dawson,
            true_dawson,
            np.r_[numbers(-12, 12, 500), 10 ** numbers(-20, 20, 300), -(10 ** numbers(-3, 1, 100))],
            7e-16,
        ),
    ],
)
def test_relative_errors(function, truth, points, bound):
    error, i = relative(function(points), map(truth, exactly(points)))
    assert error <= bound, points[i]


def test_edges_of_the_range():
    assert [*erfcx([0, INF])] == [1, 0]
    assert [*erf([-INF, -0.0, 0, INF])] == [-1, 0, 0, 1]
    assert np.signbit(erf(-0.0))
    assert [*erfc([-INF, 0, INF, 30])] == [2, 1, 0, 0]
    assert [*ndtr([-INF, -1e300, 0, 1e300, INF])] == [0, 0, 0.5, 1, 1]
    assert 0 < ndtr(-38.4) < 1e-320
    assert [*dawson([0, 1e-300, INF, -INF, 1e300])] == [0, 1e-300, 0, 0, 5e-301]
    assert np.signbit(dawson(-0.0))
    assert [*exp_ndtr([-INF, INF, 0, 0, 1e5], [1, 0, INF, -INF, -460])] == [0, INF, 1, 0, 0]
    assert all(np.isnan(f(np.nan)) for f in (erfcx, erf, erfc, ndtr, dawson))


def test_shapes():
    assert all(isinstance(f(0.5), np.float64) for f in (erfcx, erf, erfc, ndtr, dawson))
    assert isinstance(exp_ndtr2(0, 0, 0, 0, 1), np.float64)
    assert exp_ndtr(np.zeros((3, 1)), np.zeros(4)).shape == (3, 4)
    assert exp_ndtr2(0, np.zeros((3, 1)), np.zeros(4), 0, 1).shape == (3, 4)
    assert ndtr(np.zeros((0, 2))).shape == (0, 2)
    z = numbers(-5, 5, 3 * special._BLOCK + 5)
    assert np.array_equal(ndtr(z[::2]), ndtr(z)[::2])  # in blocks, and whatever the strides


@pytest.mark.parametrize("shift", [-600, 0, 600])
def test_exp_ndtr_keeps_the_tail_where_its_exponents_cancel(shift):
    z = -np.r_[10 ** numbers(-3, 3, 200), numbers(0, 5, 200)]
    E = z * z / 2 + shift
    error, i = relative(exp_ndtr(E, z), map(true_exp_ndtr, exactly(E), exactly(z)))
    assert error <= 9e-16, (E[i], z[i])


def test_exp_ndtr_of_positive_numbers():
    E, z = numbers(-700, 700, 200), numbers(0, 40, 200, 1)
    assert relative(exp_ndtr(E, z), map(true_exp_ndtr, exactly(E), exactly(z)))[0] <= 5e-16


@pytest.mark.parametrize(
    ("E", "h", "k", "r"), [(0, -1.5, 0.7, 0.3), (0, 0.4, 1.9, -0.8), (335, -24, -25, 0.8), (0, -2, -1, -0.4)]
)
def test_two_derivations_of_the_truth(E, h, k, r):
    w = np.sqrt(1 - r * r)
    assert abs(true_quadrant(E, h, k, r, w) / independent_quadrant(E, h, k, r, w) - 1) < 1e-18


def check_absolute(h, k, r, w):
    got = exp_ndtr2(0, h, k, r, w)
    error = [float(abs(mp.mpf(float(g)) - true_quadrant(0, *v))) for g, *v in zip(got, h, k, r, w, strict=True)]
    assert max(error) <= 4e-16, [v[np.argmax(error)] for v in (h, k, r, w)]


def check_relative(bound, E, h, k, r, w):
    error, i = relative(exp_ndtr2(E, h, k, r, w), map(true_quadrant, E, h, k, r, w))
    assert error <= bound, [v[i] for v in (E, h, k, r, w)]


def quadrants(n, seed):
    rng = np.random.default_rng(seed)
    (r, w), scale = correlations(n, seed), 10 ** rng.uniform(-2, 1, n)
    h = scale * rng.normal(size=n)
    near = h * rng.choice([-1, 1], n) + w * rng.normal(size=n)
    return h, np.where(rng.random(n) < 0.5, near, scale * rng.normal(size=n)), r, w


def elus(n, seed):
    """Both signs of h and k: but where the wedge is thin, equal variances, for there h and k round off the result."""
    rng = np.random.default_rng(seed)
    (r, w), (q1, q2) = correlations(n, seed), 10 ** rng.uniform(-3, 2.602, (2, n))
    return elu(q1, np.where((r < -0.9) | (rng.random(n) < 0.3), q1, q2), r, w)


def test_quadrants_absolutely():
    check_absolute(*quadrants(16, 1))


def test_quadrants_of_elu_relatively():
    check_relative(3e-14, *elus(16, 2))


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(10, 14))
def test_quadrants_at_length(seed):
    check_absolute(*quadrants(200, seed))
    check_relative(3e-14, *elus(200, seed))


@pytest.mark.parametrize("q1", [1e-3, 1.0, 400.0])
@pytest.mark.parametrize("q2", [1e-3, 1.0, 400.0])
def test_elu_at_correlation_one(q1, q2):
    E, h, k, *_ = elu(q1, q2, 1.0, 0.0)
    assert relative([exp_ndtr2(E, h, k, 1.0, 0.0)], [true_exp_ndtr(mp.mpf(E), mp.mpf(min(h, k)))])[0] <= 9e-16


def test_elu_of_opposites_goes_to_zero_relatively():
    w = 10.0 ** -np.arange(1, 16, 3)
    r = -np.sqrt((1 - w) * (1 + w))
    gap = w * w / (1 - r)  # 1 + r
    h = -20 * gap  # q = 400
    check_relative(1e-14, 400 * gap, h, h, r, w)
    assert exp_ndtr2(0, 0, 0, -1, 0) == 0


def test_far_tails_relatively():
    h, k, r = (v.ravel() for v in np.meshgrid([-0.01, -3.0, -30], [-0.3, -3.0001, -29], [-0.6, 0.3, 0.96]))
    w = np.sqrt((1 - r) * (1 + r))
    R2 = np.where(r > np.minimum(h / k, k / h), np.maximum(h * h, k * k), h * h + ((r * h - k) / w) ** 2)
    keep = R2 < 1300
    check_relative(1e-12, *(v[keep] for v in (0 * h, h, k, r, w)))
    check_relative(1e-12, *(v[R2 < 4000] for v in (R2 / 2, h, k, r, w)))


def test_laws_of_quadrants():
    n = 20000
    h, k = numbers(-6, 6, (2, n), 3)
    r, w = correlations(n, 3)
    p = exp_ndtr2(0, h, k, r, w)
    assert np.allclose(p, exp_ndtr2(0, k, h, r, w), rtol=0, atol=3e-16)
    assert np.allclose(p + exp_ndtr2(0, h, -k, -r, w), ndtr(h), rtol=0, atol=6e-16)
    assert np.allclose(exp_ndtr2(0, h, k, 0, 1), ndtr(h) * ndtr(k), rtol=1e-13, atol=3e-16)
    assert np.allclose(exp_ndtr2(0, h, k, 1, 0), ndtr(np.minimum(h, k)), rtol=1e-15, atol=0)
    assert np.allclose(exp_ndtr2(0, h, k, -1, 0), np.maximum(ndtr(h) - ndtr(-k), 0), rtol=0, atol=3e-16)
    assert np.allclose(exp_ndtr2(0, 0, 0, r, w), np.arctan2(w, -r) / (2 * np.pi), rtol=1e-15, atol=0)
    assert np.allclose(exp_ndtr2(0, 1e-320, -1e-320, r, w), np.arctan2(w, -r) / (2 * np.pi), rtol=1e-15, atol=0)
    assert np.allclose(exp_ndtr2(0, h, h, 1, 0), ndtr(h), rtol=1e-15, atol=0)
    assert np.all(exp_ndtr2(0, h, -h, -1, 0) <= 2e-16)


@pytest.mark.parametrize(("r", "w"), [(-1, 0), (-0.8, 0.6), (0, 1), (0.8, 0.6), (1, 0), (1, 1e-12), (-1, 1e-12)])
def test_infinite_limits(r, w):
    z = np.array([-INF, -30, -1, 0, 2, INF])
    assert np.all(exp_ndtr2(0, -INF, z, r, w) == 0)
    assert np.allclose(exp_ndtr2(0, INF, z, r, w), ndtr(z), rtol=1e-15, atol=0)
    assert np.allclose(exp_ndtr2(0, z, INF, r, w), ndtr(z), rtol=1e-15, atol=0)
    assert np.allclose(exp_ndtr2(450, z[:-2], INF, r, w), exp_ndtr(450, z[:-2]), rtol=1e-15, atol=0)
    assert exp_ndtr2(-INF, 1, 1, r, w) == 0
    assert exp_ndtr2(800, 1, 1, r, w) == INF
    assert np.all(np.isnan(exp_ndtr2([0, 800], np.nan, 0, r, w)))


def test_tables_are_what_the_fit_prints():
    spec = importlib.util.spec_from_file_location("fit_special", Path(__file__).with_name("fit_special.py"))
    fit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fit)
    for name, table in fit.tables().items():
        truth, written = np.array(table, dtype=float), np.array(getattr(special, name))
        assert np.allclose(written, truth, rtol=4e-16, atol=0), name


def test_embedded_text_stands_alone():
    names = execute("from typing import Any\nimport numpy as np\n" + source("special"), "embedded")
    assert names.exp_ndtr2(0.0, 0.0, 0.0, 0.5, 0.75**0.5) == exp_ndtr2(0.0, 0.0, 0.0, 0.5, 0.75**0.5)
