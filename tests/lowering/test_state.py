"""The mix of uncorrelated parts: its angle against mpmath, to full relative precision at both ends."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from straightline import in_backend

from kernelc.builder import Builder
from kernelc.lowering.state import Part, Scope, fold, mix

mp = mpmath.mp.clone()
mp.dps = 60

weights = st.floats(0.01, 1)
gaps = st.sampled_from([0.0, 1e-300, 1e-30, 1e-15, 1e-8]) | st.floats(1e-6, 0.5)
sides = st.sampled_from([-1.0, 1.0])


def mix_code(n):
    """The code that mixes n parts; their weights are unit vectors at either point."""
    b = Builder()
    parts = [Part(*(b.input(f"{name}{i}", "pair") for name in ("a", "b", "gap", "side"))) for i in range(n)]
    gap, side = mix(b, parts)
    return b.code({"gap": gap, "side": side})


CODES = {n: mix_code(n) for n in (2, 3)}


def true_ends(parts):
    """sin² and cos² of half the new angle, the weights made unit vectors exactly."""
    exact = [[mp.mpf(v) for v in part] for part in parts]
    first, second = (mp.sqrt(sum(part[k] ** 2 for part in exact)) for k in (0, 1))
    near, far = mp.mpf(0), mp.mpf(0)
    for a, b, gap, side in exact:
        shared, spread = a * b / (first * second), (a / first - b / second) ** 2 / 4
        near += shared * (gap if side > 0 else 1 - gap) + spread
        far += shared * (1 - gap if side > 0 else gap) + spread
    assert abs(near + far - 1) < mp.mpf("1e-55")
    return near, far


def unit(parts):
    """The parts with weights that are unit vectors up to rounding; equal weights at both points stay equal."""
    first, second = (np.sqrt(sum(part[k] ** 2 for part in parts)) for k in (0, 1))
    return [(a / first, b / second, gap, side) for a, b, gap, side in parts]


def assert_mixed(parts, backend):
    names = ("a", "b", "gap", "side")
    values = {f"{name}{i}": v for i, part in enumerate(parts) for name, v in zip(names, part, strict=True)}
    got = in_backend(CODES[len(parts)], values, backend)
    near, far = true_ends(parts)
    rounding = 4e-16 * max(abs(a - b) for a, b, *_ in parts)  # of the weights, where they differ
    assert abs(mp.mpf(float(got["gap"])) - min(near, far)) <= mp.mpf("2e-15") * min(near, far) + rounding
    if abs(near - far) > 1e-12:
        assert got["side"] == (1 if near < far else -1)


@pytest.mark.parametrize("backend", ["numpy", "numexpr"])
@given(st.lists(st.tuples(weights, weights, gaps, sides), min_size=2, max_size=3))
def test_any_parts(backend, parts):
    assert_mixed(unit(parts), backend)


@given(st.lists(st.tuples(weights, gaps), min_size=2, max_size=3), sides)
def test_equal_rows_keep_a_tiny_angle_and_its_opposite(parts, side):
    """The weights agree, all parts point the same way: no term is negative and no digit is lost."""
    assert_mixed(unit([(a, a, gap, side) for a, gap in parts]), "numpy")


def test_one_part_is_itself_and_a_nonnegative_mix_has_no_side():
    b = Builder()
    gap, side, one = b.input("gap", "pair"), b.input("side", "pair"), b.wrap(1)
    assert mix(b, [Part(one, one, gap, side)]) == (gap, side)
    parts = [Part(*(b.input(f"w{i}{k}", "one") for k in (1, 2)), gap, side) for i in (1, 2)]
    assert mix(b, parts, nonnegative=True)[1].is_number(1)
    forward = [Part(p.weight1, p.weight2, p.gap, one) for p in parts]
    assert mix(b, forward)[1].is_number(1)


@pytest.mark.parametrize(
    ("near", "far", "ends"), [(0.25, 0.75, (0.25, 1)), (1.0, 1e-40, (1e-40, -1)), (0.5, 0.5, (0.5, 1))]
)
def test_fold(near, far, ends):
    b = Builder()
    gap, side = fold(b, b.input("near", "pair"), b.input("far", "pair"))
    got = in_backend(b.code({"gap": gap, "side": side}), {"near": near, "far": far})
    assert (got["gap"], got["side"]) == ends


def test_what_a_row_saves_is_saved_once_under_a_name_that_is_free():
    scope = Scope(True, {}, {})
    q = scope.row.input("q", "one")
    first = scope.save("s", scope.row.sqrt(q))
    assert [v.atom for v in first] == ["s1", "s2"]
    assert [v.atom for v in scope.save("again", scope.row.sqrt(q))] == ["s1", "s2"]
    assert [v.atom for v in scope.save("s", q + 1)] == ["s_1", "s_2"]
    assert [v.rate for v in first] == ["one", "two"]
    assert all(v.is_number(3) for v in scope.save("three", scope.row.wrap(3)))


def test_weights_are_shares_and_zero_where_there_is_nothing():
    scope = Scope(True, {}, {})
    part, whole = scope.row.input("part", "one"), scope.row.input("whole", "one")
    scope.weights("W", part, whole)
    code = scope.row.code({"W": scope.saved["W"]})
    values = {"part": np.array([0.0, 1.0, 4.0]), "whole": np.array([0.0, 4.0, 4.0])}
    assert in_backend(code, values)["W"].tolist() == [0, 0.5, 1]
