"""Which parts of activations are polynomials: proved, or left open; never wrong."""

import mpmath
import pytest
from sympy import Integer, Rational, lambdify, sqrt, sympify

from kernelc import formula
from kernelc.activations import ACTIVATIONS, build
from kernelc.certificates.structure.far import power_bound
from kernelc.certificates.structure.germ import UndecidedError, germ
from kernelc.certificates.structure.hermite import hermite_degrees
from kernelc.certificates.structure.polynomial import part
from kernelc.certificates.structure.settled import settled
from kernelc.certificates.structure.signs import sign_of
from kernelc.certificates.structure.variance import Variance
from kernelc.symbols import x

WORDS = {"x": x}
NONE, ZERO = "no polynomial", {}
HALF = Rational(1, 2)

PARTS = {
    "relu(x - 100)": (NONE, NONE),
    "abs(x - 3) - abs(x + 3)": (ZERO, NONE),
    "abs(x - 3) + abs(x + 3)": (NONE, ZERO),
    "max(x, -x, 2)": (NONE, ZERO),
    "x + sign(x)**2": ({0: 1}, {1: 1}),
    "x*sign(x)": (NONE, ZERO),
    "x**2*sign(x)": (ZERO, NONE),
    "abs(x)**3": (NONE, ZERO),
    "abs(x)**2": ({2: 1}, ZERO),
    "abs(x)**0.5": (NONE, ZERO),
    "where(x > 1, x, where(x > 0, x, 0))": (NONE, {1: HALF}),
    "where(x > 1, x**2, x**2)": ({2: 1}, ZERO),
    "where(x > 1, 3, 2)": (NONE, NONE),
    "where(x > 0, 1, 0) + where(x < 0, 1, 0)": ({0: 1}, ZERO),
    "max(x, 0) + min(x, 0)": (ZERO, {1: 1}),
    "max(x - 1, 0) + min(x - 1, 0)": ({0: -1}, {1: 1}),
    "softplus(x) - softplus(-x)": (ZERO, {1: 1}),
    "x**2*softplus(x)": (NONE, {3: HALF}),
    "softplus(3*x)": (NONE, {1: Rational(3, 2)}),
    "sigmoid(x) + sigmoid(-x)": ({0: 1}, ZERO),
    "x*sigmoid(2*x) + x**2": (NONE, {1: HALF}),
    "tanh(x)**2 + 1/cosh(x)**2": ({0: 1}, ZERO),
    "cosh(x)**2 - sinh(x)**2": ({0: 1}, ZERO),
    "sin(x)**2 + cos(x)**2": ({0: 1}, ZERO),
    "exp(x)*exp(-x)": ({0: 1}, ZERO),
    "exp(-x**2)": (NONE, ZERO),
    "1/(1 + x**2)": (NONE, ZERO),
    "(1 + x**2)/(1 + x**2)": ({0: 1}, ZERO),
    "(x**4 - 1)/(x**2 + 1)": ({0: -1, 2: 1}, ZERO),
    "sqrt(1 + x**2)": (NONE, ZERO),
    "atan(x)": (ZERO, NONE),
    "log(1 + x**2)": (NONE, ZERO),
    "erf(x - 1)": (NONE, NONE),
    "erf(x - 1) + erf(x + 1)": (ZERO, NONE),
    "exp(x)*erf(x)": (NONE, NONE),
    "exp(x)*relu(x - 2)": (NONE, NONE),
    "x**50*tanh(x)": (ZERO, NONE),
    "relu(x)**50": ({50: HALF}, NONE),
    "x**3 + 0*x": (ZERO, {3: 1}),
    "pi*x**3 - sqrt(2)": ({0: -sqrt(2)}, {3: None}),
    "abs(sin(x))": (NONE, ZERO),
    "1/(2 + sin(x))": (NONE, NONE),
    "x + 1e-30*abs(x)": (NONE, {1: 1}),
    "x + 1e-30*sin(x)": (ZERO, NONE),
}


@pytest.mark.parametrize("text", PARTS)
def test_parts(text):
    phi = formula.parse_formula(text)
    for parity, expected in enumerate(PARTS[text]):
        found = part(phi, parity)
        if expected == NONE:
            assert found.kind == "infinite", found
            continue
        assert found.kind == "polynomial", found
        assert [n for n, _ in found.coefficients] == sorted(expected)
        assert all(expected[n] is None or value == expected[n] for n, value in found.coefficients)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in ("hermite", "monomial", "polynomial")])
def test_every_built_in_is_decided_and_polynomials_are_right(name):
    phi = build(name)
    f = lambdify(x, phi, "mpmath")
    for parity in (0, 1):
        found = part(phi, parity)
        assert found.kind != "unknown"
        points = [mpmath.mpf(k) / 7 for k in (1, 5, 11, 40, 90)]
        values = [(f(t) + (-1) ** parity * f(-t)) / 2 for t in points]
        if found.kind == "polynomial":
            p = lambdify(x, sum((value * x**n for n, value in found.coefficients), Integer(0)), "mpmath")
            assert all(abs(value - p(t)) < 1e-12 * (1 + abs(value)) for t, value in zip(points, values, strict=True))


@pytest.mark.parametrize("text", ["exp(x)/(1 + x**2)", "exp(x)*tanh(x)"])
def test_what_outgrows_powers_outside_of_the_class_is_left_open(text):
    phi = formula.parse_formula(text)
    assert part(phi, 0).kind in ("unknown", "infinite")


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("x**3*tanh(x)", 3),
        ("log(1 + exp(x))", 1),
        ("x/(1 + exp(-x))", 1),
        ("Piecewise((x, x > 0), (exp(x) - 1, True))", 1),
        ("exp(-Abs(x))", 0),
        ("1/(2 + sin(x))", 0),
        ("sqrt(1 + x**2)", 1),
        ("exp(x)", None),
        ("1/sin(x)", None),
        ("1/(1 + sin(x))", None),
        ("log(1 + exp(x**2))", 2),
        ("exp(x - x**2)", 0),
        ("x*exp(2 - 3*Abs(x))", 1),
        ("cosh(x)", None),
        ("1/cosh(x)", 0),
        ("Max(0, exp(x))", None),
        ("Piecewise((0, x > 5), (exp(x), True))", 0),
    ],
)
def test_growth(text, bound):
    assert power_bound(sympify(text, locals=WORDS)) == bound


def test_germs():
    phi = formula.parse_formula("max(0, x - 1) + abs(x)")
    assert germ(phi, Integer(2)) == 2 * x - 1
    assert germ(phi, Rational(1, 2)) == x
    with pytest.raises(UndecidedError):
        germ(phi, Integer(1))
    assert germ(formula.parse_formula("max(x, min(x, 3))"), Integer(1)) == x


def test_settled():
    phi = formula.parse_formula("max(0, min(x, 6))")
    assert settled(phi, Integer(0), Integer(6)) == x
    assert settled(phi, Integer(1), Integer(7)) is None
    assert settled(formula.parse_formula("abs(x**2 - 2)"), Integer(0), sqrt(2)) == 2 - x**2


@pytest.mark.parametrize(
    ("coefficients", "q", "sure", "possible"),
    [
        ([(1, -3), (3, 1)], 1, {3}, {3}),
        ([(1, -3), (3, 1)], 2, {1, 3}, {1, 3}),
        ([(1, -3), (3, 1)], None, {3}, {1, 3}),
        ([(1, 3), (3, 1)], None, {1, 3}, {1, 3}),
        ([(0, -sqrt(2)), (2, 1)], sqrt(2), {2}, {2}),
        ([(0, 3), (2, -6), (4, 1)], 1, {4}, {4}),
    ],
)
def test_hermite_degrees(coefficients, q, sure, possible):
    terms = [(n, Integer(0) + c) for n, c in coefficients]
    found = hermite_degrees(terms, None if q is None else Variance(Integer(0) + q, None))
    assert found == (frozenset(sure), frozenset(possible))


def test_signs():
    assert sign_of(sqrt(2) + sqrt(3) - sqrt(5 + 2 * sqrt(6))) == 0
    assert sign_of(sqrt(2) - Rational(14142135623730950488, 10**19)) == 1
    assert sign_of(Integer(-3)) == -1
