"""Matrices against samples of finite networks: every entry counts, from either triangle."""

import numpy as np
import pytest

import kernelc
from kernelc.checking.verdict import Verdict
from kernelc.montecarlo.estimate import Plan, sample

WIDTHS, NETWORKS = (64, 128), 1000
POINTS = np.random.default_rng(5).standard_normal((3, 3))
BOTH = ("nngp", "ntk")


@pytest.fixture(scope="module")
def net():
    return kernelc.load("relu-1")


@pytest.fixture(scope="module")
def verdict(net):
    return Verdict(sample(Plan(net, POINTS, WIDTHS, NETWORKS, 0, True)), WIDTHS)


@pytest.fixture
def right(net):
    return dict(zip(BOTH, kernelc.compile(net, "numpy")(POINTS, None, BOTH), strict=True))


def test_right_kernels_pass(verdict, right):
    assert verdict.together(right) > 0.01
    for name in BOTH:
        assert verdict.kernel(name, right[name]).passed


@pytest.mark.parametrize("place", [(0, 1), (1, 0), (2, 0), (1, 2)])
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_one_wrong_entry_of_either_triangle_is_caught_and_named(verdict, right, place, value):
    wrong = right["ntk"].copy()
    wrong[place] = wrong[place] + 3 if value == 0 else value
    found = verdict.kernel("ntk", wrong)
    assert not found.passed
    assert found.worst == place
    assert verdict.together(right | {"ntk": wrong}) < 0.01


def test_the_report_has_the_matrix_that_was_judged(verdict, right):
    found = verdict.kernel("nngp", right["nngp"])
    np.testing.assert_array_equal(found.kernel, right["nngp"])
    for matrix in (found.mean, found.error, found.z):
        np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_allclose(found.z, (found.kernel - found.mean) / found.error)
    assert abs(found.z[found.worst]) == np.abs(found.z).max()


def test_kernels_together_are_judged_with_their_correlation(verdict, right):
    # Θ = Σ + tangent part: networks have both too large or both too small, so against each other a little is too much
    apart = {"nngp": 0.99 * right["nngp"], "ntk": 1.01 * right["ntk"]}
    along = {"nngp": 1.01 * right["nngp"], "ntk": 1.01 * right["ntk"]}
    assert verdict.together(apart) < verdict.together(along)


def test_one_kernel_alone(verdict, right):
    assert verdict.together({"nngp": right["nngp"]}) == pytest.approx(verdict.kernel("nngp", right["nngp"]).p_value)


def test_layers_have_titles_and_what_a_module_departs_by(verdict, right, net):
    own = [{"nngp": 2 * POINTS @ POINTS.T / 3, "ntk": 2 * POINTS @ POINTS.T / 3}, right]
    wrong = [own[0], {"nngp": right["nngp"], "ntk": 1.1 * right["ntk"]}]
    first, last = verdict.layers(own, wrong)
    assert (first.number, first.title, last.number, last.title) == (1, "dense", 2, "relu, dense")
    assert first.p_value == 1
    assert first.departs == {"nngp": 0, "ntk": 0}
    assert last.departs["nngp"] == 0
    assert last.departs["ntk"] == pytest.approx(0.1)
    assert [layer.departs for layer in verdict.layers(own, ())] == [{}, {}]


@pytest.mark.parametrize(
    "points",
    {
        "one point": [[0.3, -1.2]],
        "duplicates": [[1.0, 2.0], [1.0, 2.0], [0.5, -1.0]],
        "near duplicates": [[1.0, 2.0], [1.0, 2.0 + 1e-7], [0.5, -1.0]],
        "on one line": [[1.0, 2.0], [2.0, 4.0], [0.5, 1.0]],
        "antipodes": [[1.0, 2.0], [-1.0, -2.0], [0.5, -1.0]],
        "a zero row": [[0.0, 0.0], [1.0, 2.0], [0.5, -1.0]],
        "zeros alone": [[0.0, 0.0], [0.0, 0.0]],
        "one dimension": [[1.0], [-2.0], [3.0]],
        "twelve points": np.random.default_rng(0).standard_normal((12, 2)).tolist(),
        "tiny and huge": [[1e-150, 0.0], [1.0, 2.0], [0.0, 1e100]],
    }.items(),
    ids=lambda item: item[0],
)
def test_right_kernels_pass_on_unusual_points(net, points):
    x = np.array(points[1])
    matrices = dict(zip(BOTH, kernelc.compile(net, "numpy")(x, None, BOTH), strict=True))
    verdict = Verdict(sample(Plan(net, x, (32, 64), 400, 1, True)), (32, 64))
    assert verdict.together(matrices) > 0.01
    if np.any(x):
        assert verdict.together(matrices | {"ntk": 1.5 * matrices["ntk"]}) < 0.01
