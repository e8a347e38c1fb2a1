"""The formula language: what it means, what it refuses, and that nothing makes it hang."""

import math

import effort
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelc.errors import SpecError
from kernelc.evaluate import evaluate
from kernelc.formula import functions, parse_formula, parse_scalar, unparse
from kernelc.symbols import parameter, x

SPELLED = {
    "0.1*x": x / 10,
    "x + 1e-3": x + sp.Rational(1, 1000),
    "-x**2": -(x**2),
    "x - 1 - 2": x - 3,
    "x / 2 / 3": x / 6,
    "relu(x)": sp.Max(0, x),
    "Phi(x)": (1 + sp.erf(x / sp.sqrt(2))) / 2,
    "phi(x)": sp.exp(-(x**2) / 2) / sp.sqrt(2 * sp.pi),
    "sigmoid(x)": 1 / (1 + sp.exp(-x)),
    "softplus(x)": sp.log(1 + sp.exp(x)),
    "expm1(x) + log1p(x**2)": sp.exp(x) - 1 + sp.log(1 + x**2),
    "max(x, 1, 2) - Min(x, 0)": sp.Max(x, 1, 2, evaluate=False) - sp.Min(x, 0),
    "Heaviside(x) + heaviside(x)": 2 * sp.Heaviside(x),
    "e*pi*E": sp.E**2 * sp.pi,
    "where(x > 0, x, 0)": sp.Piecewise((x, x > 0), (0, True)),
    "Piecewise((1, -1 < x <= 1), (x, x > 2 or x < -2), (0, True))": sp.Piecewise(
        (1, sp.And(x > -1, x <= 1)), (x, sp.Or(x > 2, x < -2)), (0, True)
    ),
    "where(not x > 0 and True, x, 2)": sp.Piecewise((x, x <= 0), (2, True)),
    "where(1 < 2, x, 7)": x,
    "where(x > 0, sqrt(x), 0)": sp.Piecewise((sp.sqrt(x), x > 0), (0, True)),
    "sign(x)*abs(x)**(1/3)": sp.sign(x) * sp.Abs(x) ** sp.Rational(1, 3),
    "x\n + 1": x + 1,
    "--+x": x,
    "0x10": sp.Integer(16),
}

# Text → a piece of the message that it must give. Each within a second.
REFUSED = {
    "tnah(x)": "did you mean 'tanh'",
    "X + 1": "did you mean 'x'",
    "y": "unknown name 'y'",
    "exp": "'exp' is a function; write exp(...)",
    "x(2)": "a product needs its *",
    "2(x + 1)": "a product needs its *",
    "2x": "a product needs its *",
    "where(x > 2and x < 3, x, 0)": "not a formula",
    "x^2": "write ** for a power",
    "exp(x, 2)": "exp takes 1 argument, found 2",
    "exp(z=x)": "plain arguments",
    "max(*x)": "plain arguments",
    "max(x)": "max takes 2 to 16 arguments",
    "where(x > 0, x)": "where takes 3 arguments",
    "where(x, 1, 2)": "expected a condition such as x > 0",
    "where(x in x, 1, 2)": "expected one of the comparisons",
    "where(where(x > 0, x, 0) > 1, x, 0)": "cannot stand inside a condition",
    "(x > 0)*x": "a condition is not a number",
    "x if x > 0 else 0": "write where(condition, a, b)",
    "Piecewise((x, x > 0))": "must be (expression, True)",
    "Piecewise(x)": "Piecewise takes pairs",
    "exp(__import__('os').system('x'))": "only the functions of the language can be called",
    "().__class__": "attribute is not in the formula language",
    "x[0]": "subscript is not",
    "lambda: x": "lambda is not",
    "[x for x in (1, 2)]": "listcomp is not",
    "f'{x}'": "joinedstr is not",
    "(y := x)": "namedexpr is not",
    "'x'": "expected a real number",
    "True": "expected a real number",
    "1j*x": "expected a real number",
    "x % 2": "this operator is not",
    "x; x": "';' is not in the formula language",
    "x # y": "'#' is not",
    "√2": "'√' is not",
    "ｘ": "is not in the formula language",
    "\ud800": "is not in the formula language",
    "x\0": "is not in the formula language",
    "": "found nothing",
    "(x": "not a formula",
    "1/0": "division by zero",
    "x/(1 - 1)": "division by zero",
    "0**x": "division by zero",
    "0**-1": "division by zero",
    "log(0)": "not a real number",
    "sqrt(-1)": "not a real number",
    "log(-1)*x": "not a real number",
    "(-8)**(1/3)": "not a real number",
    "log(x)": "'log(x)' is not a real number at x = -2.7",
    "x**0.5": "'sqrt(x)' is not a real number",
    "log1p(x)": "write log(abs(1 + x)), or where(1 + x > 0, log(1 + x), 0)",
    "x**(1/3)": "write abs(x)**(1/3)",
    "log(x + 20)": "'log(20 + x)' is not a real number at x = -37.0",
    "sqrt(500 - x)": "'sqrt(500 - x)' is not a real number at x = 1000.0",
    "log(" + "+".join(f"x**{n}" for n in range(1, 60, 2)) + ")": "write abs(...) inside of it",
    "sqrt(-x**2 - 1)": "is not a real number",
    "9**9**9**9": "the exponent is above 100",
    "x**1000000": "the exponent is above 100",
    "x**-101": "the exponent is below -100",
    "(x + 1)**10**9": "the exponent is above 100",
    "2**100000": "the exponent is above 100",
    "((x**100)**100)**100": "the exponent 10000 is not within",
    "((2*x)**100)**100": "1024 bits",
    "exp(exp(exp(exp(9))))": "a number beyond 1e100",
    "1e400": "ordinary size",
    "1e-99999999999999999999": "ordinary size",
    "9" * 4000: "1024 bits",
    "9" * 5000: "not a formula",
    "(" * 10_000 + "x" + ")" * 10_000: "at most 10000",
    "(" * 4_000 + "x" + ")" * 4_000: "too many nested parentheses",
    "abs(" * 60 + "x" + ")" * 60: "nested more than 40 deep",
    "-" * 9_000 + "x": "nested too deeply",
    "-" * 100 + "x": "nested more than 40 deep",
    "+".join(["x"] * 5000): "nested too deeply or is too long",
    "+".join(["x"] * 600): "more than 1000",
    "x" * 1_000_000: "at most 10000",
    "Phi(" * 10 + "2" + ")" * 10: "a constant too long",
    "+".join(f"sqrt({n})" for n in range(2, 200)): "a constant too long",
    "where(sin(1)**2 + cos(1)**2 > 1, x, 0)": "cannot be decided",
}

HARMLESS = [
    "+".join(["x"] * 400),
    "+".join(f"sin({n}*x)" for n in range(150)) + " + x",
    "abs(" + "+".join(f"x**{n}*exp({n}*x)" for n in range(90)) + ")",
    "where(" + "+".join(f"sin({n}*x)" for n in range(150)) + " > 0, 1, x)",
    "max(" + ",".join(f"max({','.join(f'sin({10 * i + j + 1}*x)' for j in range(10))})" for i in range(10)) + ")",
    "*".join(f"(x + {n})**99" for n in range(150)),
    "exp(" * 30 + "x" + ")" * 30,
    "sqrt(1 + " * 15 + "x**2" + ")" * 15,
    "tanh(x*" * 12 + "x" + ")" * 12,
    "where(" + " and ".join(f"x > {n}" for n in range(200)) + ", 1, x)",
    "x" + "".join(f" + Phi(Phi(Phi({n})))*sin({n}*x)" for n in range(30)),
]


@pytest.mark.parametrize("text", SPELLED)
def test_means(text):
    assert parse_formula(text) == SPELLED[text]
    assert parse_formula(unparse(SPELLED[text])) == SPELLED[text]


def briefly(call, *args):
    with effort.at_most(5e6):
        return call(*args)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:30]))
def test_refuses(text):
    with pytest.raises(SpecError) as error:
        briefly(parse_formula, text)
    assert REFUSED[text] in str(error.value)
    assert len(str(error.value)) < 700
    str(error.value).encode()


@pytest.mark.parametrize("text", HARMLESS, ids=lambda text: text[:30])
def test_harmless(text):
    briefly(parse_formula, text)


def test_error_shows_the_piece():
    with pytest.raises(SpecError) as error:
        parse_formula("1 + tnah(x)", where="activations.mine.formula")
    assert str(error.value).splitlines() == [
        "activations.mine.formula: unknown function 'tnah'; did you mean 'tanh'?",
        "    1 + tnah(x)",
        "        ^^^^",
    ]


@pytest.mark.parametrize(("text", "piece"), [("1 + 2*log(x) - x", "log(x)"), ("x + (x - 1)**1.5", "(x - 1)**1.5")])
def test_error_shows_what_is_not_real(text, piece):
    with pytest.raises(SpecError) as error:
        parse_formula(text)
    message, shown, carets = str(error.value).splitlines()
    assert "a Gaussian input takes every value; write" in message
    assert shown[carets.index("^") : len(carets)] == piece


def test_parameters():
    gain = parameter("gain")
    assert parse_formula("gain*x", ["gain"]) == gain * x
    assert parse_formula("gain*x", None) == gain * x
    assert parse_formula("gain*x**k", {"gain": sp.Integer(2), "k": sp.Integer(3)}) == 2 * x**3
    with pytest.raises(SpecError, match="did you mean 'gain'"):
        parse_formula("gian*x", ["gain"])
    with pytest.raises(SpecError, match="has a meaning in every kernel"):
        parse_formula("rho*x", None)


@pytest.mark.parametrize(
    ("value", "exact"),
    [(0.1, sp.Rational(1, 10)), (2, 2), ("sqrt(2)", sp.sqrt(2)), ("1/3", sp.Rational(1, 3)), (sp.pi / 2, sp.pi / 2)],
)
def test_scalar(value, exact):
    assert parse_scalar(value) == exact


@pytest.mark.parametrize("value", ["x", math.nan, math.inf, True, None, [], 10**400, "gain", "sqrt(-1)", 1j, sp.I])
def test_no_scalar(value):
    with pytest.raises(SpecError, match="W_std: "):
        briefly(lambda: parse_scalar(value, where="W_std"))


def test_scalar_not_negative():
    for value in (-1, -0.5, "1 - sqrt(2)"):
        with pytest.raises(SpecError, match="not negative"):
            parse_scalar(value, nonnegative=True)
    assert parse_scalar("sqrt(2) - 1", nonnegative=True) == sp.sqrt(2) - 1


def test_every_function_has_a_meaning_and_a_value():
    for name, meaning in functions().items():
        assert meaning
        if name in ("where", "Piecewise", "pi", "e", "E"):
            continue
        arguments = "x, 0.3" if name.lower() in ("max", "min") else "abs(x)"
        assert math.isfinite(evaluate(parse_formula(f"{name}({arguments})"), {x: 0.7}))


leaves = st.sampled_from(["x", "a", "2", "0.5", "1/3", "pi", "e"])
formulas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("{}({})".format, st.sampled_from(["exp", "sin", "abs", "tanh", "erf", "relu", "sign"]), inner),
        st.builds("({})**{}".format, inner, st.integers(0, 3)),
        st.builds("where({} > {}, {}, {})".format, inner, inner, inner, inner),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(formulas)
def test_round_trip(text):
    try:
        expr = parse_formula(text, ["a"])
    except SpecError:  # a number beyond 1e100, or a comparison of equal numbers
        return
    once = parse_formula(unparse(expr), ["a"])
    assert parse_formula(unparse(once), ["a"]) == once
