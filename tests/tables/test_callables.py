"""Python functions as activations: kinks, derivatives and errors."""

import math

import numpy as np
import pytest

from kernelc.activations import build
from kernelc.duals.numpy_code import numeric
from kernelc.errors import InputError, UnsupportedError
from kernelc.tables.callables import numeric_of_callable

POINTS = np.concatenate([np.random.default_rng(0).standard_normal(400) * s for s in (0.01, 0.3, 1, 3, 10, 100)])

BUILT_IN = [
    "relu", "relu2", "gelu", "gelu_tanh", "tanh", "softplus", "silu", "mish", "elu", "selu", "celu", "hard_swish",
    "hard_tanh", "relu6", "softshrink", "sign", "step", "sin", "cos", "gaussian", "erf", "softsign",
    "identity", "snake",
]  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_from_its_values(name):
    want = numeric(build(name))
    found = numeric_of_callable(lambda x: want.value(x))
    assert found.kinks == pytest.approx(want.kinks, abs=1e-12)
    assert found.jumps == want.jumps
    assert found.parity in (0, want.parity)
    assert np.array_equal(found.value(POINTS), want.value(POINTS))
    assert found.at_zero == pytest.approx(want.at_zero, abs=1e-15)
    assert found.slope_at_zero == pytest.approx(want.slope_at_zero, abs=2e-12)
    error = np.abs(found.slope(POINTS) - want.slope(POINTS)) / np.maximum(1, np.abs(want.value(POINTS)))
    assert error.max() < 5e-12
    assert np.median(error) < 2e-13


def test_a_function_of_one_number():
    found = numeric_of_callable(lambda t: t if t > 0 else math.expm1(t))
    assert found.kinks == (0.0,)
    assert found.slope(np.array([-1.0, 2.0])) == pytest.approx([math.exp(-1), 1], abs=1e-12)
    assert found.value(np.array([[-1.0, 2.0]])).shape == (1, 2)


def test_kinks_anywhere():
    at = math.pi / 7
    found = numeric_of_callable(lambda x: np.abs(x - at) * np.tanh(x) + np.where(x > 2 * at, 1.0, 0.0))
    assert found.kinks == pytest.approx((at, 2 * at), abs=4e-16)
    assert found.jumps


def test_close_kinks():
    found = numeric_of_callable(lambda x: np.clip(x, -0.002, 0.001))
    assert found.kinks == (-0.002, 0.001)


def test_narrow_but_smooth():
    found = numeric_of_callable(lambda x: 1 / (1 + 1e4 * x * x))
    assert found.kinks == ()
    assert found.slope(np.array([0.01])) == pytest.approx([-50.0], rel=1e-11)


def test_only_where_it_is_finite():
    found = numeric_of_callable(np.exp)
    assert found.slope(np.array([1.0])) == pytest.approx([math.e], rel=1e-12)
    with pytest.raises(UnsupportedError, match="where it is finite"):
        found.slope(np.array([2000.0]))


def test_no_source():
    with pytest.raises(UnsupportedError, match="has no formula"):
        numeric_of_callable(np.tanh).source("phi")


@pytest.mark.parametrize(
    ("f", "error", "match"),
    [
        (3, InputError, "must be a function of x, found int"),
        (np.log, InputError, "must be finite everywhere"),
        (lambda x: x * 1j, InputError, "must be a real number"),
        (lambda x: np.ones(3), InputError, "one number for each x"),
        (lambda x: x.nothing, InputError, "failed at x = -1.7: AttributeError"),
        (np.floor, UnsupportedError, "more than 40 kinks"),
        (lambda x: np.tanh(np.asarray(x, dtype=np.float32)), UnsupportedError, "not smooth"),
        (lambda x: np.sqrt(np.abs(x)), UnsupportedError, "not smooth next to x = 0"),
    ],
)
def test_errors_teach(f, error, match):
    with pytest.raises(error, match=match):
        numeric_of_callable(f)
