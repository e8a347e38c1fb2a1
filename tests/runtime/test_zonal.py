"""Tables of functions on a sphere, on functions known in closed form."""

import math

import mpmath
import numpy as np
import pytest

from kernelc.runtime import execute, source, zonal

GAPS = np.concatenate([np.geomspace(1e-33, 0.5, 400), np.random.default_rng(0).uniform(1e-3, 0.5, 400), [0.0, 1e-300]])
SIDES = [-1.0, 1.0]


def arccosine(gap, side):
    """(sin θ + (π - θ) cos θ)/π, the kernel of ReLU."""
    near = 2 * np.arcsin(np.sqrt(gap))
    theta = np.where(side > 0, near, np.pi - near)
    return (np.sin(near) + (np.pi - theta) * side * (1 - 2 * gap)) / np.pi


def root(gap, side):
    return np.where(side > 0, 1 - 2 * np.sqrt(gap), np.sqrt(gap) - 0.2)


def odd(gap, side):
    return side * np.sin(3 - 6 * gap)


def values(*functions):
    def stacked(gap, side):
        assert gap.ndim == 1
        assert gap.shape == side.shape
        return np.stack([f(gap, side) for f in functions]).astype(gap.dtype)

    return stacked


def errors(table, function, gap, side):
    found = table(gap, np.full_like(gap, side))
    return np.max(np.abs(found - values(function)(gap, np.full_like(gap, side))))


@pytest.fixture(scope="module")
def single():
    """The module, as it is for float32."""
    return execute("import numpy as np\nfrom collections.abc import Callable\nfrom typing import Any\nF = np.float32\n"
                   + source("zonal").partition("\n")[2], "zonal32")  # fmt: skip


@pytest.mark.parametrize("side", SIDES)
def test_arccosine_kernel_against_mpmath(side):
    table = zonal.zonal(values(arccosine))
    assert table.error < 2e-15
    found = table(GAPS, np.full_like(GAPS, side))[0]
    with mpmath.workdps(50):
        for gap, h in zip(GAPS, found, strict=True):
            near = 2 * mpmath.asin(mpmath.sqrt(mpmath.mpf(float(gap))))
            theta = near if side > 0 else mpmath.pi - near
            assert abs(h - (mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta)) / mpmath.pi) < 2e-15


@pytest.mark.parametrize("function", [arccosine, root, odd])
@pytest.mark.parametrize("side", SIDES)
def test_singular_odd_and_single(function, side, single):
    assert errors(zonal.zonal(values(function)), function, GAPS, side) < 2e-15
    table = single.zonal(values(function))
    assert table.coefficients.dtype == np.float32
    assert table(GAPS.astype(np.float32), np.float32(side) + np.zeros(len(GAPS), np.float32))[0].dtype == np.float32
    assert errors(table, function, GAPS.astype(np.float32), side) < 1e-6


@pytest.mark.parametrize("side", SIDES)
def test_the_ends_are_exact(side, single):
    for module, kind in ((zonal, np.float64), (single, np.float32)):
        table = module.zonal(values(root))
        half = kind(0.5)
        gap = np.array([0, half, np.nextafter(half, kind(1)), np.finfo(kind).smallest_subnormal], kind)
        zero, middle, above, tiny = table(gap, np.full_like(gap, side))[0]
        assert (zero, middle) == tuple(root(np.array([0, half], kind), side).astype(kind))
        assert above == middle
        assert tiny == zero


@pytest.mark.parametrize("side", SIDES)
def test_gaps_next_to_the_ends_of_pieces(side):
    ends = np.ldexp(np.arange(16, 32) / 16, -np.arange(2, 60)[:, None]).ravel()
    gap = np.concatenate([ends, np.nextafter(ends, 0), np.nextafter(ends, 1)])
    assert errors(zonal.zonal(values(root)), root, gap, side) < 2e-15


def test_each_side_has_the_octaves_that_it_needs():
    def smooth_below(gap, side):
        return np.where(side > 0, np.sqrt(gap), gap)

    below, above = zonal.needed_octaves(values(smooth_below))
    assert 48 <= below <= 53
    assert 98 <= above <= 105
    assert zonal.needed_octaves(values(lambda gap, side: np.ones_like(gap))) == (0, 0)
    table = zonal.zonal(values(smooth_below))
    assert table.error < 1e-15
    assert len(table.coefficients) == (below + above << int(table.bits)) + 4
    assert table.coefficients.nbytes < 200_000


def test_a_constant():
    table = zonal.zonal(values(lambda gap, side: 0.75 + 0.25 * side))
    gap = np.array([[0, 0.1], [0.3, 0.5]])
    assert (table(gap, np.ones((2, 2)))[0] == 1).all()
    assert (table(gap, -np.ones((2, 2)))[0] == 0.5).all()


def test_tiles_of_two_functions_and_both_sides():
    table = zonal.zonal(values(arccosine, root))
    rng = np.random.default_rng(1)
    gap, side = rng.uniform(0, 0.5, (40, 30)), rng.choice(SIDES, (40, 30))
    before = gap.copy()
    first, second = table(gap, side)
    assert first.shape == second.shape == gap.shape
    assert np.abs(first - arccosine(gap, side)).max() < 2e-15
    assert np.abs(second - root(gap, side)).max() < 2e-15
    assert (gap == before).all()
    assert (table(gap.T, side.T)[0] == first.T).all()  # any strides


def test_pieces_are_halved_where_that_helps():
    def busy(gap, side):
        return np.cos(300 * gap + side)

    table = zonal.zonal(values(busy))
    assert table.bits > 4
    assert table.error < 1e-13
    assert errors(table, busy, GAPS, 1.0) < 2 * table.error + 1e-15


def test_noise_ends_the_search_and_is_told():
    points = []

    def noisy(gap, side):
        points.append(gap.size)
        return root(gap, side) + 1e-11 * gap * np.cos(1e17 * gap)

    table = zonal.zonal(values(noisy))
    assert table.bits <= 5
    assert 1e-12 < table.error < 1e-10
    assert errors(table, noisy, GAPS, 1.0) < 3 * table.error
    assert sum(points) < 300_000


def test_what_is_no_number_is_told():
    table = zonal.zonal(values(lambda gap, side: np.where(gap > 0.3, np.nan, 1.0)))
    assert math.isnan(table.error)


def test_the_piece_of_a_pair_as_compiled_loops_find_it():
    table = zonal.zonal(values(root))
    for side in SIDES:
        for gap in (0.0, 1e-40, 1e-9, 0.3, 0.5):
            digits = int(np.float64(gap).view(np.int64))
            piece = max((digits >> int(table.shift)) + table.lifts[side > 0], table.floors[side > 0])
            rest = ((digits << int(table.bits)) & int(table.mantissa)) | int(table.two)
            t = np.int64(rest).view(np.float64) - 3
            assert -1 <= t < 1
            h = np.polynomial.polynomial.polyval(t, table.coefficients[piece, 0])
            assert abs(h - root(gap, side)) < 2e-15
