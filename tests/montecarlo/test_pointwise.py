"""φ and φ' of finite networks against the same formula in 60 digits."""

import effort
import fuzz
import mpmath
import numpy as np
import pytest
import sympy as sp

from kernelc import Activation, Dense, InputError, Network
from kernelc.activations import ACTIVATIONS, build
from kernelc.formula import parse_formula
from kernelc.montecarlo import empirical
from kernelc.montecarlo.pointwise import Pointwise, derivative
from kernelc.symbols import x

POINTS = np.array([-11.3, -4.1, -2.3, -0.71, -0.013, 0.002, 0.37, 1.19, 2.9, 6.7, 14.2])  # no kinks of what is here
ACCURACY = 1e-12  # relative to max(1, |φ(z)|)
STEP = sp.Rational(1, 10**20)

FORMULAS = [
    "max(x, x**2 - 1, 1 - x)",
    "min(x, 2, x**3, -x)",
    "max(min(x, 3), max(-1, x/2), min(-x, 0.3))",
    "min(max(x, -1), 1)",
    "where(x > 0 and x < 3 or x < -2.5, x, 2*x + 1)",
    "where(not x > 1, where(x < -1 and x > -3, exp(x), x), where(x > 4, 4, x**2))",
    "Piecewise((x**2, x < -2), (sin(x), -2 <= x <= 2), (log(x), True))",
    "sqrt(abs(x))",
    "sqrt(relu(x))",
    "relu(x)**0.7",
    "abs(x)**2.5",
    "abs(x)**1.5*sign(x)",
    "x**3*abs(x)",
    "x*abs(x)*heaviside(x - 0.5)",
    "sign(x)*x**2 + heaviside(-x)",
    "log1p(exp(x))",
    "exp(x)/(1 + exp(x))",
    "x*exp(-x**2)/(1 + exp(-x))",
    "Phi(x)",
    "phi(x)",
    "x*erfc(-x)",
    "erfc(x)",
    "(1 + x**2)**(pi/2)/(2 + x**4)",
    "2**x*(x**2 + 1)**(x/10)",
    "sin(x)/x",
    "x*log(abs(x))",
    "atan(sinh(x/5)) + cosh(x/9)*tanh(x)",
    "12345678901234567890123*x/10**22",
    "3",
]


def true(phi: sp.Expr, z: float) -> mpmath.mpf:
    return mpmath.mpf(sp.N(phi.subs(x, sp.Rational(z)), 60))


def slope(phi: sp.Expr, z: float) -> mpmath.mpf:
    """A difference quotient in 60 digits with a step of 1e-20."""
    with mpmath.workdps(60):
        there, here = (mpmath.mpf(sp.N(phi.subs(x, sp.Rational(z) + side * STEP), 60)) for side in (1, -1))
        return (there - here) * mpmath.mpf(10) ** 20 / 2


def check(phi: sp.Expr, z: np.ndarray) -> None:
    pointwise = Pointwise("phi", phi)
    for found, want in ((pointwise.value(z), true), (pointwise.slope(z), slope)):
        assert found.shape == z.shape
        assert found.dtype == np.float64
        for at, value in zip(z, found, strict=True):
            exact = want(phi, at)
            assert abs(value - exact) <= ACCURACY * max(1, abs(exact)), (at, value)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_built_in_activation(name: str) -> None:
    check(build(name), POINTS)


@pytest.mark.parametrize("text", FORMULAS)
def test_awkward_formulas(text: str) -> None:
    check(parse_formula(text), POINTS)


@pytest.mark.parametrize(
    "text",
    [
        "log1p(exp(x))", "exp(x)/(1 + exp(x))", "sigmoid(x)", "x*sigmoid(-x)", "x*tanh(softplus(x))", "tanh(x)",
        "where(x > 0, x, exp(x) - 1)", "where(x < 0, x, exp(-x))",
        "relu(x)/(1 + exp(-x))", "heaviside(x)*exp(-x)", "heaviside(-x)*x*exp(-x)/cosh(x)",
        "exp(-x**2)*x", "Phi(x)*x", "max(exp(-x), exp(x))/(exp(x) + exp(-x))",
    ],
)  # fmt: skip
def test_where_floats_overflow_on_the_way(text: str) -> None:
    check(parse_formula(text), np.array([-1000.0, -800.0, 800.0, 1000.0]))


def test_where_there_is_only_a_limit() -> None:
    zero = np.zeros(2)
    for text, value, slope in (
        ("sin(x)/x", 1, 0),
        ("(exp(x) - 1)/x", 1, 0.5),
        ("x/(exp(x) - 1)", 1, -0.5),
        ("x**2*log(abs(x))", 0, 0),
    ):
        phi = Pointwise(text, parse_formula(text))
        assert phi.value(zero) == pytest.approx(value, abs=1e-20)
        assert phi.slope(zero) == pytest.approx(slope, abs=1e-20)


@pytest.mark.parametrize(
    ("text", "value", "slope"),
    [
        ("relu(x)", 0, 0),
        ("abs(x)", 0, 0),
        ("sign(x)", 0, 0),
        ("heaviside(x)", 0.5, 0),
        ("where(x > 0, x, -2*x)", 0, -2),
    ],
)
def test_kinks_and_jumps_at_zero(text: str, value: float, slope: float) -> None:
    phi = Pointwise(text, parse_formula(text))
    assert phi.value(np.zeros(1))[0] == value
    assert phi.slope(np.zeros(1))[0] == slope


@pytest.mark.parametrize(
    ("text", "z"), [("exp(x**2)", 40.0), ("exp(exp(x))", 12.0), ("log(abs(x))", 0.0), ("abs(x)**(-0.1)", 0.0)]
)
def test_an_infinite_value_is_refused(text: str, z: float) -> None:
    phi = Pointwise("my phi", parse_formula(text))
    with pytest.raises(InputError, match=rf"activation 'my phi' has no finite value at z = {z:.6g}, met in a finite"):
        phi.value(np.array([[1.0, z]]))


def test_an_infinite_slope_is_refused() -> None:
    phi = Pointwise("x*log(abs(x))", parse_formula("x*log(abs(x))"))
    assert phi.value(np.zeros(1)) == pytest.approx(0, abs=1e-20)
    with pytest.raises(InputError, match="has no finite value at z = 0"):
        phi.slope(np.zeros(1))


# ---------------------------------------------------------------- Python functions


def python(z):
    return 0.1 * z if z < 0 else z  # of one number


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        (lambda z: np.maximum(z, 0), "relu(x)"),
        (np.tanh, "tanh(x)"),
        (python, "where(x < 0, x/10, x)"),
        (lambda z: np.clip(z, -1, 2), "min(max(x, -1), 2)"),
        (lambda z: np.sign(z) + z, "sign(x) + x"),
        (lambda z: 2, "2"),
        (lambda z: z > 1, "heaviside(x - 1)"),
    ],
)
def test_python_functions(function: object, formula: str) -> None:
    """Slopes are quotients over 4/1024: right to 1e-11 close to kinks and jumps too."""
    near = np.array([k + s * h for k in (-1, 0, 1, 2) for s in (1, -1) for h in (1e-9, 1e-4, 5e-4, 3e-3)])
    z = np.concatenate([POINTS, near]).reshape(-1, 1)
    found, true = Pointwise("f", Activation(function).phi), Pointwise("f", parse_formula(formula))
    assert np.array_equal(found.value(z), true.value(z))
    assert np.abs(found.slope(z) - true.slope(z)).max() <= 1e-11


def test_a_python_function_keeps_its_argument_and_may_change_it() -> None:
    def double(z):
        z *= 2
        return z

    z = np.array([1.0, 2.0])
    assert np.array_equal(Pointwise("double", Activation(double).phi).value(z), [2, 4])
    assert np.array_equal(z, [1, 2])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z: z.nothing, "activation 'mine' failed at z = .*, met in a finite network: AttributeError"),
        (lambda z: 1j * z, "activation 'mine' failed at z = .*: TypeError"),
        (lambda z: [1.0, 2.0], "activation 'mine' failed at z = .*: TypeError"),
        (lambda z: np.log(z), "activation 'mine' has no finite value at z = -"),
    ],
)
def test_python_functions_that_fail(function: object, message: str) -> None:
    points = np.random.default_rng(0).standard_normal((4, 3))
    with pytest.raises(InputError, match=message):
        empirical(Network([Dense(), Activation("mine", function), Dense()]), points, width=8)


# ---------------------------------------------------------------- derivatives of anything

NASTY = [
    "where(heaviside(min(phi(4*x/7 + 3), 1.29, abs(abs(x) - 4/6))) > abs(atan(x))**0.5, abs(atan(x))**0.5, 3/7)",
    "min(x, 4/6, where(x**3 < 3/2, x**3, where(2 > abs(abs(x) - 4), abs(abs(x) - 4), 1)))",
    "max(" + ", ".join(f"sin({k}*x)" for k in range(1, 17)) + ")",
    "max(" * 15 + "x" + "".join(f", min(x**2, {k}*x + 1, abs(x - {k})))" for k in range(15)),
    "where(x > 0, " * 12 + "x" + "".join(f", x**{k} + abs(x))" for k in range(12)),
    "abs(" * 18 + "x" + "".join(f" - {k})" for k in range(18)),
    "tanh(" * 18 + "x" + ")" * 18,
    "sqrt(1 + " * 15 + "x**2" + ")" * 15,
    "*".join(f"max(x, {k}/7, 1 - x)" for k in range(14)),
]


@pytest.mark.parametrize("text", NASTY, ids=lambda text: text[:20])
def test_derivatives_of_nested_formulas_take_little_work(text: str) -> None:
    phi = parse_formula(text)
    with effort.at_most(5e6):
        derivative.__wrapped__(phi)
        found = Pointwise(text, phi).slope(POINTS)
    h = 1e-6
    quotient = (Pointwise(text, phi).value(POINTS + h) - Pointwise(text, phi).value(POINTS - h)) / (2 * h)
    assert np.abs(found - quotient).max() <= 1e-7 * max(1, np.abs(quotient).max())  # h² φ''' and rounding/h


@pytest.mark.parametrize("count", [60, pytest.param(800, marks=pytest.mark.slow)])
def test_formulas_at_random(count: int) -> None:
    """Values and derivatives against those that tests/fuzz.py takes from the text, each with little work."""
    z, done = POINTS[(abs(POINTS) > 0.1) & (abs(POINTS) < 7)], 0  # next to 0, and in tails, floats cancel on both sides
    for text in fuzz.formulas(f"pointwise-{count}", count):
        try:
            phi = parse_formula(text)
        except Exception:
            continue
        wanted = fuzz.jet(text, z)
        try:
            with effort.at_most(5e6):
                found = Pointwise(text, phi).value(z), Pointwise(text, phi).slope(z)
        except InputError:
            assert not np.isfinite(wanted).all(), text
            continue
        for values, want in zip(found, wanted, strict=True):
            there = np.isfinite(want)
            error = np.abs(values - want)[there] / np.maximum(1, np.abs(want[there]))
            assert (error <= 1e-10).all(), text
        done += 1
    assert done > count / 2
