"""Every activation of ``oracle/activations.py``, special tier and series tier, against the tabulated truth.

First the closed forms as formulas, to many digits; then what evaluates the activations in compiled networks, in float64
and at every angle, 0 and π included.
"""

import mpmath
import numpy as np
import pytest
from evaluated import compiled, errors, points
from oracle.activations import ACTIVATIONS, SERIES, SPECIAL

import kernelc
from kernelc.errors import UnsupportedError
from kernelc.evaluation import sound
from kernelc.exact import MPArithmetic
from kernelc.interpret import interpret
from kernelc.symbols import c, q1, q2

CLOSED = [name for name in SPECIAL if name != "relu"]
TABLES = (
    "shifted_erf",
    "elu",
    "elu_1_5",
    "selu",
    "celu_1_5",
    "laplace",
)  # of the special tier: no kink but at 0, no exponential growth
DEAR = {"shifted_erf"}
QUADRATURES = ("late_tanh", "bent_tanh")
QUICK = ("hard_tanh", "softshrink", "relu6", "tanh", "softplus", "softsign")
DIGITS = 60
EDGE = mpmath.mpf("1e-40")


def some(names, quick=QUICK):
    """Names as pytest parameters, those that are not quick marked slow."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.sweep]) for name in names]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_tier(name):
    dual = kernelc.dual(ACTIVATIONS[name].formula)
    assert dual.tier == {"closed": "exact"}.get(ACTIVATIONS[name].tier, ACTIVATIONS[name].tier)
    assert bool(dual.ntk_reason) == (ACTIVATIONS[name].dphi is None)


def value(expr, first, second, cross):
    at = {q1: mpmath.mpf(first), q2: mpmath.mpf(second), c: mpmath.mpf(cross)}
    return interpret(expr, at, MPArithmetic())


def check_formulas(name, entries, edge=0):
    """``edge`` is how far from ±1 correlations are kept, at no cost: E[φφ] changes by as much, E[φ'φ'] by its root."""
    dual = kernelc.dual(ACTIVATIONS[name].formula)
    with mpmath.workdps(DIGITS):
        for e in entries:
            at = e.q1, e.q2, e.c * (1 - edge * (abs(e.rho) == 1))
            assert abs(value(dual.nngp, *at) - e.nngp) <= 1e-13 * e.nngp_scale, ("nngp", at)
            if e.ntk is not None:
                assert abs(value(dual.ntk, *at) - e.ntk) <= 1e-13 * e.ntk_scale, ("ntk", at)
            if e.q1 == e.q2 and e.rho == 1:
                assert abs(value(dual.diag, e.q1, 0, 0) - e.nngp_scale) <= 1e-13 * e.nngp_scale, ("diag", at)
                if e.ntk is not None:
                    assert abs(value(dual.ntk_diag, e.q1, 0, 0) - e.ntk_scale) <= 1e-13 * e.ntk_scale, ("ntk_diag", at)


def every(name):
    return [e for vanishing in (False, True) for entries in points(name, vanishing).values() for e in entries]


@pytest.mark.parametrize(("index", "name"), list(enumerate(CLOSED)))
def test_closed_forms(index, name):
    """Five of some sixty points, others for every activation, and |ρ| = 1 among them."""
    entries = every(name)
    check_formulas(name, [entries[(index + 17 * step) % len(entries)] for step in range(5)], edge=EDGE)


@pytest.mark.sweep
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_everywhere(name):
    check_formulas(name, every(name), edge=EDGE)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_at_parallel_points(name):
    """q1 = q2 = |c| = 1 exactly."""
    check_formulas(name, [e for e in every(name) if abs(e.rho) == 1 and e.q1 == e.q2 == 1])


def check_compiled(name, duals, bound, vanishing=False):
    limit = min(bound, compiled(name, duals).stated)
    worst = errors(name, duals, vanishing)
    assert {"nngp", "moment"} <= set(worst)
    for what, found in worst.items():
        assert found.error <= limit, f"E[...] of {what} is off by {found.error:.1e} at {found.place}"


@pytest.mark.parametrize("name", some(SERIES))
def test_series_tier(name):
    """Within 1e-11, and within the error that the module states."""
    assert compiled(name).method == ("quadrature" if name in QUADRATURES else "table")
    check_compiled(name, "auto", 1e-11)


@pytest.mark.parametrize("name", some(CLOSED))
def test_special_tier(name):
    """As it is compiled by default: by its closed form where a table over so wide a range would take too long."""
    assert compiled(name).method == ("table" if name in set(TABLES) - DEAR else "closed")
    check_compiled(name, "auto", 1e-12)


@pytest.mark.parametrize("name", some(CLOSED))
def test_special_tier_in_closed_form(name):
    assert compiled(name, "closed").method == "closed"
    check_compiled(name, "closed", 1e-12)


def test_a_closed_form_between_the_scales_that_were_compared():
    """Off by 1.08e-13 here, more than at the scales at which its error is measured."""
    kernel = compiled("softshrink", "closed")
    dual, s, gap = kernel.dual, np.sqrt([[0.05]]), np.array([[0.5 * (1 - 0.9999)]])
    near, side = dual.angle(gap, -np.ones((1, 1)), s, s)
    with mpmath.workdps(DIGITS):
        closed, rho = kernelc.dual(ACTIVATIONS["softshrink"].formula), 2 * mpmath.mpf(float(gap[0, 0])) - 1
        q = mpmath.mpf(0.05)
        true = value(closed.nngp, q, q, rho * q) / value(closed.diag, q, 0, 0)
        error = abs(float(side[0, 0] * (1 - 2 * mpmath.mpf(float(near[0, 0]))) - true))
    assert error <= kernel.stated
    assert kernel.stated >= 2 * sound.ERROR


@pytest.mark.parametrize("name", ["shifted_relu", "softshrink"])
def test_special_tier_where_it_vanishes(name):
    check_compiled(name, "closed", 1e-12, vanishing=True)


@pytest.mark.parametrize("name", CLOSED)
def test_where_there_is_no_table_it_is_refused(name):
    if name not in (*TABLES, "relu_cos"):
        with pytest.raises(UnsupportedError, match="no table"):
            compiled(name, "table")
