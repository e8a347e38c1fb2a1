"""Activations with an infinite slope somewhere: they have an NTK where E[φ'²] is finite, and quadrature finds it."""

import numpy as np
import pytest
from evaluated import evaluator

import kernelc
from kernelc.duals.numpy_code import numeric

ROWS = np.array([[0.9, 0.3], [0.0, 0.0], [-0.2, 1.1]])


def compiled(formula, **scales):
    dense = kernelc.Dense(**scales)
    return kernelc.compile(kernelc.Network([dense, kernelc.Activation(formula), kernelc.Dense()], name="steep"))


@pytest.mark.parametrize(
    ("formula", "has_ntk"),
    [
        ("x*abs(x)**(-1/5)", True),
        ("x*log(abs(x))", True),
        ("abs(x - 1)**0.8", True),
        ("log(abs(x))", False),
        ("abs(x - 1)**0.5", False),
    ],
)
def test_what_has_an_ntk(formula, has_ntk):
    dual, phi = kernelc.dual(formula), numeric(kernelc.dual(formula).phi)
    assert (dual.ntk_reason is None) == phi.has_ntk == has_ntk
    assert phi.singular
    assert phi.steep == has_ntk


@pytest.mark.slow
def test_a_power_that_is_written_as_a_product():
    """sgn(x)|x|^(4/5) by quadrature against the same power by its hypergeometric function; a row at the origin too."""
    one, two = compiled("x*abs(x)**(-1/5)"), compiled("sign(x)*abs(x)**0.8")
    assert type(evaluator(one)).__name__ != type(evaluator(two)).__name__
    for get in ("nngp", "ntk"):
        found, expected = one(ROWS, get=get), two(ROWS, get=get)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_slope_that_is_no_number_at_its_kink():
    """(1/2 - 4x)^α/(1/2 - 4x) is 0/0 at 1/8."""
    kernel = compiled("abs(-4*x + 2/4)**(pi/2)", W_std=1.5, b_std=0.1)
    assert np.isfinite(kernel(ROWS)).all()


@pytest.mark.slow
def test_too_steep_a_kink_off_the_origin():
    """A float64 beside 1 is no nearer to it than 1e-16, and much of E[φ'²] is nearer."""
    with pytest.raises(kernelc.UnsupportedError, match="too steep for quadrature"):
        compiled("abs(x - 1)**0.6")
