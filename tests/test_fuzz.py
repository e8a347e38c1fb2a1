"""Random activations: each has a dual, and that dual is right, or it is refused with a reason; nothing else happens."""

import math
import random
import re
import signal
import warnings

import fewer
import fuzz
import mpmath
import numpy as np
import pytest
from fuzz import TooSlow, Unsure, formulas, limit, truth
from sympy import Tuple

import kernelc
from kernelc import orthants
from kernelc.formula import parse_formula
from kernelc.interpret import interpret
from kernelc.symbols import c, q1, q2

SECONDS = 5
TOLERANCE = 1e-9
GROUP = 20
TINY = 1e-140  # a scale at which φ(u)·φ(v) underflows

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGVTALRM"), reason="needs a timer of the process's own time")


class Digits:
    """mpmath as an arithmetic for SymPy expressions."""

    def number(self, number):
        return [self.number(part) for part in number] if isinstance(number, Tuple) else mpmath.mpf(number.evalf(35))

    def function(self, name):
        return orthants.FUNCTIONS.get(name) or getattr(mpmath, name, None)


def derive(text):
    """The dual with all of its forms made, or None where it is refused; anything else is a failure."""
    try:
        with limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error")
            dual = kernelc.dual(text)
            shown = [dual.nngp, dual.diag, dual.latex(), dual]
            shown += [dual.ntk] if dual.ntk_reason is None else [dual.ntk_reason]
            assert all(map(str, shown))
    except (kernelc.SpecError, kernelc.UnsupportedError) as refusal:
        if not names_something(str(refusal), text):
            pytest.fail(f"{text}: the refusal names nothing of it: {refusal}")
        return None
    except TooSlow:
        pytest.fail(f"{text}: more than {SECONDS} s")
    except Exception as error:
        raise RuntimeError(text) from error
    return dual


def names_something(message, text):
    """Whether a message has a name or a number of the formula in it."""
    words = set(re.findall(r"[A-Za-z_]\w*|\d+", text))
    return any(re.search(rf"(?<![A-Za-z_]){word}", message) for word in words)


def points(text, dual, count=3):
    """Random covariances inside of the domain, the same for each run."""
    r = random.Random(text)
    for _ in range(count):
        sizes = [r.uniform(0.3, 2.0) for _ in range(2)]
        while not all(dual.domain.subs(q1, q / 0.6) == True for q in sizes):  # noqa: E712
            sizes = [q / 2 for q in sizes]
        yield *sizes, r.uniform(-0.95, 0.95)


def check(text):
    """Derive, and where there is a closed form compare it with quadrature."""
    dual = derive(text)
    if dual is None or dual.tier == "series":
        return
    with mpmath.workdps(30):
        for a, b, rho in points(text, dual):
            try:
                want = truth(text, a, b, rho, dual.ntk_reason is None)
            except Unsure:
                continue
            at = dict(zip((q1, q2, c), (mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(rho * math.sqrt(a * b))), strict=True))
            close(text, interpret(dual.nngp, at, Digits()), want.nngp, want.nngp_scale)
            if dual.ntk_reason is None:
                close(text, interpret(dual.ntk, at, Digits()), want.ntk, want.ntk_scale)


def close(text, found, want, scale):
    assert abs(float(found) - want) <= TOLERANCE * max(scale, TINY), f"{text}: {float(found)}, quadrature has {want}"


def check_all(seed, count, longest):
    for text in formulas(seed, count, longest):
        check(text)


@pytest.mark.parametrize("group", fewer.but(range(3), range(16)))
def test_random_activations(group):
    """Short ones, which are fast, and a few that are longer."""
    check_all(f"short-{group}", GROUP, 30 if group % 4 else 45)


@pytest.mark.sweep
@pytest.mark.parametrize("group", range(8))
def test_random_activations_of_any_length(group):
    check_all(f"long-{group}", GROUP, 110)


# --- the series tier, compiled ---------------------------------------------------

WEIGHT, BIAS = 1.5, 0.1
ROWS = np.array([[0.9, 0.3, -0.4], [-0.2, 1.1, 0.3], [0.5, 0.6, 0.7], [0.31, 0.29, -1.2]])
SMOOTH = ["smooth", "power", "mixed"]


def gram(text):
    """NNGP and NTK of dense, φ, dense by quadrature, and the largest error that is allowed in each entry."""
    inner = WEIGHT**2 * ROWS @ ROWS.T / ROWS.shape[1] + BIAS**2
    q = np.diag(inner)
    nngp, ntk, scale = (np.zeros_like(inner) for _ in range(3))
    for i in range(len(q)):
        for j in range(len(q)):
            if i != j:
                found = truth(text, q[i], q[j], inner[i, j] / math.sqrt(q[i] * q[j]))
                nngp[i, j], ntk[i, j] = found.nngp, found.nngp + inner[i, j] * found.ntk
                scale[i, j] = found.nngp_scale + math.sqrt(q[i] * q[j]) * found.ntk_scale
    return nngp, ntk, scale


def check_compiled(text):
    net = kernelc.Network([kernelc.Dense(WEIGHT, BIAS), kernelc.Activation(text), kernelc.Dense()], name="n")
    nngp, ntk = kernelc.compile(net, q_range=(0.5, 2.0), duals="auto")(ROWS, get=("nngp", "ntk"))
    want_nngp, want_ntk, scale = gram(text)
    off = ~np.eye(len(ROWS), dtype=bool)
    assert (np.abs(nngp - want_nngp)[off] <= TOLERANCE * scale[off]).all(), text
    assert (np.abs(ntk - want_ntk)[off] <= TOLERANCE * scale[off]).all(), text


def series(seed, count):
    """Formulas of the series tier that have an NTK and a finite second moment everywhere."""
    found = []
    for number in range(100):
        draw = fuzz.Draw(f"{seed}-{number}")
        text = getattr(draw, draw.r.choice(SMOOTH))()
        dual = derive(text) if len(text) < 60 else None
        if dual is None or dual.tier != "series" or dual.ntk_reason or dual.domain != True:  # noqa: E712
            continue
        found.append(text)
        if len(found) == count:
            break
    return found


@pytest.mark.sweep
@pytest.mark.parametrize("group", range(6))
def test_compiled_series(group):
    compared = 0
    for text in series(f"series-{group}", 7):
        try:
            truth(text, 0.7, 1.3, 0.4)
            check_compiled(text)
        except (Unsure, kernelc.UnsupportedError):  # nothing to compare, or neither a table nor quadrature serves it
            continue
        compared += 1
    assert compared >= 3


# --- what once went wrong ---------------------------------------------------------

WRONG = [
    "sign(1/(x + 1))",
    "heaviside(1/(x - sqrt(2)))",
    "max(abs(x)**0.5, 0.05)",
    "where(abs(x)**0.5 > 1/20, 2, 1)",
    "where(abs(x)**0.5 > exp(-x - 3), exp(-x - 3), 1)",
    "max(exp(-10**6*x**2), 0.5)",
]
FAILED = [
    "min(1/x, 1)",
    "where(atan(1/x) > x, 1, 2)",
    "max(Phi(x), x/(3 + abs(x)))**3",
    "x + relu(x)**(-1/5)",
    "3*cos(x + exp(-1))",
    "x + 1 - Phi(0.45)**(1/3)",
    "3*abs(x - 4)*abs(x**2 - 2.718281828)",
]


@pytest.mark.parametrize("text", WRONG + FAILED)
def test_once_wrong_or_failed(text):
    check(text)


def test_a_thin_gap_next_to_a_kink():
    """It is thinner than what quadrature sees by itself."""
    found = kernelc.dual("where(abs(x - 1)**0.5 > 1/20, 2, 1)").diag
    inside = kernelc.dual("where(1 - 1/400 < x < 1 + 1/400, 1, 2)").diag
    assert abs(float(found.subs(q1, 1).evalf()) - float(inside.subs(q1, 1).evalf())) < 1e-12


@pytest.mark.parametrize(
    "text",
    [
        "where(abs(sqrt(abs(x))) > pi + x**2 - max(pi,-x), max(a,-x) - where(a > -x, 2, 0.5), 1)",
        "max(a*x, x**2)",
        "abs(x**2 - a)",
        "where(x**3 > a*x, x, 1)",
        "max(exp(-1.6732632423543772*x**2 + a*x/7), x)",
    ],
)
def test_switches_with_a_parameter_are_refused(text):
    with limit(SECONDS), pytest.raises(kernelc.UnsupportedError):
        kernelc.dual(parse_formula(text, ["a"]))
