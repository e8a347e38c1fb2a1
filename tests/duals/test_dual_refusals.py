"""What a tier does not take is refused by name, with the reason, and the next tier has it; nothing else is raised."""

import contextlib

import effort
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernelc.duals import dual, exact
from kernelc.errors import UnsupportedError
from kernelc.formula import parse_formula
from kernelc.symbols import c, q1, q2

SERIES, SPECIAL, NONE = "series", "special", ""

REASONS = {
    "tanh(x)": ("tanh(x): a ratio of exponentials", SERIES),
    "sigmoid(x)": ("a ratio of exponentials", SERIES),
    "x/(1 + abs(x))": ("a ratio of polynomials", SERIES),
    "softplus(x)": ("a logarithm", SERIES),
    "atan(x)": ("atan(x): atan is no sum", SERIES),
    "erf(x)**2": ("a product of two gates; no closed form is known for that", SERIES),
    "relu(x)*erf(x)": ("erf(x)*sign(x): a product of two gates", SERIES),
    "where(x > 0, erf(x), sin(x))": ("a product of two gates", SERIES),
    "max(x - 1, 0)": (
        "x - 1: a gate off the origin (this changes sign at |x| = 1); that is beyond elementary functions",
        SPECIAL,
    ),
    "max(-1, min(1, x))": ("a gate off the origin", SPECIAL),
    "abs(x**2 - 2)": ("|x| = sqrt(2)", SPECIAL),
    "max(x - pi, 0)": ("|x| = pi", SPECIAL),
    "erf(x + 1)": ("erf(x + 1): a soft gate off the origin; that is beyond elementary functions", SPECIAL),
    "relu(x) + 0.1*cos(x)": ("an oscillation beside a gate of the same parity", SPECIAL),
    "erf(x) + sin(x)": ("sin(x): an oscillation beside a gate of the same parity, erf(x)", SPECIAL),
    "relu(x)*sin(x)": ("an oscillation with a gate on it", SERIES),
    "where(x > 0, x, exp(x) - 1)": ("an exponential with a gate on it", SPECIAL),
    "exp(x)*(1 + erf(x))": ("an exponential with a gate on it", SPECIAL),
    "max(x - a, 0)": ("a symbolic kink position", NONE),
    "max(x, a*x)": ("the sign of a parameter decides a branch; write the slopes outside", NONE),
    "max(0, sin(x))": ("sin(x): cannot tell where this changes sign", SERIES),
    "abs(x)**0.5": ("a power that is no whole number", SPECIAL),
    "abs(x)**a": ("a symbolic power", NONE),
    "sin(x**2)": ("its argument is not linear in x", SERIES),
    "exp(x**3)": ("its argument is not a polynomial of degree ≤ 2 in x", NONE),
    "exp(sin(x))": ("its argument is not a polynomial", SERIES),
    "(1 + x)**70": ("a degree above 64", SERIES),
    "(sin(x) + cos(2*x) + exp(x))**8": ("more than 24 exponentials", SERIES),
    "sin(x)**10": ("its terms cancel near 0", SERIES),
}
"""Why the exact tier refuses a formula, and the tier that takes it."""


@pytest.mark.parametrize("text", REASONS)
def test_the_exact_tier_names_its_reason(text):
    reason, _ = REASONS[text]
    with pytest.raises(UnsupportedError) as caught:
        exact.derive(parse_formula(text, None))
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", [text for text, (_, tier) in REASONS.items() if tier])
def test_another_tier_takes_it(text):
    found = dual(parse_formula(text, None))
    assert found.tier == REASONS[text][1]
    assert bool(found.node_reason) == (found.tier == SERIES)
    assert found.error_bound <= 1e-6


REFUSED = {
    "max(x - a, 0)": ("a table needs a number for a", "a symbolic kink position"),
    "max(x, a*x)": ("a table needs a number for a", "write the slopes outside of the switch"),
    "tanh(a*x + b)": ("a table needs a number for a, b", "none because of tanh(a*x + b): a ratio of exponentials"),
    "abs(x)**a": ("a table needs a number for a", "a symbolic power"),
    "exp(x**3)": ("E[φ(u)²] is infinite for every q",),
    "1/x": ("E[φ(u)²] is infinite for every q",),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_tier_takes_is_refused_with_the_reason(text):
    with pytest.raises(UnsupportedError) as caught:
        dual(parse_formula(text, None))
    for reason in REFUSED[text]:
        assert reason in str(caught.value)


ATOMS = [
    "x",
    "x**2",
    "x**3",
    "1",
    "a",
    "relu(x)",
    "abs(x)",
    "sign(x)",
    "erf(x)",
    "erf(x/2)",
    "Phi(x)",
    "phi(x)",
    "sin(x)",
]
ATOMS += [
    "cos(2*x)",
    "sin(x + 1)",
    "exp(x/2)",
    "exp(-x**2)",
    "exp(-x)",
    "exp(x**2/50)",
    "cosh(x)",
    "heaviside(x)",
    "3/7",
]
ATOMS += ["min(0, x)", "tanh(x)", "max(x - 1, 0)", "atan(x)", "erf(x - 1)", "where(x > 0, x, a*x)", "abs(x - 2)"]
OPERATIONS = [
    "({}) + ({})",
    "({}) - ({})",
    "({})*({})",
    "max({}, {})",
    "min({}, {})",
    "abs({}) + ({})",
    "({})**2 + ({})",
]
OPERATIONS += ["sin({}) + ({})", "relu({}) - ({})", "exp({})*({})", "where(x > 0, {}, {})"]


def combined(smaller):
    return st.builds(lambda shape, one, two: shape.format(one, two), st.sampled_from(OPERATIONS), smaller, smaller)


@pytest.mark.parametrize("examples", [20, pytest.param(120, marks=pytest.mark.slow)])
def test_any_formula_has_a_dual_or_a_reason(examples):
    rules = settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

    @rules
    @given(st.recursive(st.sampled_from(ATOMS), combined, max_leaves=4))
    def check(text):
        phi = parse_formula(text, None)
        with contextlib.suppress(UnsupportedError), effort.at_most(25e6):
            found = dual(phi)
            assert found.error_bound <= 1e-6
            assert found.nngp.free_symbols <= {q1, q2, c} | phi.free_symbols

    check()
