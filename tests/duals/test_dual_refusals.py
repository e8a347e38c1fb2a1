"""What has no elementary dual is refused by name, with the reason; nothing else is ever raised."""

import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernelc.duals import dual
from kernelc.errors import UnsupportedError
from kernelc.formula import parse_formula
from kernelc.symbols import c, q1, q2

REASONS = {
    "tanh(x)": "tanh(x): a ratio of exponentials",
    "sigmoid(x)": "a ratio of exponentials",
    "x/(1 + abs(x))": "a ratio of polynomials",
    "softplus(x)": "a logarithm",
    "atan(x)": "atan(x): atan is no sum",
    "erf(x)**2": "a product of two gates; that needs the series tier",
    "relu(x)*erf(x)": "erf(x)*sign(x): a product of two gates",
    "where(x > 0, erf(x), sin(x))": "a product of two gates",
    "max(x - 1, 0)": "x - 1: a gate off the origin (this changes sign at |x| = 1); that needs the special tier",
    "max(-1, min(1, x))": "a gate off the origin",
    "abs(x**2 - 2)": "|x| = sqrt(2)",
    "max(x - pi, 0)": "|x| = pi",
    "erf(x + 1)": "erf(x + 1): a soft gate off the origin; that needs the special tier",
    "relu(x) + 0.1*cos(x)": "an oscillation beside a gate of the same parity",
    "erf(x) + sin(x)": "sin(x): an oscillation beside a gate of the same parity, erf(x)",
    "relu(x)*sin(x)": "an oscillation with a gate on it",
    "where(x > 0, x, exp(x) - 1)": "an exponential with a gate on it",
    "exp(x)*(1 + erf(x))": "an exponential with a gate on it",
    "max(x - a, 0)": "a symbolic kink position",
    "max(x, a*x)": "the sign of a parameter decides a branch; write the slopes outside",
    "max(0, sin(x))": "sin(x): cannot tell where this changes sign",
    "abs(x)**0.5": "a power that is no whole number",
    "abs(x)**a": "a symbolic power",
    "sin(x**2)": "its argument is not linear in x",
    "exp(x**3)": "its argument is not a polynomial of degree ≤ 2 in x",
    "exp(sin(x))": "its argument is not a polynomial",
    "(1 + x)**70": "a degree above 64",
    "(sin(x) + cos(2*x) + exp(x))**8": "more than 24 exponentials",
    "sin(x)**10": "its terms cancel near 0",
}


@pytest.mark.parametrize("text", REASONS)
def test_the_reason_is_named(text):
    with pytest.raises(UnsupportedError) as caught:
        dual(parse_formula(text, None))
    assert REASONS[text] in str(caught.value)


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


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.recursive(st.sampled_from(ATOMS), combined, max_leaves=4))
def test_any_formula_has_a_dual_or_a_reason(text):
    phi = parse_formula(text, None)
    start = time.process_time()
    with contextlib.suppress(UnsupportedError):
        found = dual(phi)
        assert found.error_bound <= 1e-6
        assert found.nngp.free_symbols <= {q1, q2, c} | phi.free_symbols
    assert time.process_time() - start < 5
