"""Slope arithmetic: differences to full relative precision, however small or large they are, against 50 digits."""

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from straightline import in_backend

from kernelc.builder import Builder
from kernelc.errors import LoweringError
from kernelc.exact import MPArithmetic
from kernelc.interpret import interpret
from kernelc.slope import Slope, SlopeArithmetic

x, y = sp.symbols("x y", positive=True)
small, exp, expm1 = 2.0**-52, sp.exp, sp.Function("expm1")


def difference_code(expr):
    """Code for expr(x0, y0) − expr(x1, y1) from both points and the differences dx, dy."""
    b = Builder()
    env = {s: Slope(*(b.input(f"{s}{suffix}", "pair") for suffix in "01d")) for s in (x, y)}
    return b.code({"diff": interpret(expr, env, SlopeArithmetic(b)).diff})


def point(value, diff):
    """A float, a float away from it, and their exact difference."""
    base = value + diff
    return {"0": base, "1": value, "d": base - value}  # exact where base and value are within a factor of 2


def compare(expr, at_x, at_y=None):
    """(difference found, true difference, true values at both points)."""
    values = {f"x{k}": v for k, v in at_x.items()} | {f"y{k}": v for k, v in (at_y or point(1.0, 0.0)).items()}
    got = float(in_backend(CODES[expr], values)["diff"])
    with mpmath.workdps(50):
        ends = [{s: mpmath.mpf(values[f"{s}{k}"]) for s in (x, y)} for k in "01"]
        base, value = (interpret(expr, env, MPArithmetic()) for env in ends)
        return got, base - value, abs(base), abs(value)


MONOTONE = [
    sp.sqrt(x),
    exp(x),
    exp(-x),
    expm1(x),
    1 / x,
    x**3,
    sp.sqrt(1 + x**2),
    x / sp.sqrt(1 + x),
    2 * x / (1 + 2 * x),
]
OF_TWO = [x * y, x**2 * y, sp.sqrt(x * y), sp.sqrt(x) * y, exp(x + y)]  # they grow with x and with y
ARCS = [sp.atan2(x, y, evaluate=False), sp.atan2(2 * x, sp.sqrt(1 + y**2), evaluate=False)]  # with x, against y
WAVES = [sp.sin(x), sp.cos(x)]
CODES = {
    expr: difference_code(expr) for expr in [*MONOTONE, *OF_TWO, *ARCS, *WAVES, sp.sin(x) * exp(-x), sp.sqrt(1 + x)]
}
NEAR = st.tuples(st.floats(0.1, 10), st.floats(1e-15, 0.09), st.sampled_from([-1, 1])).map(
    lambda t: point(t[0], t[1] * t[2])
)


@given(st.sampled_from(MONOTONE), NEAR)
def test_one_argument(expr, at):
    got, true, *_ = compare(expr, at)
    assert abs(got - true) <= 16 * small * abs(true)


@pytest.mark.parametrize("expr", [*MONOTONE, *OF_TWO], ids=str)
def test_a_difference_of_1e_12_keeps_its_digits(expr):
    got, true, base, _ = compare(expr, point(0.7, 7e-13))
    assert abs(true) < 1e-11 * base
    assert abs(got - true) <= 16 * small * abs(true)


@given(st.sampled_from(OF_TWO), NEAR, NEAR)
def test_two_arguments_that_pull_the_same_way(expr, at_x, at_y):
    if at_x["d"] * at_y["d"] < 0:
        at_y = {"0": at_y["1"], "1": at_y["0"], "d": -at_y["d"]}
    got, true, *_ = compare(expr, at_x, at_y)
    assert abs(got - true) <= 16 * small * abs(true)


@given(st.sampled_from(ARCS), NEAR, NEAR)
def test_arctangents(expr, at_x, at_y):
    if at_x["d"] * at_y["d"] > 0:
        at_y = {"0": at_y["1"], "1": at_y["0"], "d": -at_y["d"]}
    got, true, *_ = compare(expr, at_x, at_y)
    assert abs(got - true) <= 32 * small * abs(true)


@given(st.sampled_from([*OF_TWO, *ARCS]), NEAR, NEAR)
def test_arguments_that_pull_apart(expr, at_x, at_y):
    """What cancels then is the sum of two differences: the error is relative to the larger of them."""
    got, true, *_ = compare(expr, at_x, at_y)
    held = point(at_x["1"], 0.0), point(at_y["1"], 0.0)
    alone = abs(compare(expr, at_x, held[1])[1]) + abs(compare(expr, held[0], at_y)[1])
    assert abs(got - true) <= 64 * small * alone


@given(st.sampled_from(WAVES), st.floats(0.1, 100), st.floats(1e-15, 3))
def test_sine_and_cosine(expr, value, diff):
    """Relative to the difference of the angles, and to the digits that the angle in the middle has."""
    at = point(value, diff)
    got, true, *_ = compare(expr, at)
    apart = mpmath.mpf(at["0"]) - mpmath.mpf(at["1"])
    assert abs(got - true) <= 4 * small * (abs(true) + value * abs(apart)) + abs(apart - at["d"])


@given(NEAR)
def test_a_product_of_functions(at):
    got, true, *_ = compare(sp.sin(x) * exp(-x), at)
    assert abs(got - true) <= 32 * small * abs(at["d"])


@pytest.mark.parametrize("ends", [(1e-200, 1e200), (1e200, 1e-200), (1e-8, 1e8), (3.0, 2e5)])
@pytest.mark.parametrize("expr", [sp.sqrt(x), x * y, sp.sqrt(x * y), sp.sqrt(1 + x), *ARCS[:1]], ids=str)
def test_values_that_are_hugely_different(expr, ends):
    """Quotients are left out: theirs cancels where the denominators differ by orders of magnitude."""
    at = {"0": ends[0], "1": ends[1], "d": ends[0] - ends[1]}
    got, true, base, value = compare(expr, at)
    assert abs(got - true) <= 8 * small * max(base, value)


@pytest.mark.parametrize("ends", [(-700.0, 700.0), (700.0, -700.0), (-1e5, 1.0), (1.0, -1e5), (1e-300, 709.0)])
@pytest.mark.parametrize("backend", ["numpy", "numexpr"])
def test_exponentials_do_not_overflow_before_their_values_do(ends, backend):
    values = dict.fromkeys(("y0", "y1", "yd"), 0.0) | {"x0": ends[0], "x1": ends[1], "xd": ends[0] - ends[1]}
    got = in_backend(CODES[exp(x)], values, backend)["diff"]
    with mpmath.workdps(50), np.errstate(under="ignore"):
        true = mpmath.exp(ends[0]) - mpmath.exp(ends[1])
    assert abs(float(got) - true) <= 8 * small * abs(true)


@pytest.mark.parametrize("unknown", [sp.erf(x), sp.log(y), sp.Max(x, y)])
def test_an_unknown_function_is_refused(unknown):
    with pytest.raises(LoweringError, match="don't know how to compile"):
        difference_code(unknown)
