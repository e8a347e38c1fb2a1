"""What people read, and what can be known of an activation without its dual."""

import pytest
import sympy as sp
from dual_truth import CASES
from sympy import acos, asin, cosh, exp, pi, sinh, sqrt

from kernelc.duals import dual
from kernelc.errors import UnsupportedError
from kernelc.formula import parse_formula
from kernelc.symbols import c, kappa, parameter, q1, q2, rho, s1, s2, theta, x

ANGLE = acos(c / (sqrt(q1) * sqrt(q2)))
ROOT = sqrt(q1 * q2 - c**2)
a = parameter("alpha")

PRETTY = {
    "max(0, x)": ((ROOT + c * (pi - ANGLE)) / (2 * pi), (pi - ANGLE) / (2 * pi)),
    "abs(x)": (2 * (ROOT + c * asin(c / (sqrt(q1) * sqrt(q2)))) / pi, 2 * asin(c / (sqrt(q1) * sqrt(q2))) / pi),
    "x": (c, 1),
    "x**2": (q1 * q2 + 2 * c**2, 4 * c),
    "erf(x)": (
        2 * asin(2 * c / (sqrt(1 + 2 * q1) * sqrt(1 + 2 * q2))) / pi,
        4 / (pi * sqrt((1 + 2 * q1) * (1 + 2 * q2) - 4 * c**2)),
    ),
    "sin(x)": (exp(-q1 / 2 - q2 / 2) * sinh(c), exp(-q1 / 2 - q2 / 2) * cosh(c)),
    "cos(x)": (exp(-q1 / 2 - q2 / 2) * cosh(c), exp(-q1 / 2 - q2 / 2) * sinh(c)),
    "exp(x)": (exp(q1 / 2 + q2 / 2 + c), exp(q1 / 2 + q2 / 2 + c)),
    "exp(x) - 1": (exp(q1 / 2 + q2 / 2 + c) - exp(q1 / 2) - exp(q2 / 2) + 1, exp(q1 / 2 + q2 / 2 + c)),
    "exp(-x**2)": (
        1 / sqrt((1 + 2 * q1) * (1 + 2 * q2) - 4 * c**2),
        4 * c / ((1 + 2 * q1) * (1 + 2 * q2) - 4 * c**2) ** sp.Rational(3, 2),
    ),
    "x + sin(x)**2": (
        c + exp(-2 * q1 - 2 * q2) * cosh(4 * c) / 4 - exp(-2 * q1) / 4 - exp(-2 * q2) / 4 + sp.Rational(1, 4),
        1 + exp(-2 * q1 - 2 * q2) * sinh(4 * c),
    ),
    "sign(x)": (2 * asin(c / (sqrt(q1) * sqrt(q2))) / pi, None),
}


@pytest.mark.parametrize("text", PRETTY)
def test_as_the_papers_write_them(text):
    found = dual(parse_formula(text))
    for get, paper in zip(("nngp", "ntk"), PRETTY[text], strict=True):
        if paper is not None:
            assert sp.expand(getattr(found, get) - paper) == 0
            assert sp.count_ops(getattr(found, get)) <= sp.count_ops(paper) + 2


def test_relu_in_native_coordinates():
    odd, even = dual(sp.Max(0, x)).parts
    assert (odd.parity, odd.nngp, odd.ntk) == ("odd", s1 * s2 * rho / 4, sp.Rational(1, 4))
    assert (even.parity, even.nngp) == ("even", s1 * s2 * (kappa + rho * (pi / 2 - theta)) / (2 * pi))
    assert even.ntk == (pi / 2 - theta) / (2 * pi)


def test_parameters_stay_symbols():
    prelu = dual(sp.Max(0, x) + a * sp.Min(0, x))
    assert [part.nngp.free_symbols for part in prelu.parts] == [{s1, s2, rho, a}, {s1, s2, rho, kappa, theta, a}]
    assert sp.simplify(prelu.diag - q1 * (1 + a**2) / 2) == 0
    assert sp.expand(dual(a * x).nngp - a**2 * c) == 0
    assert a in dual(sp.erf(a * x)).nngp.free_symbols
    assert sp.expand(dual(sp.sin(a * x)).diag.rewrite(exp) - (1 - exp(-2 * a**2 * q1)) / 2) == 0
    assert sp.simplify(dual(sp.sin(a * x + 1) ** 2 + sp.cos(a * x + 1) ** 2).nngp - 1) == 0
    assert dual(sp.exp(a * x**2)).domain == (4 * a * q1 < 1)


DEGREES = {"max(0, x)": 1, "x**3": 3, "x**2 + relu(x)**2": 2, "sign(x)": 0, "heaviside(x)": 0, "5": 0, "x + x**2": None}
DEGREES |= {"erf(x)": None, "sin(x)": None, "exp(x)": None, "abs(x)**5": 5, "x*sign(x) + relu(x)": 1, "x + 1": None}


@pytest.mark.parametrize("text", DEGREES)
def test_degree_of_homogeneity(text):
    assert dual(parse_formula(text)).degree == DEGREES[text]


NONNEGATIVE = {
    "relu",
    "abs",
    "abrelu",
    "relu2",
    "relu3",
    "step",
    "relu-gauss",
    "square",
    "sin2",
    "exp",
    "gauss",
    "wide",
}


@pytest.mark.parametrize("name", CASES)
def test_facts(name):
    case, found = CASES[name], dual(CASES[name].phi)
    values = [case.left.subs(x, -t) for t in (0.1, 1, 3)] + [case.right.subs(x, t) for t in (0.1, 1, 3)]
    if found.nonnegative:
        assert min(values) >= 0
    assert found.nonnegative or name not in NONNEGATIVE
    assert found.smooth == (case.left == case.right)
    assert found.tier == "exact"
    assert [part.parity for part in found.parts] in (["odd"], ["even"], ["odd", "even"])


def test_domain():
    assert dual(sp.Integer(0)).parts == ()
    assert dual(sp.exp(x**2 / 10)).domain == (q1 < sp.Rational(5, 2))
    assert dual(sp.exp(-(x**2))).domain == sp.true


def test_what_jumps_has_no_ntk():
    for text in ("sign(x)", "heaviside(x)", "where(x > 0, 1 + x, x)", "sign(x)*exp(-x**2)"):
        found = dual(parse_formula(text))
        assert all(part.ntk is None for part in found.parts)
        with pytest.raises(UnsupportedError, match="jumps at 0"):
            _ = found.ntk
        assert "infinite" in found.ntk_reason
    assert dual(parse_formula("sign(x)*(exp(-x**2) - exp(-x**2/2))")).ntk_reason is None


def test_a_kink_at_zero_in_any_spelling():
    for text in ("relu(relu(x))", "where(x > 0, x, 0)", "(x + abs(x))/2", "x*heaviside(x)", "max(0, x, -1*0)"):
        assert dual(parse_formula(text)).nngp == dual(sp.Max(0, x)).nngp
    assert dual(parse_formula("abs(max(x, 0) - x/2)")).nngp == dual(sp.Abs(x) / 2).nngp
    assert dual(parse_formula("max(3*x, x)")).nngp == dual(parse_formula("where(x > 0, 3*x, x)")).nngp
    assert dual(parse_formula("where(x > 0 and x**2 > 0, x, 0)")).nngp == dual(sp.Max(0, x)).nngp
    assert dual(parse_formula("max(0, x*exp(-x**2))")).nngp == dual(parse_formula("relu(x)*exp(-x**2)")).nngp


def test_names_formulas_and_expressions():
    assert dual("relu").nngp == dual("max(0, x)").nngp == dual(sp.Max(0, x)).nngp
    assert dual("x").nngp == c
    assert dual(0.5 * x).nngp == c / 4


def test_latex_is_printed_from_the_expressions():
    text = dual("relu").latex()
    assert sp.latex(dual("relu").nngp) in text
    assert text.count("\\mathbb{E}") == 2
    assert dual("sign").latex().count("\\mathbb{E}") == 1
