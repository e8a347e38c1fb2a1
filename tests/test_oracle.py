"""The oracle against quadrature, against its own laws, and against kernels that others published."""

import fewer
import numpy as np
import pytest
from oracle.cases import CASES, case_ids
from oracle.duals import COVARIANCES, DUALS, PARAMETERS, VARIANTS
from oracle.networks import reference, relative_error
from oracle.points import edge_points
from oracle.precision import mp
from oracle.published import PUBLISHED
from oracle.quadrature import quadrature
from oracle.specs import read


def deviations(activation, covariance, **effort):
    """|quadrature − formula|/√(E11 E22) of both expectations; an activation that jumps has only the first."""
    q1, q2, c = map(mp.mpf, covariance)
    numeric = quadrature(activation.phi, activation.dphi or activation.phi, q1, q2, c, **effort)
    triples = zip(numeric, *(activation.dual(*at) for at in ((q1, q2, c), (q1, q1, q1), (q2, q2, q2))), strict=True)
    errors = [abs(value - formula) / mp.sqrt(e1 * e2) for value, formula, e1, e2 in triples]
    return errors if activation.dphi else errors[:1]


@pytest.mark.parametrize(("name", "parameters"), fewer.one_in(3, VARIANTS))
def test_formulas_agree_with_quadrature(name, parameters):
    assert max(deviations(DUALS[name](**parameters), COVARIANCES[0], degree=4, digits=14)) < 1e-11


@pytest.mark.sweep
@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_formulas_agree_with_quadrature_to_20_digits(name, parameters, covariance):
    assert max(deviations(DUALS[name](**parameters), covariance, degree=5, digits=25)) < 1e-20


def test_quadrature_splits_at_kinks_that_are_not_at_zero():
    """Hard tanh min(max(x, −1), 1), by E[φ'φ'] = P(|u| < 1, |v| < 1) of independent u and v."""
    one, kinks = mp.mpf(1), (-1, 1)
    phi, dphi = lambda x: max(-one, min(one, x)), lambda x: int(abs(x) < 1)
    _, slopes = quadrature(phi, dphi, one, one, mp.zero, kinks, degree=4, digits=14)
    assert abs(slopes - mp.erf(mp.sqrt(one / 2)) ** 2) < 1e-14


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_price_theorem_and_symmetry(name, parameters):
    """∂E[φφ]/∂c = E[φ'φ'], by central differences; swapping u and v changes nothing."""
    dual, (q1, q2, c), h = DUALS[name](**parameters).dual, map(mp.mpf, COVARIANCES[1]), mp.mpf("1e-30")
    slope = dual(q1, q2, c)[1]
    difference = (dual(q1, q2, c + h)[0] - dual(q1, q2, c - h)[0]) / (2 * h)
    assert mp.isnan(slope) or abs(difference - slope) < mp.mpf("1e-50")
    assert abs(dual(q1, q2, c)[0] - dual(q2, q1, c)[0]) < mp.mpf("1e-100")


@pytest.mark.parametrize("name", ["relu", "abs", "erf", "gelu", "sin", "cos", "exp", "bump", "snake", "polynomial"])
def test_degenerate_covariances(name):
    """At q1 = 0 the value is φ(0) E[φ(v)], and at ρ = 1 what the formula tends to."""
    activation, q, zero = DUALS[name](**PARAMETERS.get(name, {})), mp.mpf("0.9"), mp.zero
    nearly = q * (1 - mp.mpf("1e-80"))
    assert abs(activation.dual(q, q, q)[0] - activation.dual(q, q, nearly)[0]) < 1e-35
    assert abs(activation.dual(zero, zero, zero)[0] - activation.phi(zero) ** 2) < 1e-100
    assert abs(activation.dual(zero, q, zero)[0] - activation.dual(mp.mpf("1e-90"), q, zero)[0]) < 1e-35


@pytest.mark.parametrize("entry", fewer.one_in(4, PUBLISHED), ids=lambda entry: entry.name)
def test_oracle_reproduces_published_kernels(entry):
    """neural-tangents rounds θ near 0 to 1e-8, so its diagonals of the ReLU family are not asked for more than 1e-7."""
    network, parameterization = read(entry.toml)
    kernels = reference(network, entry.x1, entry.x2, parameterization)
    for published, (truth, scale) in zip((entry.nngp, entry.ntk), kernels, strict=True):
        error = relative_error(published, truth, scale)
        if entry.is_truth:
            assert error.max() < 1e-14
        else:
            same = np.eye(*error.shape, dtype=bool) & (entry.x2 is None)
            assert error[~same].max() < 1e-12
            assert error[same].max(initial=0) < 1e-7


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.depth <= 3 and not case.slow], ids=lambda case: case.name
)
def test_explicit_second_argument_changes_nothing(case):
    x = edge_points(4, 3, case.homogeneous, zero=not case.normalized)[::4]
    whole = reference(case.network, x, None, case.parameterization, case.kernels[-1])
    part = reference(case.network, x[:2], x[1:], case.parameterization, case.kernels[-1])
    for a, b in zip(whole, part, strict=True):
        assert (a[:2, 1:] == b).all()


def test_case_names_are_unique():
    assert len(set(case_ids)) == len(CASES)
