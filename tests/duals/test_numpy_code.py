"""NumPy code of activations: value and slope against multiple precision, of built-in ones and of formulas."""

import mpmath
import numpy as np
import pytest
from sympy import Symbol, exp, lambdify

from kernelc import runtime
from kernelc.activations import ACTIVATIONS, build
from kernelc.duals.numpy_code import RUNTIME, derivative, numeric, text
from kernelc.duals.pieces import pieces
from kernelc.duals.zeros import position
from kernelc.errors import LoweringError, UnsupportedError
from kernelc.formula import parse_formula
from kernelc.symbols import x

SIZES = (1e-6, 1e-4, 0.01, 0.13, 0.3, 0.7, 1, 1.5, 2.2, 3, 4.5, 6, 9, 13, 20, 30, 36, 40, 100, 300, 700, 750, 1000, 1e4)
POINTS = np.array([sign * size for size in SIZES for sign in (-1, 1)])

FORMULAS = [
    "(exp(x) - exp(-x))/(exp(x) + exp(-x))",
    "exp(-x)/(1 + exp(-x))**2",
    "exp(x)/(1 + exp(x))**3",
    "x*exp(x)/(1 + exp(x))",
    "log(exp(x) + exp(-x))",
    "sinh(x)/cosh(x)",
    "1/cosh(x)",
    "2/(1 + exp(-2*x)) - 1",
    "(1 - exp(-2*x))/(1 + exp(-2*x))",
    "x*((1 + exp(x))**2 - 1)/((1 + exp(x))**2 + 1)",
    "cosh(x)/(1 + cosh(x))",
    "sinh(x)/(1 + cosh(x))",
    "x/sqrt(1 + x**2)",
    "log(sigmoid(x))",
    "exp(-exp(-x))",
    "x*(1 - exp(-exp(x)))",
    "x*Phi(x) + phi(x)",
    "where(x > 0, log(1 + x), exp(x) - 1)",
    "max(x, tanh(x))",
    "1/(2 + exp(-x))",
    "log(1 + exp(-abs(x)))",
    "abs(x)**1.5*sign(x)",
    "abs(x)**(1/3)*sign(x)",
    "sin(x)/x",
    "x/(exp(x) - 1)",
    "(1 - exp(-abs(x)))/x",
    "x*tanh(x) - x*log(abs(x) + 1)",
    "max(0, x)**3 - min(0, x)**2",
    "x*sigmoid(x)**2",
    "atan(x) + x*erfc(x)",
    "where(x < 1/3, sin(x), cos(x))",
    "log(1 + exp(x) + exp(2*x))",
    "log(exp(x) + 2*exp(-x))",
    "tanh(x)/x",
    "atan(sinh(x))",
]

CASES = {name: build(name) for name in ACTIVATIONS} | {formula: parse_formula(formula) for formula in FORMULAS}


def truth(phi, order):
    """φ or φ' at the points, to 40 digits; None where it is not a number of float64."""
    parts = pieces(phi)
    functions = [lambdify(x, part.expr.diff(x, order), "mpmath") for part in parts]
    out = []
    with mpmath.workdps(100):
        for point in POINTS:
            at = mpmath.mpf(float(point))
            k = max(i for i, part in enumerate(parts) if i == 0 or position(part.lo) <= at)
            value = mpmath.re(functions[k](at))
            out.append(value if abs(value) < 1e308 else None)
    return out


@pytest.mark.parametrize("name", CASES)
def test_value_and_slope(name):
    phi, code = CASES[name], numeric(CASES[name])
    space = module(code)
    values, slopes = truth(phi, 0), truth(phi, 1)
    for function, true, rates in ((code.value, values, slopes), (code.slope, slopes, slopes)):
        embedded = space["phi" if function is code.value else "phi_slope"]
        assert np.array_equal(embedded(POINTS), function(POINTS), equal_nan=True)
        for point, found, exact, rate in zip(POINTS, function(POINTS), true, rates, strict=True):
            if exact is None:
                continue
            moved = 4e-16 * abs(point) * max(1, abs(rate or 0))  # what an ulp of x, or of b x + c, does
            assert abs(found - exact) <= 1e-15 * max(1, abs(exact)) + (moved if abs(point) > 1 else 0), point


def module(code):
    """The source, run where there is nothing but NumPy and the runtime."""
    parts = ["from typing import Any", "import numpy as np", *map(runtime.source, RUNTIME), code.source("phi")]
    return vars(runtime.execute("\n".join(parts), "test"))


@pytest.mark.parametrize("name", ["sigmoid", "silu", "tanh", "gelu", "sin(x)/x", "x*exp(x)/(1 + exp(x))", "1/cosh(x)"])
def test_tails_keep_their_digits(name):
    """A relative error, not one relative to 1, where the formula is small."""
    code, at = numeric(CASES[name]), np.array([-30.0, -12.0, -5.0, -1e-5])
    for order, function in enumerate((code.value, code.slope)):
        exact = lambdify(x, CASES[name].diff(x, order), "mpmath")
        with mpmath.workdps(400):
            for point, found in zip(at, function(at), strict=True):
                true = exact(mpmath.mpf(float(point)))
                assert abs(found - true) < 2e-13 * abs(true)


@pytest.mark.parametrize(
    ("formula", "kinks", "jumps", "singular", "parity"),
    [
        ("max(-1, min(1, x))", (-1, 1), False, False, -1),
        ("sign(x)", (0,), True, False, -1),
        ("where(x < 1/3, sin(x), cos(x))", (1 / 3,), True, False, 0),
        ("sqrt(abs(x))", (0,), False, True, 1),
        ("log(abs(x))", (0,), False, True, 1),
        ("x*log(abs(x))", (0,), False, True, -1),
        ("abs(x)**1.5", (0,), False, False, 1),
        ("1/(x - 2)", (), False, True, 0),
        ("sin(x)/x", (), False, False, 1),
        ("exp(-abs(x))", (0,), False, False, 1),
        ("x**2 + x", (), False, False, 0),
        ("1/(1 + exp(-x)) - 1/2", (), False, False, -1),
    ],
)
def test_facts(formula, kinks, jumps, singular, parity):
    code = numeric(parse_formula(formula))
    assert code.kinks == pytest.approx(kinks, abs=1e-16)
    assert (code.jumps, code.singular, code.parity) == (jumps, singular, parity)


@pytest.mark.parametrize(
    ("formula", "value", "slope"),
    [
        ("relu(x)", 0, 0.5),
        ("heaviside(x)", 0.5, 0),
        ("sin(x)/x", 1, 0),
        ("x/(exp(x) - 1)", 1, -0.5),
        ("sign(x) + x", 0, 1),
    ],
)
def test_at_zero(formula, value, slope):
    code = numeric(parse_formula(formula))
    assert (code.at_zero, code.slope_at_zero) == pytest.approx((value, slope), abs=1e-15)


@pytest.mark.parametrize(
    ("formula", "want"),
    [
        ("x/3", "x/3.0"),
        ("x**2/2 - x**4", "0.5*np.square(x) - np.square(np.square(x))"),
        ("1/(1 + x**2)", "1.0/(1.0 + np.square(x))"),
        ("x*Phi(x)", "x*ndtr(x)"),
        ("-(2 - x)*(x - 1)", "(x - 1.0)*(x - 2.0)"),
        ("0.1*x - 0.2", "x/10.0 - 0.2"),
        ("2**x", "2.0**x"),
        ("exp(-(x - 1)**2)", "np.exp(-np.square(x - 1.0))"),
        ("1 - tanh(x)**2", "np.square(sech(x))"),
        ("3*exp(x) - 3", "3.0*np.expm1(x)"),
    ],
)
def test_text(formula, want):
    assert text(parse_formula(formula)) == want


def test_parameters_are_names():
    alpha = Symbol("alpha", real=True)
    assert text(alpha * (exp(x) - 1)) == "alpha_*np.expm1(x)"
    assert text(derivative(alpha / (1 + exp(-alpha * x)))) == "np.square(alpha_)*expit(-alpha_*x)*expit(alpha_*x)"


def test_whole_arrays():
    code = numeric(build("hard_swish"))
    assert code.value(np.zeros((2, 3))).shape == (2, 3)
    assert code.slope(np.zeros((2, 3))).shape == (2, 3)
    assert numeric(parse_formula("2")).value(np.zeros((2, 3))).tolist() == [[2.0] * 3] * 2


def test_float64_overflows_and_the_value_is_finite():
    code = numeric(parse_formula("exp(x**2)*erfc(x)"))
    assert code.value(np.array([30.0, 100.0])) == pytest.approx(
        [0.018795888861416751, 0.0056416137829894327], rel=1e-12
    )


def test_refusals():
    with pytest.raises(UnsupportedError, match="depends on alpha: give a number"):
        numeric(Symbol("alpha", real=True) * x)
    with pytest.raises(LoweringError, match="don't know how to compile 'Abs'"):
        text(parse_formula("abs(x)"))
