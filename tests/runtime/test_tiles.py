"""What every generated module does around its layers: norms, first angles, checks of the input, refinement."""

from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelc.runtime import doubledouble, tiles

mp = mpmath.mp.clone()
mp.dps = 60


@pytest.fixture
def careful(monkeypatch):
    """The settings of a module whose rows are double-doubles."""
    for name, value in {"CAREFUL": True, "DD": doubledouble.DD, "two_product": doubledouble.two_product}.items():
        monkeypatch.setattr(tiles, name, value)


def points(x):
    """Points as the angles see them."""
    x = np.asarray(x, dtype=float)
    return SimpleNamespace(x=x, scale=tiles.norms(x))


def true_norm(row):
    row = [mp.mpf(float(v)) for v in row]
    return mp.sqrt(mp.fdot(row, row) / len(row))


def true_gap(x, y):
    """The smaller of sin² and cos² of half the angle between two rows."""
    x, y = ([mp.mpf(float(v)) for v in row] for row in (x, y))
    cosine = mp.fdot(x, y) / mp.sqrt(mp.fdot(x, x) * mp.fdot(y, y))
    return (1 - abs(cosine)) / 2


SCALES = [1.0, 1e-300, 1e300, 3e-160, 7e153]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("d", [1, 2, 3, 7, 64, 101])
def test_norms_at_every_scale(d, scale):
    x = scale * np.random.default_rng(d).standard_normal((5, d))
    for row, norm in zip(x, tiles.norms(x), strict=True):
        assert abs(mp.mpf(float(norm)) / true_norm(row) - 1) < 1e-15


@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize("scale", SCALES[:3])
@pytest.mark.parametrize("d", [1, 2, 3, 7, 64, 101])
def test_careful_norms_have_thirty_digits(d, scale):
    x = scale * np.random.default_rng(d).standard_normal((5, d))
    norms = tiles.norms(x)
    for row, hi, lo in zip(x, norms.hi, norms.lo, strict=True):
        truth = true_norm(row)
        lost = mp.mpf(2) ** -1075 / truth  # the second half of a tiny norm is a multiple of the smallest float
        assert abs((mp.mpf(float(hi)) + mp.mpf(float(lo))) / truth - 1) < 1e-31 + lost


def test_norms_of_zero_rows_and_of_no_rows():
    assert tiles.norms(np.zeros((3, 4))).tolist() == [0, 0, 0]
    assert tiles.norms(np.zeros((0, 4))).shape == (0,)
    assert tiles.ratio(np.array([0.0, 1.0]), np.array([0.0, 4.0])).tolist() == [0, 0.25]


@given(
    st.sampled_from([10.0**-e for e in range(4, 16)]),
    st.sampled_from([1.0, -1.0, 2.0, -0.5, 1.1, -10.0, 1e-3, 1e100, -1e-100]),
    st.sampled_from([1, 2, 5, 50]),
    st.integers(0, 9),
)
def test_first_angles_of_close_rows(distance, factor, d, seed):
    """y near factor·x: exact to the angle's own digits, and to 2e-16 of the share by which the norms differ."""
    rng = np.random.default_rng(seed)
    x, n = rng.standard_normal((2, d))
    y = factor * (x + distance * n)
    gap, side = tiles.first_angles(points([x]), points([y]), slice(0, 1), slice(0, 1))
    truth = true_gap(x, y)
    sizes = true_norm(x), true_norm(y)
    unlike = abs(sizes[0] - sizes[1]) / max(sizes)
    got = mp.sqrt(mp.mpf(float(gap[0, 0])))
    assert abs(got - mp.sqrt(truth)) <= 4e-15 * mp.sqrt(truth) + 2e-16 * unlike
    assert side[0, 0] == np.sign(float(mp.fdot(list(x), list(y))))


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, -2.0, 3.0, -0.1, 1e100, -1e-100])
@pytest.mark.parametrize("d", [1, 3, 20])
def test_multiples_have_no_angle(d, factor):
    x = np.random.default_rng(d).standard_normal((1, d))
    gap, side = tiles.first_angles(points(x), points(factor * x), slice(0, 1), slice(0, 1))
    assert gap[0, 0] <= 1e-32
    assert side[0, 0] == np.sign(factor)
    assert abs(factor) != 2 or gap[0, 0] == 0


@given(st.integers(0, 99))
def test_first_angles_of_any_rows(seed):
    x = np.random.default_rng(seed).standard_normal((4, 3))
    gap, side = tiles.first_angles(points(x), points(-x), slice(0, 3), slice(1, 4))
    for i, j in np.ndindex(gap.shape):
        assert abs(mp.mpf(float(gap[i, j])) - true_gap(x[i], x[j + 1])) < 3e-16
        assert side[i, j] == -np.sign(x[i] @ x[j + 1])


def test_a_zero_row_is_one_point_with_others_and_at_right_angles_to_the_rest():
    gap, side = tiles.first_angles(points([[0.0, 0.0]]), points([[0.0, 0.0], [1.0, 2.0]]), slice(0, 1), slice(0, 2))
    assert gap.tolist() == [[0.0, 0.5]]
    assert side.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        ([[1j]], "x: expected real numbers, found an array of dtype complex128"),
        ([["a"]], "x: expected real numbers"),
        (np.array([[None]]), "x: expected real numbers, found an array of dtype object"),
        ([1.0, 2.0], r"x: expected shape \(n, d\), one row a point, found \(2,\); one point is x\[None, :\]"),
        (np.zeros((2, 2, 2)), r"x: expected shape \(n, d\), one row a point, found \(2, 2, 2\)$"),
        (np.zeros((2, 0)), r"x: expected at least one column, found shape \(2, 0\)"),
        ([[0.0, 1.0], [np.nan, 2.0]], "x: expected finite numbers, found nan in row 1, column 0"),
        (np.where(np.eye(700)[::-1] == 1, -np.inf, 0), "x: expected finite numbers, found -inf in row 0, column 699"),
        (np.diag([0] * 600 + [np.inf]), "x: expected finite numbers, found inf in row 600, column 600"),
    ],
)
def test_bad_input_is_refused_with_its_place(x, complaint):
    with pytest.raises(ValueError, match=complaint):
        tiles.checked(x, "x")


def test_numbers_beyond_float32_are_refused_where_float32_is_computed(monkeypatch):
    monkeypatch.setattr(tiles, "F", np.float32)
    with pytest.raises(ValueError, match="within the range of float32, found 1e\\+39 in row 0, column 1"):
        tiles.checked([[1.0, 1e39]], "x")


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
def test_any_real_dtype_is_taken_and_no_rows_are_fine(dtype):
    assert tiles.checked(np.ones((2, 3), dtype), "x").shape == (2, 3)
    assert tiles.checked(np.ones((0, 3), dtype), "x").shape == (0, 3)


def test_refine_replaces_what_is_flagged_and_nothing_else(monkeypatch):
    monkeypatch.setattr(tiles, "DD", doubledouble.DD)
    gap, row, column = np.full((3, 2), 0.5), np.array([[1.0], [2.0], [3.0]]), np.array([[1.0, 7.0]])

    def exact(a, b):
        return 0.01 * (a + b), 1 - 0.01 * (a + b)

    flag = np.array([[True, False], [False, True], [False, False]])
    refined = tiles.refine(exact, flag, gap, row, column)
    assert refined.tolist() == [[0.02, 0.5], [0.5, 0.09], [0.5, 0.5]]
    assert (gap == 0.5).all()
    assert tiles.refine(exact, np.False_, gap, row, column) is gap
    assert tiles.refine(lambda a, b: (a - b, 1 - a), np.True_, gap, row, column).min() == 0.0  # never negative


@pytest.mark.parametrize(("get", "names"), [("ntk", ("ntk",)), (("nngp", "ntk"), ("nngp", "ntk")), (["ntk"], ("ntk",))])
def test_wanted(get, names):
    assert tiles.wanted(get) == names


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="get: expected 'nngp', 'ntk' or a tuple of them, found 'NTK'"):
        tiles.wanted("NTK")
