"""How fast any activation grows, where it is singular, and what that forbids."""

import effort
import mpmath
import pytest
from sympy import Rational, pi, sqrt, true
from sympy import S as Sympy

from kernelc.activations import ACTIVATIONS, build
from kernelc.duals.growth import growth
from kernelc.duals.tails import rate
from kernelc.errors import UnsupportedError
from kernelc.formula import parse_formula
from kernelc.symbols import parameter, q1, x

RATES = {
    "x": 0,
    "tanh(x)": 0,
    "softplus(x)": 0,
    "x*tanh(softplus(x))": 0,
    "cosh(x)**3": 0,
    "exp(-x**4)": 0,
    "exp(-exp(exp(x)))": 0,
    "exp(abs(x)**1.99)": 0,
    "abs(x)**x": 0,
    "log(1 + exp(x**2))": 0,
    "log(1 + exp(exp(x)))": 0,
    "tanh(exp(exp(x)))": 0,
    "exp(x**2)/(1 + exp(x**2))": 0,
    "sqrt(1 + x**4) - x**2": 0,
    "x*(1 + erf(x))": 0,
    "cosh(x**2) - sinh(x**2)": 0,  # cancels: e^{-x²}
    "exp(x*sin(x))": 0,
    "exp(x**2)": 1,
    "exp(x**2/4)": Rational(1, 4),
    "x*exp(0.1*x**2) + tanh(x)": Rational(1, 10),
    "exp(sqrt(2)*x**2)": sqrt(2),
    "exp(x**2/pi)": 1 / pi,
    "exp(x**2*atan(x))": pi / 2,
    "cosh(x**2)": 1,
    "where(x > 0, exp(x**2/3), exp(x**2/5))": Rational(1, 3),
    "max(x, exp(x**2) - 1)": 1,
    "exp(x**2)*exp(-x**2/3)*abs(x)": Rational(2, 3),
    "exp(x**2*(1 + 1/log(2 + x**2)))": 1,
    "exp(x**2*sin(x))": 1,
    "exp(-x**2*sin(x)*cos(x))": 1,  # an upper bound
    "exp(3*x**2)*(1 - tanh(x**2))": 1,  # cancels: 2 e^{-2x²}
    "1/(1 - tanh(x**2))": 2,
}

EXPLODES = {
    "exp(x**4)": "exp(x**4)",
    "exp(exp(x))": "exp(exp(x))",
    "exp(exp(-x)) + x": "exp(exp(-x))",
    "x + exp(abs(x)**3)": "exp(x**2*abs(x))",
    "0.1*exp(abs(x)**2.01)": "exp(abs(x)**(201/100))",
    "exp(0.001*x**3)": "exp(x**3/1000)",
    "exp(x**2*log(1 + x**2))": "(x**2 + 1)",
    "exp(exp(exp(exp(x))))": "exp(exp(exp(exp(x))))",
    "tanh(x)*cosh(x**3)": "cosh(x**3)",
    "(1 + x**2)**(x**2)": "(x**2 + 1)**(x**2)",
    "exp(x + abs(x)*x*x)": "",
}

SINGULAR = {
    "1/x": ("1/x: ", "1/abs(x) at x = 0"),
    "1/abs(x)": ("1/abs(x): ", "at x = 0"),
    "tanh(x) + x**-2": ("x**(-2): ", "abs(x)**(-2) at x = 0"),
    "abs(x)**(-1/2)": ("1/sqrt(abs(x)): ", "abs(x)**(-0.5) at x = 0"),
    "1/(x - 1)": ("1/(x - 1): ", "1/abs(x - 1) at x = 1"),
    "x/(x + 1/3)": ("1/(x + 1/3): ", "at x = -1/3"),
    "1/(x**2 - 2)": ("1/(x**2 - 2): ", "at x = -sqrt(2)"),
    "1/(x**3 - x - 1)": ("", "abs(x - 1.32472) at x = 1.32472"),
    "1/sin(x)": ("1/sin(x): ", "at x = 0"),
    "1/cos(x)": ("1/cos(x): ", "at x = -pi/2"),
    "1/(1 - cos(x))": ("", "abs(x)**(-2) at x = 0"),
    "1/(1 - sin(3*x + 1))": ("", "at x = 0.190265"),
    "1/(exp(x) - 1)": ("", "at x = 0"),
    "1/(exp(x) - 2)": ("", "at x = 0.693147"),
    "1/log(abs(x))": ("", "at x = -1"),
    "exp(1/x)": ("1/x: ", "grows faster than any power, at x = 0"),
    "1/relu(x)": ("1/max(0, x): ", "is infinite"),
    "log(relu(x))": ("log(max(0, x)): ", "as in log(abs(x))"),
    "abs(x - 2)**(-1/2)*log(abs(x - 2))": ("", "at x = 2"),
    "1/(x - a)": ("", "at x = a"),
}

NO_NTK = {
    "abs(x)**(-1/4)": "abs(x)**(-1.25) at x = 0",
    "log(abs(x))": "1/abs(x) at x = 0",
    "log(abs(x - 1.5))": "1/abs(x - 3/2) at x = 3/2",
    "sqrt(abs(x))": "abs(x)**(-0.5) at x = 0",
    "relu(x)**0.3": "abs(x)**(-0.7) at x = 0",
    "abs(x**2 - 2)**0.25": "at x = -sqrt(2)",
    "sign(x)*abs(x)**0.4": "at x = 0",
    "sign(x)": "sign(x) jumps at x = 0",
    "heaviside(x - 2)*exp(x)": "jumps at x = 2",
    "where(x > 1.5, 1, tanh(x))": "jumps at x = 3/2",
    "where(sin(x) > 0.5, 1, 0)": "jumps at x = pi/6",
    "where(x > 0, log(x), 0)": "1/abs(x) at x = 0",
    "tanh(1/x)": "jumps at x = 0",
    "sin(1/x)": "at x = 0",
    "sin(exp(x**3))": "faster than exp(a*x**2)",
    "where(x > a, x, 0)": "jumps at x = a",
    "1/log(abs(x)/9)*(abs(x) - 9)": "at x = 0",
}

FINE = [
    "abs(x)**0.6", "x*log(abs(x))", "sin(x)/x", "(1 - cos(x))/x**2", "(exp(x) - 1)/x", "x/(exp(x) - 1)", "exp(-1/x**2)",
    "x**2*sin(1/x)", "where(x > 1, 1/x, 1)", "where(x > 1, x, 1)", "x*sign(x)", "heaviside(x)*x", "x/(1 + abs(x))",
    "1/(2 + sin(x))", "1/(x**2 + 1)**3", "log(1 + abs(x))", "relu(x)**1.5", "tanh(a*x)", "exp(-abs(x - a))",
    "sin(exp(x))", "tanh(sinh(x))", "sqrt(a)*tanh(x)", "tanh(log(a) + x)",
]  # fmt: skip


def briefly(text):
    phi = parse_formula(text, None)
    with effort.at_most(10e6):
        return growth(phi)


@pytest.mark.parametrize("text", RATES)
def test_rate_and_domain(text):
    a = Sympy(RATES[text])
    found = briefly(text)
    assert found.rate == a
    assert found.domain == (true if a == 0 else q1 < 1 / (4 * a))


@pytest.mark.parametrize("text", EXPLODES)
def test_what_outgrows_every_gaussian_is_refused(text):
    with pytest.raises(UnsupportedError, match="infinite for every q") as caught:
        briefly(text)
    assert EXPLODES[text] in str(caught.value)
    assert "exp(a*x**2) for every a" in str(caught.value)


@pytest.mark.parametrize("text", SINGULAR)
def test_a_pole_is_refused_by_name_and_place(text):
    node, place = SINGULAR[text]
    with pytest.raises(UnsupportedError, match="φ² is not integrable there") as caught:
        briefly(text)
    assert f"no dual activation: {node}" in str(caught.value)
    assert place in str(caught.value)


@pytest.mark.parametrize("text", NO_NTK)
def test_what_has_an_nngp_alone(text):
    found = briefly(text)
    assert found.domain == true
    assert found.ntk_reason is not None
    assert NO_NTK[text] in found.ntk_reason
    assert "there is no NTK" in found.ntk_reason


@pytest.mark.parametrize("text", FINE)
def test_what_has_both(text):
    found = briefly(text)
    assert (found.rate, found.domain, found.ntk_reason) == (0, true, None)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_builtin_has_an_nngp_for_every_q(name):
    found = growth(build(name))
    assert (found.rate, found.domain) == (0, true)
    assert (found.ntk_reason is not None) == (name in ("sign", "step"))


def test_parameters_stay_in_the_domain():
    a = parameter("a")
    assert briefly("exp(a*x**2)").domain == (4 * a * q1 < 1)
    with pytest.raises(UnsupportedError, match="give it a number"):
        briefly("exp(a*x**2)*tanh(x)")


def test_not_real_far_out():
    with pytest.raises(UnsupportedError, match="not a real number for large negative x"):
        briefly("sqrt(x + 1000000000)")


def test_an_unknown_growth_is_refused():
    with pytest.raises(UnsupportedError, match="cannot tell how fast it grows"):
        briefly("log(log(1 + exp(exp(exp(exp(x))))))")


def test_singular_places():
    assert briefly("log(abs(x**2 - 2)) + sign(x)").singular == (0, -sqrt(2), sqrt(2))
    assert briefly("tanh(x)").singular == ()


@pytest.mark.parametrize(("text", "a"), [("exp(x**2/4)", 0.25), ("x*cosh(x**2/3)", 1 / 3)])
def test_the_guard_is_where_the_second_moment_diverges(text, a):
    """∫φ² over a growing range settles below the guard, and does not above it."""
    phi = parse_formula(text)
    function = mpmath.memoize(lambda t: mpmath.mpf(phi.xreplace({x: Rational(str(t))}).evalf(30)))
    assert float(rate(phi)) == pytest.approx(a)
    edge = 1 / (4 * a)
    for q, settles in [(0.8 * edge, True), (1.2 * edge, False)]:
        tail = [mpmath.log(function(t)) * 2 - t * t / (2 * mpmath.mpf(q)) for t in (20.0, 40.0)]
        assert (tail[1] < tail[0]) == settles
