"""The two parts of an activation."""

import mpmath
import numpy as np
import pytest

from kernelc.activations import build
from kernelc.duals.numpy_code import numeric
from kernelc.tables.callables import numeric_of_callable
from kernelc.tables.sampling import sampled

AT = np.geomspace(1e-6, 300, 60)


@pytest.mark.parametrize("name", ["relu", "gelu", "softplus", "elu", "hard_swish", "sin", "mish", "sign"])
def test_parts_are_the_whole(name):
    phi = numeric(build(name))
    parts = sampled(phi)
    for halves, function in ((parts.value, phi.value), (parts.slope, phi.slope)):
        odd, even = halves(AT)
        assert np.allclose(even + odd, function(AT), rtol=1e-14, atol=4e-15)
        assert np.allclose(even - odd, function(-AT), rtol=1e-14, atol=4e-15)
    assert (parts.at_zero, parts.slope_at_zero) == (phi.at_zero, phi.slope_at_zero)


@pytest.mark.parametrize(
    ("name", "part"), [("tanh", 1), ("sin", 1), ("cos", 0), ("abs", 0), ("softsign", 1), ("erf", 1)]
)
def test_a_part_that_vanishes_is_zero(name, part):
    parts = sampled(build(name))
    assert not parts.value(AT)[part].any()
    assert not parts.slope(AT)[1 - part].any()


def test_no_digits_are_lost_near_zero():
    odd, _ = sampled(build("softplus")).value(AT)
    assert odd == pytest.approx(AT / 2, rel=4e-16)
    odd, _ = sampled(build("sigmoid")).value(AT)
    assert odd == pytest.approx([float(mpmath.tanh(t / 2) / 2) for t in AT], rel=5e-16)


def test_any_shape_and_a_python_function():
    odd, even = sampled(numeric_of_callable(lambda x: np.maximum(x, 0))).value(AT.reshape(3, 4, 5))
    assert odd == pytest.approx(even, rel=1e-15)
    assert odd.shape == (3, 4, 5)
