"""The angles of pairs of inputs, by NumPy and by the loops of Numba, against 60-digit arithmetic."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelc.runtime import angles, pairwise, rows
from kernelc_numba import loops

mp = mpmath.mp.clone()
mp.dps = 60


@pytest.fixture(scope="module", autouse=True)
def whole():
    """The files as one module has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "deviations", lambda p: ())
        patch.setattr(angles, "floats", rows.floats)
        patch.setattr(angles, "panels", rows.panels)
        for file in (pairwise, loops):
            patch.setattr(file, "CLOSE", angles.CLOSE)
            patch.setattr(file, "refine_angles", angles.refine_angles)
        yield


def signed(*arguments):
    """Gap and side as the loops for tables have them: the side is the sign of gap, also of 0."""
    gap, nothing = loops.first_angles(*arguments, signed=True)
    assert nothing is None
    return np.abs(gap), np.copysign(1.0, gap)


@pytest.fixture(
    params=[pairwise.first_angles, loops.first_angles, signed], ids=["numpy", "numba", "signed"], scope="module"
)
def first_angles(request):
    """Gap and side of some rows of x and some rows of y, from their inner products."""

    def found(x, y, i=None, j=None, square=False):
        one, two = (rows.Rows(np.asarray(v, dtype=float), {}, ()) for v in (x, y))
        i, j = i or slice(0, len(one.x)), j or slice(0, len(two.x))
        return request.param(one.panel(i) @ two.panel(j).T, one, two, i, j, square)

    return found


def true_norm(row):
    row = [mp.mpf(float(v)) for v in row]
    return mp.sqrt(mp.fdot(row, row) / len(row))


def true_gap(x, y):
    """The smaller of sin² and cos² of half the angle between two rows."""
    x, y = ([mp.mpf(float(v)) for v in row] for row in (x, y))
    cosine = mp.fdot(x, y) / mp.sqrt(mp.fdot(x, x) * mp.fdot(y, y))
    return (1 - abs(cosine)) / 2


@given(
    st.sampled_from([10.0**-e for e in range(4, 16)]),
    st.sampled_from([1.0, -1.0, 2.0, -0.5, 1.1, -10.0, 1e-3, 1e100, -1e-100]),
    st.sampled_from([1, 2, 5, 50]),
    st.integers(0, 9),
)
def test_first_angles_of_close_rows(first_angles, distance, factor, d, seed):
    """y near factor·x: exact to the angle's own digits, however small it is and however unlike the norms are."""
    rng = np.random.default_rng(seed)
    x, n = rng.standard_normal((2, d))
    y = factor * (x + distance * n)
    gap, side = first_angles([x], [y])
    truth = true_gap(x, y)
    got = mp.sqrt(mp.mpf(float(gap[0, 0])))
    assert abs(got - mp.sqrt(truth)) <= 4e-15 * mp.sqrt(truth) + 1e-30
    assert side[0, 0] == np.sign(float(mp.fdot(list(x), list(y))))


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, -2.0, 3.0, -0.1, 1e100, -1e-100])
@pytest.mark.parametrize("d", [1, 3, 20])
def test_multiples_have_no_angle(first_angles, d, factor):
    x = np.random.default_rng(d).standard_normal((1, d))
    gap, side = first_angles(x, factor * x)
    assert gap[0, 0] <= 4e-32
    assert side[0, 0] == np.sign(factor)
    assert abs(factor) != 2 or gap[0, 0] == 0


@pytest.mark.parametrize("factor", [2.0, -0.5, 3.0, 94617015 / 2**20, -123456791 / 2**30, 1023.0])
@pytest.mark.parametrize("d", [1, 3, 20, 1000])
def test_exact_multiples_have_no_angle_at_all(first_angles, d, factor):
    """Networks of signs see the eighth root of it."""
    x = np.random.default_rng(d).integers(-(2**26), 2**26, (1, d)).astype(float)
    gap, side = first_angles(x, factor * x)
    assert gap[0, 0] == 0
    assert side[0, 0] == np.sign(factor)


@given(st.integers(0, 99))
def test_first_angles_of_any_rows(first_angles, seed):
    x = np.random.default_rng(seed).standard_normal((4, 3))
    gap, side = first_angles(x, -x, slice(0, 3), slice(1, 4))
    for i, j in np.ndindex(gap.shape):
        assert abs(mp.mpf(float(gap[i, j])) - true_gap(x[i], x[j + 1])) < 3e-16
        assert side[i, j] == -np.sign(x[i] @ x[j + 1])


def test_a_zero_row_is_one_point_with_others_and_at_right_angles_to_the_rest(first_angles):
    gap, side = first_angles([[0.0, 0.0]], [[0.0, 0.0], [1.0, 2.0]])
    assert gap.tolist() == [[0.0, 0.5]]
    assert side.tolist() == [[1, 1]]


def test_every_close_pair_of_a_tile_is_found(first_angles, monkeypatch):
    """Wherever it lies, however few are compared at once, and no other is touched."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 40, 9))
    pairs = list(zip(rng.permutation(30), rng.permutation(30), 10.0 ** -rng.integers(2, 14, 30), strict=True))
    for k, m, distance in pairs:
        y[m + 10] = (-1) ** k * (x[k + 5] + distance * rng.standard_normal(9))
    i, j = slice(5, 35), slice(10, 40)
    gap, side = first_angles(x, y, i, j)
    for k, m, _ in pairs:
        truth = mp.sqrt(true_gap(x[k + 5], y[m + 10]))
        assert abs(mp.sqrt(mp.mpf(float(gap[k, m]))) - truth) <= 4e-15 * truth + 1e-16
        assert side[k, m] == (-1) ** k
    cosine = (x[i] @ y[j].T) / np.sqrt((x[i] ** 2).sum(1)[:, None] * (y[j] ** 2).sum(1))
    assert np.abs(side * (1 - 2 * gap) - cosine).max() < 1e-15
    monkeypatch.setattr(angles, "PAIRS", 20)
    assert np.array_equal(first_angles(x, y, i, j), (gap, side))


def test_on_the_diagonal_rows_are_one_point(first_angles, monkeypatch):
    """And are not compared with themselves; others that are close are, also to the right of the square."""
    x = np.random.default_rng(3).standard_normal((6, 4))
    x[3], x[4] = -x[1] * (1 + 1e-10 * np.arange(4)), 0.0
    pairs = []
    compared = angles.close_gaps
    monkeypatch.setattr(angles, "close_gaps", lambda *a: pairs.extend(zip(a[2], a[3], strict=True)) or compared(*a))
    gap, side = first_angles(x, x, slice(1, 5), slice(1, 6), square=True)
    assert (np.diag(gap[:, :4]) == 0).all()
    assert sorted(map(tuple, pairs)) == [(1, 3), (3, 1)]
    pairs.clear()
    expected = first_angles(x, x, slice(1, 5), slice(1, 6))
    assert (1, 1) in pairs
    off = ~np.eye(4, 5, dtype=bool)
    assert np.array_equal(gap[off], expected[0][off])
    assert np.array_equal(side[off], expected[1][off])


def test_close_rows_of_every_size(first_angles):
    """Rows whose squares overflow or underflow have the angles of their multiples by powers of two."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 5))
    y = x + 1e-7 * rng.standard_normal((3, 5))
    gap, side = first_angles(x, y)
    for one, two in ((600, 600), (-600, -600), (600, -300), (-1000, -100)):
        other = first_angles(np.ldexp(x, one), np.ldexp(y, two))
        assert np.array_equal(other[1], side)
        assert np.allclose(np.sqrt(other[0]), np.sqrt(gap), rtol=1e-8, atol=3e-16)
