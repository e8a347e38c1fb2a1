"""The native forms in float64, against the same forms in 40 digits, over six decades of q and all folded angles."""

import itertools
import math

import fewer
import mpmath as mp
import pytest
import sympy as sp
from dual_truth import CASES, JUMPS, NATIVE, native

from kernelc import symbols
from kernelc.duals import dual
from kernelc.duals.dag import nodes
from kernelc.formula import parse_formula
from kernelc.symbols import q1

VARIANCES = [1e-3, 0.03, 1, 7, 100]
ANGLES = [0, 1e-7, 1e-3, 0.5, 1.2, None]  # None: a right angle


def worst_error(found, get):
    """The largest error of either part, relative to √(E11·E22)."""
    variances = [q for q in VARIANCES if found.domain.subs(q1, q) != sp.false]
    code = [(sp.lambdify(NATIVE, e, "math", cse=True), sp.lambdify(NATIVE, e, "mpmath", cse=True)) for e in get(found)]
    with mp.workdps(40):
        diagonal = {q: sum(truth(*native(math.sqrt(q) ** 2, q, 0)) for _, truth in code) for q in variances}
        worst = 0.0
        for a, b, angle in itertools.product(variances, variances, ANGLES):
            exact = native(a, b, angle)
            point = (mp.mpf(math.sqrt(a)), mp.mpf(math.sqrt(b)), *exact[2:])
            scale = mp.sqrt(diagonal[a] * diagonal[b])
            for rounded, truth in code:
                worst = max(worst, float(abs(rounded(*map(float, point)) - truth(*point)) / scale))
        return worst


def nngp(found):
    return [part.nngp for part in found.parts]


def ntk(found):
    return [part.ntk for part in found.parts]


@pytest.mark.parametrize("name", fewer.one_in(2, CASES))
def test_thirteen_digits_everywhere(name):
    found = dual(CASES[name].phi)
    assert found.error_bound == 1e-13
    assert worst_error(found, nngp) <= 2e-14
    if name not in JUMPS:
        assert worst_error(found, ntk) <= 2e-14


@pytest.mark.parametrize(
    "text",
    ["x - sin(x)", "exp(-x**2) - 1", "erf(x) - erf(1.01*x)", "relu(x) - x*Phi(x)", "cosh(x)*cos(x) - 1", "sin(x)**3"],
)
def test_what_cancels_says_so(text):
    """Atoms that cancel each other lose digits; the stated bound must cover the loss."""
    found = dual(parse_formula(text))
    assert 1e-13 < found.error_bound < 1e-6
    for get in (nngp, ntk):
        assert worst_error(found, get) <= found.error_bound


@pytest.mark.parametrize("name", CASES)
def test_finite_at_the_origin(name):
    """s1 = 0 is a zero row: E[φ(0)φ(v)], exactly computable."""
    case = CASES[name]
    for part in dual(case.phi).parts:
        code = sp.lambdify(NATIVE, part.nngp, "math")
        value = code(0.0, 0.7, 0.3, math.sqrt(1 - 0.09), math.acos(0.3), 0.35)
        both = code(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
        assert math.isfinite(value)
        at_zero = float(case.right.subs(symbols.x, 0) + case.left.subs(symbols.x, 0)) / 2
        if part.parity == "even":
            assert both == pytest.approx(at_zero**2, abs=1e-15)
        elif name not in JUMPS:
            assert value == both == 0


ALLOWED = (sp.Add, sp.Mul, sp.exp, sp.sin, sp.cos, sp.atan2, sp.codegen.cfunctions.expm1)


@pytest.mark.parametrize("name", CASES)
def test_native_vocabulary(name):
    """Only what the compiler knows how to print, and only native coordinates."""
    for part in dual(CASES[name].phi).parts:
        for value in (part.nngp, part.ntk):
            for node in nodes(value) if value is not None else ():
                atom = node.is_number or node in NATIVE
                assert atom or node.func in ALLOWED or (node.is_Pow and (2 * node.exp).is_Integer), node
