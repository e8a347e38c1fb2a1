"""The support algebra against polynomials with nonnegative coefficients, multiplied out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelc.certificates.structure.enclosure import Enclosure, exactly, possibly
from kernelc.certificates.structure.support import ALL, INF, ONE, ZERO, Support, of_degrees

SMALL = st.frozensets(st.integers(0, 6), max_size=5)


def series(degrees):
    out = np.zeros(max(degrees, default=0) + 1)
    out[list(degrees)] = 1.0
    return out


def degrees(coefficients):
    return frozenset(np.flatnonzero(coefficients).tolist())


def compose(f, g):
    out = np.zeros(1)
    for coefficient in f[::-1]:
        out = np.convolve(out, g)
        out[0] += coefficient
    return out


def padded_sum(f, g):
    n = max(len(f), len(g))
    return np.pad(f, (0, n - len(f))) + np.pad(g, (0, n - len(g)))


@given(SMALL, SMALL)
def test_operations_are_those_of_polynomials(one, two):
    f, g = series(one), series(two)
    a, b = of_degrees(one), of_degrees(two)
    assert a | b == of_degrees(degrees(padded_sum(f, g)))
    assert a * b == of_degrees(degrees(np.convolve(f, g)))
    assert a @ b == of_degrees(degrees(compose(f, g)))
    assert a.derivative() == of_degrees(degrees(np.polynomial.polynomial.polyder(f)))


@given(SMALL, SMALL, SMALL)
def test_laws(one, two, three):
    a, b, c = map(of_degrees, (one, two, three))
    assert a * (b | c) == a * b | a * c
    assert (a | b) @ c == a @ c | b @ c
    assert (a * b) @ c == (a @ c) * (b @ c)
    assert (a @ b) @ c == a @ (b @ c)
    assert (a * b).derivative() == a.derivative() * b | a * b.derivative()
    assert (a @ b).derivative() == (a.derivative() @ b) * b.derivative()


@given(SMALL, SMALL, SMALL)
def test_monotone(one, two, extra):
    a, b = of_degrees(one), of_degrees(two)
    larger = of_degrees(one | extra)
    assert larger | b == (larger | b) | (a | b)
    assert larger * b == larger * b | a * b
    assert larger @ b == larger @ b | a @ b
    assert b @ larger == b @ larger | b @ a


@given(st.sampled_from([0, 1]), SMALL.filter(bool))
def test_infinitely_many_is_what_long_truncations_grow_to(parity, inner):
    """F with all degrees of a parity up to n: the parts of F∘G that grow with n are those called infinite."""
    f = Support(INF, frozenset()) if parity == 0 else Support(frozenset(), INF)
    g = of_degrees(inner)
    found = f @ g
    short, long = (of_degrees(frozenset(range(parity, n, 2))) @ g for n in (16, 32))
    for part, few, many in ((found.even, short.even, long.even), (found.odd, short.odd, long.odd)):
        assert (part == INF) == (len(many) > len(few) > 1)
        if part != INF:
            assert part == many


def test_infinite_parts_absorb():
    half = Support(INF, frozenset({1}))
    assert half | ONE == half
    assert half * ZERO == ZERO
    assert half * of_degrees(frozenset({1})) == Support(frozenset({2}), INF)
    assert half.derivative() == Support(frozenset({0}), INF)
    assert half @ ONE == ONE
    assert half @ ZERO == ZERO


@given(SMALL, SMALL, SMALL, SMALL)
def test_bounds_hold_what_they_bound(one, hidden_one, two, hidden_two):
    """Whatever degrees are kept back, the exact result lies between the bounds."""
    a = Enclosure(of_degrees(one), of_degrees(one | hidden_one))
    b = Enclosure(of_degrees(two), of_degrees(two | hidden_two))
    exact_a, exact_b = of_degrees(one | hidden_one), of_degrees(two)
    pairs = [(a | b, exact_a | exact_b), (a * b, exact_a * exact_b), (a.derivative(), exact_a.derivative())]
    if two:
        pairs.append((a @ b, exact_a @ exact_b))
    for bounds, truth in pairs:
        assert bounds.lower | truth == truth
        assert bounds.upper | truth == bounds.upper


def test_degrees_beyond_the_limit_are_not_claimed():
    square = exactly(of_degrees(frozenset({0, 2})))
    found = square
    for _ in range(20):
        found = square @ found
    assert found.even is None
    assert found.odd == frozenset()
    assert found.highest(0) is None


def test_possibly_keeps_no_degree():
    assert possibly(exactly(ONE)).even is None
    assert possibly(exactly(ZERO)).even == frozenset()


def test_highest():
    known = Enclosure(of_degrees(frozenset({6})), of_degrees(frozenset({0, 2, 6})))
    assert known.highest(0) == 6
    assert known.even is None
    assert known.highest(1) == -1
    assert exactly(ALL).highest(1) == INF
    assert Enclosure(ZERO, ALL).highest(0) is None


@pytest.mark.parametrize("inner", [{0, 1}, {2, 3}, {1, 4}])
def test_both_parities_give_both(inner):
    assert Support(INF, frozenset()) @ of_degrees(frozenset(inner)) == ALL
    assert Support(frozenset(), INF) @ of_degrees(frozenset(inner)) == ALL
