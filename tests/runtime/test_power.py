"""The evaluation of powers in generated modules, on polynomials and logarithms known beforehand."""

import numpy as np
import pytest

from kernelc.runtime.power import PowerDual, PowerGap

GAP = np.array([[0.0, 1e-40, 1e-12], [0.01, 0.3, 0.5]])
SAME = PowerGap(1, 0.5, (1.0,), (0.0,))  # φ = x
SQUARE = PowerGap(2, 0.5, (1.0, -1 / 3), (0.0,))  # φ = x²: g' = 4g(1 - g)/3
ONE = np.ones((2, 1)), np.ones((1, 3))


def test_polynomials():
    assert (SAME(GAP) == GAP).all()
    assert np.allclose(SQUARE(GAP), 4 / 3 * GAP * (1 - GAP), rtol=1e-15, atol=0)


@pytest.mark.parametrize("excess", [-0.9, -0.3, 0.0, 1e-12, 0.4])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_powers_and_logarithms(order, excess):
    found = PowerGap(order, excess, (0.0,), (-1.0,))(GAP)
    g = GAP[GAP > 0]
    power = np.log(g) if abs(excess) < 1e-9 else (g**excess - 1) / excess
    assert found[0, 0] == 0
    assert np.allclose(found[GAP > 0], -(g**order) * power, rtol=1e-9 if excess == 1e-12 else 1e-13, atol=0)


def test_gaps_that_are_hardly_numbers():
    with np.errstate(all="raise", under="ignore"):
        found = PowerGap(1, -0.99, (0.1,), (-0.2,))(np.array([0.0, 5e-324, 1e-308, 1e-300]))
    assert found[0] == 0
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_parity(side):
    sides = np.full_like(GAP, side)
    even, odd = (PowerDual(1.5, 1.0, ((parity, 1.0, SQUARE),)) for parity in (1, -1))
    for dual, facing in ((even, 1), (odd, side)):
        near, found = dual.angle(GAP, sides, *ONE)
        assert (near == SQUARE(GAP)).all()
        assert (found[near < 0.5] == facing).all()


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_mixed_parts(side):
    weights = 0.3, 0.7
    dual = PowerDual(1.5, 2.0, ((1, 0.3, SQUARE), (-1, 0.7, SAME)), 3.0, ((1, 0.7, SQUARE), (-1, 0.3, SAME)))
    sides, s1, s2 = np.full_like(GAP, side), np.array([[0.5], [2.0]]), np.array([[1.0, 3.0, 0.1]])
    near, facing = dual.angle(GAP, sides, s1, s2)
    even, odd = 1 - 2 * SQUARE(GAP), side * (1 - 2 * GAP)
    assert np.allclose(facing * (1 - 2 * near), weights[0] * even + weights[1] * odd, rtol=0, atol=1e-15)
    assert ((near >= 0) & (near <= 0.5)).all()
    dot = 3.0 * np.sqrt(s1 * s2) * (weights[1] * even + weights[0] * odd)
    assert np.allclose(dual.dot(GAP, sides, s1, s2), dot, rtol=1e-14, atol=1e-15)


def test_moments_and_rows_at_the_origin():
    s = np.array([0.0, 1e-150, 0.5, 4.0])
    dual = PowerDual(0.75, 2.0, ((1, 1.0, SQUARE),), 3.0, ((-1, 1.0, SAME),))
    assert np.allclose(dual.moment(s), 2 * s**1.5, rtol=1e-15, atol=0)
    assert np.allclose(dual.slope_moment(s), [0, *(3 / np.sqrt(s[1:]))], rtol=1e-14, atol=0)
    tile = np.full((4, 4), 0.25)
    for values in (*dual.angle(tile, np.ones_like(tile), s[:, None], s), dual.dot(tile, tile, s[:, None], s)):
        assert np.isfinite(values).all()


def test_float32():
    gap, side = GAP.astype(np.float32), np.ones(GAP.shape, np.float32)
    dual = PowerDual(1.5, 1.0, ((1, 1.0, SQUARE),), 1.0, ((-1, 1.0, SAME),))
    near, facing = dual.angle(gap, side, *ONE)
    assert near.dtype == facing.dtype == dual.dot(gap, side, *ONE).dtype == np.float32
    assert np.allclose(near, SQUARE(GAP), rtol=1e-6, atol=1e-44)
