"""kernelc's derived duals against the literature's, to 40 digits: the derivation, before anything is compiled."""

import mpmath
import pytest
import sympy as sp
from oracle.duals import COVARIANCES, DUALS, VARIANTS
from oracle.mixed import FORMULAS
from oracle.precision import mp

import kernelc
from kernelc.activations import build

JUMPS = ("step", "sign")


def digits(expression, covariance):
    """The value of an expression in q1, q2, c to 50 digits."""
    evaluate = sp.lambdify((kernelc.q1, kernelc.q2, kernelc.c), expression, "mpmath")
    with mpmath.workdps(50):
        return mp.mpf(mpmath.mpmathify(evaluate(*map(mpmath.mpf, covariance))))


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_derived_duals(name, parameters):
    dual = kernelc.dual(FORMULAS[name] if name in FORMULAS else str(build(name, **parameters)))
    assert dual.tier == "exact"
    for covariance in COVARIANCES:
        nngp, ntk = DUALS[name](**parameters).dual(*map(mp.mpf, covariance))
        assert abs(digits(dual.nngp, covariance) - nngp) < 1e-40 * max(1, abs(nngp))
        if name not in JUMPS:
            assert abs(digits(dual.ntk, covariance) - ntk) < 1e-40 * max(1, abs(ntk))
