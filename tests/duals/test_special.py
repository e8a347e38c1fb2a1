"""The special tier against quadrature, the laws that every dual obeys, and what it refuses."""

import math
from functools import cache

import effort
import fewer
import mpmath as mp
import pytest
import sympy as sp
from oracle.activations import SPECIAL
from oracle.numeric import tabulated
from special_truth import CASES, quadrature, value

from kernelc import activations
from kernelc.duals.dag import nodes
from kernelc.duals.special import derive
from kernelc.errors import UnsupportedError
from kernelc.exact import MPArithmetic
from kernelc.formula import parse_formula
from kernelc.functions import Phi2
from kernelc.interpret import interpret
from kernelc.symbols import c, kappa, q1, q2, rho, s1, s2, x

VARIANCES = [("0.001", "0.001"), ("0.1", "0.1"), ("1", "1"), ("10", "10"), ("400", "400"), ("0.1", "10"), ("1", "0.3")]
COSINES = ["-1", "-0.999", "-0.5", "0", "0.3", "0.9", "1"]
POINTS = [(q, r) for q in VARIANCES for r in COSINES]
DIGITS = 34
SMALLEST = 1e-150  # of the truth, which φ(u)·φ(v) next to zero leaves in float64


@cache
def closed(name):
    return derive(parse_formula(CASES[name].formula)).closed


def check(name, points):
    case, found = CASES[name], closed(name)
    for (first, second), cosine in points:
        if max(float(first), float(second)) > case.most:
            continue
        one, two, r = mp.sqrt(mp.mpf(first)), mp.sqrt(mp.mpf(second)), float(cosine)
        truth = quadrature(case, float(one), float(two), r, math.sqrt((1 - r) * (1 + r)))
        size = mp.sqrt(value(found.nngp_diag, one, one, 1) * value(found.nngp_diag, two, two, 1))
        error = abs(value(found.nngp, one, two, cosine) - truth)
        assert error <= 1e-12 * size + SMALLEST, (first, second, cosine)
        if cosine == "1" and first == second and truth > SMALLEST:
            assert abs(size - truth) <= 1e-12 * truth


@pytest.mark.parametrize(("index", "name"), fewer.one_in(2, list(enumerate(CASES))))
def test_against_quadrature(index, name):
    """Two of the 49 points, others for every activation."""
    with mp.workdps(DIGITS):
        check(name, [POINTS[(11 * index + step) % len(POINTS)] for step in (0, 26)])


@pytest.mark.sweep
@pytest.mark.parametrize("name", CASES)
def test_against_quadrature_everywhere(name):
    with mp.workdps(DIGITS):
        check(name, POINTS)


@pytest.mark.parametrize("name", CASES)
def test_price_theorem_and_symmetry(name):
    """∂E[φφ]/∂c = E[φ'φ'] (Price 1958)."""
    found = closed(name)
    with mp.workdps(DIGITS):
        one, two, cosine, step = mp.mpf("0.8"), mp.mpf("1.1"), mp.mpf("0.35"), mp.mpf("1e-9")
        same = value(found.nngp, two, one, cosine) - value(found.nngp, one, two, cosine)
        assert abs(same) < 1e-28 * max(1, abs(value(found.nngp, one, two, cosine)))
        if found.ntk is None:
            return
        rise = [value(found.nngp, one, two, cosine + k * step) for k in (-2, -1, 1, 2)]
        slope = (rise[0] - 8 * rise[1] + 8 * rise[2] - rise[3]) / (12 * step) / (one * two)
        assert abs(slope - value(found.ntk, one, two, cosine)) < 1e-18 * abs(slope)
        for closed_form, diagonal in ((found.nngp, found.nngp_diag), (found.ntk, found.ntk_diag)):
            near = value(closed_form, one, one, 1 - mp.mpf("1e-26"))
            assert abs(near - value(diagonal, one, one, 1)) < 1e-11 * abs(near)


BUILT_IN = [
    "hard_tanh", "hard_sigmoid", "relu6", "hard_swish", "softshrink", "elu", "selu", "celu",
]  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_activations(name):
    with effort.at_most(7.5e6):
        dual = derive(activations.build(name))
    assert dual.tier == "special"
    assert dual.ntk_reason is None
    assert dual.parts == ()
    assert dual.domain == sp.true
    assert dual.closed.nngp.free_symbols <= {s1, s2, rho, kappa}
    assert dual.closed.nngp_diag.free_symbols <= {s1}
    assert dual.error_bound < 1e-11
    assert dual.nonnegative == (name in ("hard_sigmoid", "relu6"))
    assert not dual.smooth


def test_parameters_stay_symbolic():
    """ELU with a symbolic slope, against the number put in."""
    alpha = sp.Symbol("a", real=True)
    general = derive(parse_formula("where(x > 0, x, a*(exp(x) - 1))", ["a"])).closed
    special = derive(parse_formula("where(x > 0, x, 0.7*(exp(x) - 1))")).closed
    assert general.nngp.free_symbols == {s1, s2, rho, kappa, alpha}
    with mp.workdps(30):
        for one, two in zip(
            (general.nngp, general.ntk, general.nngp_diag, general.ntk_diag),
            (special.nngp, special.ntk, special.nngp_diag, special.ntk_diag),
            strict=True,
        ):
            assert abs(value(one, 0.7, 1.2, 0.4, {alpha: mp.mpf("0.7")}) - value(two, 0.7, 1.2, 0.4)) < 1e-27


def test_symbolic_soft_gates():
    k, m = sp.symbols("k m", real=True)
    general = derive(parse_formula("erf(k*x + m)", ["k", "m"])).closed
    special = derive(parse_formula("erf(-2*x + 1/3)")).closed
    with mp.workdps(30):
        at = {k: mp.mpf(-2), m: mp.mpf(1) / 3}
        assert abs(value(general.nngp, 0.7, 1.2, 0.4, at) - value(special.nngp, 0.7, 1.2, 0.4)) < 1e-27


def test_shifted_relu_is_the_textbook_formula():
    """E[relu(u − t)relu(v − t)] has one Φ₂, and its NTK is it."""
    found = closed("shifted-relu")
    orthant = Phi2(0, -1 / s1, -1 / s2, rho, kappa)
    assert found.ntk == orthant
    assert [node for node in nodes(found.nngp) if node.func is Phi2] == [orthant]


def test_elu_needs_three_orthants():
    found = closed("elu")
    orthants = {node for form in (found.nngp, found.ntk) for node in nodes(form) if node.func is Phi2}
    assert len(orthants) == 3


def test_growth_guards_the_domain():
    assert derive(parse_formula("exp(x**2/100)*relu(x - 1)")).domain == (q1 < 25)


JUMPS = {"heaviside(x - 1)": "jumps at 1", "where(x > 2, x, 0)": "jumps at 2", "abs(x)**0.5": "too steep at 0"}


@pytest.mark.parametrize("text", JUMPS)
def test_no_ntk(text):
    dual = derive(parse_formula(text))
    assert dual.closed.ntk is None
    assert dual.closed.ntk_diag is None
    assert JUMPS[text] in dual.ntk_reason


REFUSED = {
    "erf(x)**2": "a product of two gates",
    "relu(x)*Phi(x)": "a product of two gates",
    "tanh(x)": "a ratio of exponentials",
    "sigmoid(x)": "a ratio of exponentials",
    "relu(x)*sin(x)": "an oscillation with a gate on it",
    "relu(x - 1) + cos(x)": "an oscillation beside a gate off the origin",
    "exp(x)*relu(x) + sin(x)": "an oscillation beside a gate",
    "max(x - a, 0)": "a symbolic kink position",
    "abs(sin(x))": "infinitely many",
    "max(0, tanh(x) - x/2)": "a ratio of exponentials",
    "relu(x - 1)**9": "a degree above",
    "exp(erf(x))": "error function",
    "erf(x**2)": "not linear",
    "abs(x)**a": "a symbolic power",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refusals_name_the_reason_and_come_quickly(text):
    with effort.at_most(10e6), pytest.raises(UnsupportedError) as caught:
        derive(parse_formula(text, None))
    assert REFUSED[text] in str(caught.value)


def test_powers_agree_with_the_exact_tier():
    """|x|^α at whole numbers: relu² + relu and its neighbours, from ₂F₁ and from atan2."""
    from kernelc.duals.exact import derive as exact
    from kernelc.duals.powers import _dual, _moment
    from kernelc.symbols import theta

    half = sp.Rational(1, 2)
    even, odd = {sp.Integer(1): half, sp.Integer(3): half}, {sp.Integer(1): half, sp.Integer(3): half}
    parts = exact(sp.Max(0, x) + sp.Max(0, x) ** 3).parts
    with mp.workdps(30):
        at = {theta: mp.acos(mp.mpf("0.3"))}
        truth = sum(value(part.nngp, 0.6, 1.3, "0.3", at) for part in parts)
        assert abs(value(_dual(even, odd), 0.6, 1.3, "0.3") - truth) < 1e-27
        same = sum(value(part.nngp, 0.6, 0.6, 1, {theta: mp.mpf(0)}) for part in parts)
        assert abs(value(_moment(even, odd), 0.6, 0.6, 1) - same) < 1e-27


@cache
def public(name):
    dual = derive(parse_formula(SPECIAL[name].formula))
    return dual.nngp, None if dual.ntk_reason else dual.ntk


def parallel(name):
    """(formula, point of the table, its value, its scale) wherever ρ = ±1."""
    for point in tabulated()[name]:
        if abs(point.rho) == 1:
            values = (point.nngp, point.nngp_scale), (point.ntk, point.ntk_scale)
            for formula, (truth, scale) in zip(public(name), values, strict=True):
                if formula is not None:
                    yield formula, point, truth, scale


@pytest.mark.parametrize("name", fewer.one_in(3, SPECIAL))
def test_public_formulas_of_parallel_points(name):
    """Exact numbers at ρ = ±1, through SymPy and in mpmath."""
    for formula, point, truth, scale in parallel(name):
        first, second, side = sp.Rational(point.q1), sp.Rational(point.q2), int(point.rho)
        found = formula.subs({q1: first, q2: second, c: side * sp.sqrt(first * second)}).evalf(30)
        assert found == 0 or found.is_Float
        with mp.workdps(50):
            assert abs(mp.mpf(found) - truth) <= 1e-13 * scale, (point, formula)
            env = {q1: mp.mpf(point.q1), q2: mp.mpf(point.q2)}
            env[c] = side * mp.sqrt(env[q1] * env[q2])
            assert abs(interpret(formula, env, MPArithmetic()) - truth) <= 1e-13 * scale, (point, formula)


@pytest.mark.parametrize("name", sorted(set(SPECIAL) - {"root"}))  # ₂F₁ has a branch point at 1
def test_public_formulas_of_parallel_floats(name):
    """Floats as close to ρ = ±1 as they come, on either side: where nothing else cancels, real and right."""
    for formula, point, truth, scale in parallel(name):
        if min(point.q1, point.q2) >= 1:
            cosine = point.rho * mp.sqrt(point.q1 * point.q2)
            found = formula.subs({q1: point.q1, q2: point.q2, c: float(cosine)}).evalf(30)
            assert found == 0 or found.is_Float
            assert abs(mp.mpf(found) - truth) <= 2e-11 * scale, (point, formula)


@pytest.mark.parametrize(("side", "tolerance"), [(1 + 4e-16, 1e-12), (1, 1e-12), (1 - 4e-16, 1e-7)])
@pytest.mark.parametrize("name", ["hard_tanh", "triangle", "elu", "softshrink"])
def test_rounded_cosines(name, side, tolerance):
    """c a few units in the last place to either side of √(q1·q2): within, q1·q2 − c² has a digit at most."""
    dual = derive(parse_formula(SPECIAL[name].formula))
    exact = float(dual.nngp.subs({q1: 3, q2: 3, c: 3}).evalf(30))
    assert float(dual.nngp.subs({q1: 3.0, q2: 3.0, c: 3 * side})) == pytest.approx(exact, rel=tolerance)
    with mp.workprec(53):
        found = interpret(dual.nngp, {q1: mp.mpf(3), q2: mp.mpf(3), c: mp.mpf(3 * side)}, MPArithmetic())
    assert float(found) == pytest.approx(exact, rel=tolerance)


@pytest.mark.parametrize("text", ["exp(-x**2)*relu(x - 1)", "exp(x**2/40)*relu(x - 1)", "where(x > 1, exp(x - 1), x)"])
def test_tilted_gates_of_parallel_points(text):
    """Edges off the origin under e^{ax² + bx}: the diagonal, from the public formula of two points."""
    dual = derive(parse_formula(text))
    for q in (sp.Rational(1, 2), sp.Rational(3)):
        same = dual.nngp.subs({q1: q, q2: q, c: q}).evalf(30)
        assert same == pytest.approx(dual.diag.subs(q1, q).evalf(30), rel=1e-20)
        for r in (sp.Rational(1, 3), -sp.Rational(4, 5)):
            point = {s1: sp.sqrt(q), s2: sp.sqrt(q), rho: r, kappa: sp.sqrt(1 - r**2)}
            found = dual.nngp.subs({q1: q, q2: q, c: q * r}).evalf(30)
            assert found == pytest.approx(dual.closed.nngp.subs(point).evalf(30), rel=1e-20)


@pytest.mark.parametrize("name", SPECIAL)
def test_public_formulas_come_quickly(name):
    formula = parse_formula(SPECIAL[name].formula)
    with effort.at_most(7.5e6):
        dual = derive(formula)
        assert dual.nngp is not None
        assert dual.ntk_reason or dual.ntk is not None
