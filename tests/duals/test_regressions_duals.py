"""Formulas that once broke the engine, found by fuzzing."""

import effort
import fewer
import numpy as np
import pytest

from kernelc.duals import dual, exact, special
from kernelc.duals.pieces import pieces
from kernelc.duals.zeros import zeros
from kernelc.errors import UnsupportedError
from kernelc.evaluate import evaluate
from kernelc.formula import parse_formula
from kernelc.interpret import interpret
from kernelc.symbols import c, parameter, q1, q2, x


def cuts(text):
    return [float(part.lo) for part in pieces(parse_formula(text))[1:]]


POLES = {
    "where(atan(1/x) > x, 1, 2)": [-0.8603335890, 0, 0.8603335890],
    "min(min(sign(x), 1, x/(1 + abs(x))), 0.4)": [0, 2 / 3],
    "min(1/x, 1)": [0, 1],
    "max(Phi(x), x/(3 + abs(x)))": [],
    "max(2*x + cos(x), x/(0.12 + abs(x)))": [-0.786871],
}


@pytest.mark.parametrize("text", POLES)
def test_a_pole_at_which_the_sign_changes_is_a_cut(text):
    """The bisection of such a pole once divided by zero."""
    assert cuts(text) == pytest.approx(POLES[text], abs=1e-5)


@pytest.mark.parametrize("text", ["cos(x + exp(-1))", "3*cos(x + exp(-1))", "exp(x + exp(-2)) - exp(-x)"])
def test_a_phase_that_holds_an_exponential_is_no_wave(text):
    """One exponential to a wave was expected, and a number's was taken for it."""
    found = exact.derive(parse_formula(text))
    assert found.nngp.free_symbols


@pytest.mark.parametrize("text", ["relu(x)**(-1/5)", "x + relu(x)**(-1/5)", "max(x, 1/relu(x - 2))"])
def test_infinite_on_an_interval(text):
    phi = parse_formula(text)
    with pytest.raises(UnsupportedError, match="infinite"):
        pieces(phi)
    with pytest.raises(UnsupportedError):
        dual(phi)


SLOW = [
    "abs(abs(x) - log(2)) + 4*phi(x - 1/8)*x**3",
    "0.5*erf(x)*sinh(0.25*x + 1/5) + 0.59*abs(2*x - 3 - 4*x**2)*erfc(x + 1/9)",
]


@pytest.mark.parametrize("text", fewer.one_in(2, SLOW))
def test_a_sum_of_many_terms_is_derived_quickly(text):
    """The walk once inverted every factor of every product."""
    with effort.at_most(20e6):
        special.derive(parse_formula(text))


def test_a_product_with_a_quotient_in_its_factors():
    a, b = parameter("a"), parameter("b")

    class Floats:
        def number(self, number):
            return float(number)

        def function(self, name):
            return {"sqrt": lambda v: v**0.5}.get(name)

    for expr in (3 * a / b, 1 / (a * b), a / (b * (a + b) ** 2), a * b**-0.5, a / (1 + b) * (1 + b**2)):
        expr = expr.nsimplify()
        assert interpret(expr, {a: 1.5, b: 0.7}, Floats()) == pytest.approx(float(expr.subs({a: 1.5, b: 0.7})))


LARGE = [
    "3*abs(x - 4)*abs(x**2 - 2.718281828)",
    "6*exp(-4*x**2) + 2*abs(abs(x) - 7/8)*exp(-x**2 + x/3)",
    pytest.param(
        "-2.2*exp(-(x - 1/2)**2/(6/5))*abs(abs(x) - 2/7) - 4*abs(x**2 - 2)*min(x, 0) - 3*x", marks=pytest.mark.sweep
    ),
]


@pytest.mark.parametrize("text", fewer.one_in(3, LARGE))
def test_large_closed_forms_are_printed_as_the_means_they_are(text):
    """SymPy prints a graph of shared nodes as a tree: hundreds of kilobytes, if it ever comes to an end."""
    found = dual(parse_formula(text))
    with effort.at_most(20e6):
        shown, tex = str(found), found.latex()
    assert len(shown) < 1000
    assert len(tex) < 2000
    assert tex.count("\\mathbb{E}") == 4


def test_small_closed_forms_are_printed():
    tex = special.derive(parse_formula("relu(x - 1)")).latex()
    assert tex.count("\\mathbb{E}") == 2
    assert "\\Phi_2" in tex or "Phi" in tex


@pytest.mark.parametrize("text", ["(1/(2*x))/(2.7 + abs(x))", "1/x * 1/(1 + abs(x))"])
def test_the_pole_is_blamed_not_the_kink(text):
    with pytest.raises(UnsupportedError, match=r"no dual activation: 1/x: "):
        dual(parse_formula(text))


def test_a_kink_that_a_parameter_moves_is_refused_quickly():
    """SymPy's factor did not come to an end."""
    with effort.at_most(15e6), pytest.raises(UnsupportedError, match="needs a number for b"):
        dual(parse_formula("max(exp(-(1.6732632423543772)*x**2 + b/7*x), x)", ["b"]))


def test_a_parameter_in_front_moves_no_zero():
    a = parameter("a")
    assert zeros(a * x - a) == [1]
    assert zeros(a * x**2 - 4 * a) == [2, -2] or set(zeros(a * x**2 - 4 * a)) == {-2, 2}


MISSED = {
    "max(abs(x)**0.5, 0.05)": [-1 / 400, 1 / 400],
    "where(abs(x)**0.5 > 1/20, 2, 1)": [-1 / 400, 1 / 400],
    "where(abs(x - 1)**0.5 > 1/20, 2, 1)": [399 / 400, 401 / 400],
    "where(abs(x - 1)**0.5 > 1/20000, 2, 1)": [1 - 2.5e-9, 1 + 2.5e-9],
    "where(abs(x)**0.5 > exp(-x - 3), exp(-x - 3), 1)": [-3.646944901, -0.00249113279, 0.00246655433],
    "max(exp(-10**6*x**2), 0.5)": [-8.32554611e-4, 8.32554611e-4],
    "max(exp(-10**8*(x - 1/3)**2), 0.5)": [1 / 3 - 8.32554611e-5, 1 / 3 + 8.32554611e-5],
    "where(exp(-(x/0.002 - 1)**2) > 1/2, 5, 1)": [0.000334890777, 0.003665109223],
    "max(cos(x), 1 - 10**-5 + x**4/1000)": [-0.0044721396, 0.0044721396],
    "max(sin(x)*exp(-x**2/9), 0.798634)": [1.2900019019, 1.2926804449],
    "max(where(abs(x - 1/2) < 1/1000, tanh(x) - tanh(0.5), 1), 0)": [0.499, 0.5, 0.501],
    "sign(1/(x + 1))": [-1],
    "heaviside(1/(x - sqrt(2)))": [2**0.5],
    "sign(1/(x + 2*log(2)))": [-2 * np.log(2)],
    "x*sign(1/(exp(x) - 2)**3)": [np.log(2)],
    "sign(1/(x - 1)**2)": [],
}


@pytest.mark.parametrize("text", MISSED)
def test_zeros_beside_a_cut_beside_each_other_and_poles(text):
    """The kernels were wrong without a word: no grid point lay between a zero and the next, or the end of a piece."""
    phi = parse_formula(text)
    with effort.at_most(7.5e6):
        found = pieces(phi)
    ends = [float(part.lo) for part in found[1:]]
    assert ends == pytest.approx(MISSED[text], abs=1e-7, rel=1e-6)
    rng = np.random.default_rng(1)
    points = [*rng.normal(0, 2, 100)]
    for end in ends:
        points += [*(end + np.outer([-1, 1], 10.0 ** -np.arange(1, 12)).ravel()), *(end + rng.normal(0, 1e-3, 10))]
    for at in points:
        if any(abs(at - end) < 1e-12 for end in ends):
            continue
        part = found[np.searchsorted(ends, at)]
        assert evaluate(part.expr, {x: at}) == pytest.approx(evaluate(phi, {x: at}), rel=1e-7, abs=1e-9), at


def test_infinitely_many_pairs_of_zeros():
    """Both of a pair lie between the same two points of the grid."""
    with pytest.raises(UnsupportedError, match="more than 32 times"):
        pieces(parse_formula("max(cos(x), 0.99999)"))


@pytest.mark.parametrize(
    "text", ["x + 1 - Phi(0.45)**(1/3)", "2*x + 5/8 - 2*abs(Phi(0.45))**(1/3)", "abs(abs(erfc(sign(x)))**0.5)**(1/3)"]
)
def test_a_fractional_power_of_a_number_is_no_sum_to_divide_by(text):
    """The division went on for ever."""
    with effort.at_most(25e6):
        assert exact.derive(parse_formula(text)).nngp.free_symbols
        assert dual(parse_formula(text)).nngp.is_real is not False


@pytest.mark.parametrize(
    "text", ["a + sin(x) + heaviside(x)", "a + sin(x) + sign(x)", "a*x + a + cos(x) + heaviside(x)"]
)
def test_a_parameter_that_cancels_at_a_jump(text):
    """It ended in a TypeError: the jump holds no parameter, its parts do."""
    found, number = dual(parse_formula(text, None)), dual(parse_formula(text.replace("a +", "0.75 +"), None))
    at = {q1: 1.5, q2: 0.5, c: -0.25, parameter("a"): 0.75}
    assert float(found.nngp.subs(at).evalf()) == pytest.approx(float(number.nngp.subs(at).evalf()), rel=1e-13)
