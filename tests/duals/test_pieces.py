"""Cutting activations into smooth pieces: the cuts, the formulas between them, and what is refused."""

import effort
import mpmath as mp
import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernelc import activations
from kernelc.duals.pieces import SWITCHES, Piece, pieces
from kernelc.errors import SpecError, UnsupportedError
from kernelc.evaluate import evaluate
from kernelc.formula import parse_formula
from kernelc.symbols import x

half = sp.Rational(1, 2)
oo = sp.oo

EXACT = {
    "relu(x)": [(0, 0), (oo, x)],
    "max(-1, min(1, x))": [(-1, -1), (1, x), (oo, 1)],
    "x*min(max(x + 3, 0), 6)/6": [(-3, 0), (3, x * (x + 3) / 6), (oo, x)],
    "abs(x**2 - 2)": [(-sp.sqrt(2), x**2 - 2), (sp.sqrt(2), 2 - x**2), (oo, x**2 - 2)],
    "max(x - pi, 0)": [(sp.pi, 0), (oo, x - sp.pi)],
    "where(abs(x) < 1 and x > -0.5, x**2, 1)": [(-half, 1), (1, x**2), (oo, 1)],
    "where(not x > 2 or x > 3, 0, x)": [(2, 0), (3, x), (oo, 0)],
    "abs(abs(abs(x) - 1) - 1)": [(-2, -x - 2), (-1, x + 2), (0, -x), (1, x), (2, 2 - x), (oo, x - 2)],
    "relu(relu(x - 1) - relu(2*x - 5))": [(1, 0), (sp.Rational(5, 2), x - 1), (4, 4 - x), (oo, 0)],
    "max(x, x**2, x**3)": [(0, x**2), (1, x), (oo, x**3)],
    "abs(exp(x) - 1)": [(0, 1 - sp.exp(x)), (oo, sp.exp(x) - 1)],
    "sign(tanh(x - 1))*x": [(1, -x), (oo, x)],
    "heaviside(x)": [(0, 0), (oo, 1)],
    "abs(x)**0.5": [(0, sp.sqrt(-x)), (oo, sp.sqrt(x))],
    "where(x > 0, x, a*(exp(x) - 1))": [(0, sp.Symbol("a", real=True) * (sp.exp(x) - 1)), (oo, x)],
    "max(tanh(x), erf(x))": [(0, sp.tanh(x)), (oo, sp.erf(x))],
    "relu(x) - relu(-x)": [(oo, x)],
    "max(2*x, x + x, exp(x) - 1 - exp(x))": [(-half, -1), (oo, 2 * x)],
    "softplus(x)": [(oo, sp.log(sp.exp(x) + 1))],
    "max(x, softplus(x))": [(oo, sp.log(sp.exp(x) + 1))],
}


@pytest.mark.parametrize("text", EXACT)
def test_cuts_and_formulas(text):
    found = pieces(parse_formula(text, None))
    assert found[0].lo is -oo
    assert [piece.lo for piece in found[1:]] == [piece.hi for piece in found[:-1]]
    assert [(piece.hi, piece.expr) for piece in found] == EXACT[text]


def test_branch_points_stay_although_the_formula_is_the_same():
    """√((x − 1)²) is smooth on either side of 1 only."""
    formula = sp.sqrt(x**2 - 2 * x + 1)
    assert pieces(formula) == (Piece(-oo, sp.Integer(1), formula), Piece(sp.Integer(1), oo, formula))


NUMERIC = {
    "max(tanh(x), x/2)": lambda t: mp.tanh(t) - t / 2,
    "abs(exp(x) - 2)": lambda t: mp.exp(t) - 2,
    "max(sin(x), x/10)": lambda t: mp.sin(t) - t / 10,
    "max(erf(x), exp(x) - 2)": lambda t: mp.erf(t) - mp.exp(t) + 2,
}


@pytest.mark.parametrize("text", NUMERIC)
def test_transcendental_kinks_to_40_digits(text):
    found = pieces(parse_formula(text))
    assert len(found) > 1
    with mp.workdps(45):
        for piece in found[:-1]:
            assert piece.hi == 0 or piece.hi.is_Float
            assert abs(NUMERIC[text](mp.mpf(piece.hi.evalf(45)))) < mp.mpf("1e-38")


def test_algebraic_kinks_are_exact():
    (kink,) = [piece.hi for piece in pieces(parse_formula("relu(x**3 - x - 3)"))][:-1]
    assert sp.simplify(kink**3 - kink - 3) == 0


REFUSED = {
    "max(x - a, 0)": "a symbolic kink position",
    "max(x, a*x)": "the sign of a parameter decides a branch; write the slopes outside",
    "where(x > a, x, 0)": "a symbolic kink position",
    "abs(sin(x))": "sin(x): it changes sign more than 32 times",
    "max(cos(x), 0.5)": "infinitely many",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text):
    with effort.at_most(5e6), pytest.raises(UnsupportedError) as caught:
        pieces(parse_formula(text, None))
    assert REFUSED[text] in str(caught.value)


@pytest.mark.parametrize("name", ["hard_swish", "hard_tanh", "relu6", "softshrink", "hard_sigmoid", "elu", "selu"])
def test_it_is_fast(name):
    phi = activations.build(name)
    pieces(phi)
    with effort.at_most(0.25e6):
        pieces(phi)


ATOMS = ["x", "x**2", "1", "relu(x)", "abs(x)", "sign(x)", "erf(x)", "sin(x)", "exp(-x**2)", "exp(x)", "tanh(x)"]
ATOMS += ["heaviside(x)", "3/7", "min(0, x)", "max(x - 1, 0)", "atan(x)", "abs(x - 2)", "softplus(x)", "x**3 - x"]
OPERATIONS = ["({}) + ({})", "({})*({})", "max({}, {})", "min({}, {})", "abs({}) + ({})", "relu({}) - ({})"]
OPERATIONS += ["where({} > 0, x, {})", "where(x > 0, {}, {})", "abs(({}) - ({}))"]


def combined(smaller):
    return st.builds(lambda shape, one, two: shape.format(one, two), st.sampled_from(OPERATIONS), smaller, smaller)


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.recursive(st.sampled_from(ATOMS), combined, max_leaves=5))
def test_pieces_equal_the_formula(text):
    """At points on the whole line, as far as floats can tell; whatever the formula is, it takes little time."""
    try:
        phi = parse_formula(text)
    except SpecError:
        return
    try:
        with effort.at_most(15e6):
            found = pieces(phi)
    except UnsupportedError:
        return
    assert not any(piece.expr.has(*SWITCHES) for piece in found)
    for k in range(-40, 41):
        at = k / 7 + 0.0123
        piece = next(piece for piece in found if piece.hi is oo or at < float(piece.hi.evalf(20)))
        one, two = evaluate(phi, {x: at}), evaluate(piece.expr, {x: at})
        assert abs(one - two) <= 1e-9 * (1 + abs(one)), (text, at)
