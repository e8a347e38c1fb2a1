"""Double-double arithmetic against mpmath: the laws of each operation, measured and then pinned."""

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernelc.runtime.doubledouble import DD

mp = mpmath.mp.clone()
mp.dps = 100


def exact(value):
    """The number that a double-double (or a float) stands for."""
    return mp.mpf(float(getattr(value, "hi", value))) + mp.mpf(float(getattr(value, "lo", 0)))


@st.composite
def numbers(draw, low, high, signed=True):
    """Double-doubles of magnitude 2**low to 2**high, either sign, and zero."""
    hi = draw(st.floats(1, 2)) * 2.0 ** draw(st.integers(low, high)) * (draw(st.sampled_from([-1, 1])) if signed else 1)
    lo = hi * draw(st.integers(-(2**50), 2**50)) * 2.0**-104
    return draw(st.sampled_from([DD(hi, lo), DD(hi), DD(0.0)]))


def assert_close(got, truth, bound):
    """The relative error is within the bound; zero must be exact."""
    assert abs(exact(got) - truth) <= bound * abs(truth), f"{exact(got)} for {truth}"
    assert abs(float(got.lo)) <= np.spacing(abs(float(got.hi)))  # the two halves do not overlap


WIDE = numbers(-300, 300)


@given(WIDE, WIDE)
def test_add_and_subtract(a, b):
    """Relative to the result, cancellation included."""
    assert_close(a + b, exact(a) + exact(b), 1e-31)
    assert_close(a - b, exact(a) - exact(b), 1e-31)
    assert_close(a - DD(a.hi), exact(a) - exact(a.hi), 0)


@given(WIDE, WIDE)
def test_multiply_and_divide(a, b):
    assert_close(a * b, exact(a) * exact(b), 2e-31)
    if b.hi != 0:
        assert_close(a / b, exact(a) / exact(b), 2e-31)


@given(WIDE)
def test_negative(a):
    assert_close(-a, -exact(a), 0)
    assert_close(np.negative(a), -exact(a), 0)


@given(numbers(-300, 300, signed=False))
def test_sqrt(a):
    assert_close(np.sqrt(a), mp.sqrt(exact(a)), 1e-31)


@given(numbers(-60, 8))
def test_exp(a):
    assert_close(np.exp(a), mp.exp(exact(a)), 2e-31 * (1 + abs(a.hi) / 5))


@given(numbers(-300, 8))
def test_expm1(a):
    assert_close(np.expm1(a), mp.expm1(exact(a)), 2e-31 * (1 + abs(a.hi) / 5))


def test_exp_at_the_ends_of_the_range():
    assert_close(np.exp(DD(709.7)), mp.exp(mp.mpf(709.7)), 1e-28)
    with np.errstate(over="ignore", under="ignore"):
        assert np.exp(DD(710.0)).hi == np.exp(DD(1e5)).hi == np.inf
        assert np.exp(DD(-1e5)).hi == 0.0


@given(numbers(-300, 10))
@example(DD(-564.0))  # 359 quarters of a turn, of which the lower half was rounded
def test_sin_and_cos(a):
    """To 2e-31, and where the angle is large, to the digits that it has."""
    allowed = 2e-31 + 1e-32 * abs(a.hi)
    assert abs(exact(np.sin(a)) - mp.sin(exact(a))) <= allowed * min(1, abs(exact(a)))
    assert abs(exact(np.cos(a)) - mp.cos(exact(a))) <= allowed


@given(numbers(-150, 150), numbers(-150, 150))
def test_arctan2(y, x):
    assert_close(np.arctan2(y, x), mp.atan2(exact(y), exact(x)), 2e-31)


@pytest.mark.parametrize(("y", "x"), [(0.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0), (-1.0, -1.0)])
def test_arctan2_on_the_axes(y, x):
    assert_close(np.arctan2(DD(y), DD(x)), mp.atan2(mp.mpf(y), mp.mpf(x)), 1e-31)


THIRD = DD(1.0) / 3.0


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (2.0 * THIRD, mp.mpf(2) / 3),
        (THIRD * 2, mp.mpf(2) / 3),
        (np.float64(2.0) * THIRD, mp.mpf(2) / 3),
        (1 - THIRD, mp.mpf(2) / 3),
        (THIRD - 1, -mp.mpf(2) / 3),
        (1 + THIRD + 1.0, mp.mpf(7) / 3),
        (THIRD / 2, mp.mpf(1) / 6),
        (2 / THIRD, mp.mpf(6)),
        (np.sqrt(THIRD), mp.sqrt(mp.mpf(1) / 3)),
    ],
)
def test_mixed_with_floats(value, truth):
    assert_close(value, truth, 1e-31)


def test_arrays_broadcast_with_double_doubles():
    column, row = np.array([[1.0], [2.0]]), DD(np.array([3.0, 7.0, 11.0]))
    for product in (column / row, 1 / (row / column), column * (1 / row)):
        assert product.hi.shape == product.lo.shape == (2, 3)
        assert_close(DD(product.hi[1, 2], product.lo[1, 2]), mp.mpf(2) / 11, 2e-31)


def test_comparison_with_zero_is_an_array_of_truth_values():
    values = DD(np.array([0.0, -0.0, 5e-324, 1.0]))
    for found in (values == 0, np.equal(values, 0.0), values == DD(0.0)):
        assert found.tolist() == [True, True, False, False]


@pytest.mark.parametrize("unknown", [np.log, np.tanh, np.arcsin, np.floor])
def test_what_it_does_not_know_is_refused(unknown):
    with pytest.raises(TypeError):
        unknown(DD(0.5))


def test_reductions_and_keywords_are_refused():
    with pytest.raises(TypeError):
        np.add.reduce(DD(np.ones(3)))
    with pytest.raises(TypeError):
        np.sqrt(DD(1.0), out=np.empty(()))


@given(WIDE, WIDE)
def test_absolute_and_maximum(a, b):
    assert exact(np.abs(a)) == abs(exact(a))
    larger = np.maximum(a, b)
    assert exact(larger) == max(exact(a), exact(b)) or larger.hi == a.hi == b.hi
    assert exact(np.maximum(a, 0)) == max(exact(a), 0)
