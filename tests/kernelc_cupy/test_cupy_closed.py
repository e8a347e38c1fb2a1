"""Activations by closed forms, powers and quadrature as CUDA code: run on the host, against the truth that NumPy's code
is held to, with the same bounds.
"""

from functools import cache

import evaluated
import fewer
import hard_cases
import numpy as np
import pytest
from host_duals import HostDual, contract
from oracle.activations import ACTIVATIONS

import kernelc
from kernelc.evaluation import evaluate
from kernelc.evaluation.powers import power_attachment
from kernelc.steps import activations

TRUTH = contract("test_dual_truth.py")
POWERS = contract("evaluation/test_powers.py")


@cache
def attachment(name, duals="auto"):
    """What evaluates an activation of the oracle over the variances of its truth."""
    symbolic = kernelc.derive(evaluated.network(ACTIVATIONS[name].formula))
    (found,) = evaluate(activations(symbolic.steps), duals, evaluated.q_range(name))
    return found


@pytest.fixture
def on_cuda(monkeypatch):
    def compiled(name, duals="auto"):
        found = attachment(name, duals)
        return evaluated.Compiled(None, HostDual(found.attachment), found.method, found.error)

    monkeypatch.setattr(evaluated, "compiled", compiled)
    monkeypatch.setattr(TRUTH, "compiled", compiled)


def some(names, quick):
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.usefixtures("on_cuda")
@pytest.mark.parametrize("name", some(TRUTH.CLOSED, ("hard_tanh",)))
def test_closed_forms(name):
    assert attachment(name, "closed").method == "closed"
    TRUTH.check_compiled(name, "closed", 1e-12)


@pytest.mark.usefixtures("on_cuda")
@pytest.mark.parametrize("name", some(["shifted_relu", "softshrink"], ()))
def test_closed_forms_where_they_vanish(name):
    TRUTH.check_compiled(name, "closed", 1e-12, vanishing=True)


@pytest.mark.usefixtures("on_cuda")
@pytest.mark.parametrize("name", some(TRUTH.QUADRATURES, ()))
def test_quadrature(name):
    assert attachment(name).method == "quadrature"
    TRUTH.check_compiled(name, "auto", 1e-11)


@pytest.fixture
def powers_on_cuda(monkeypatch):
    @cache
    def attached(formula):
        return HostDual(power_attachment("dual_phi", "phi", kernelc.dual(formula))[0])

    monkeypatch.setattr(POWERS, "attached", attached)


@pytest.mark.usefixtures("powers_on_cuda")
class TestPowers:
    @pytest.mark.parametrize("parity", POWERS.PARITIES)
    @pytest.mark.parametrize("alpha", some(POWERS.ALPHAS, ("1/2", "0.7")))
    def test_values(self, alpha, parity):
        POWERS.test_values(alpha, parity)
        if alpha in POWERS.ALPHAS[2:]:
            POWERS.test_slopes(alpha, parity)

    def test_against_the_tabulated_truth(self):
        POWERS.test_against_the_tabulated_truth()

    @pytest.mark.slow
    @pytest.mark.parametrize("case", POWERS.test_two_sides.pytestmark[0].args[1])
    def test_two_sides(self, case):
        POWERS.test_two_sides(*case)


def test_rare_pairs_alone_ask_for_quadrature():
    """Nearly parallel points, and standard deviations where terms cancel; all where there is no closed form."""
    gap, side = np.array([0.3, 0.01, 1e-4, 1e-9, 0.0]), np.array([1.0, -1.0, 1.0, 1.0, 1.0])
    closed, integrated = (HostDual(attachment(name).attachment, refined=False) for name in ("triangle", "late_tanh"))
    assert list(closed.dot(gap, side, 1.0, 1.5)) == [0, 0, 0, 0, 0]
    assert list(closed.dot(gap, side, 1.0, 1.0)) == [0, 0, 0, 1, 0]  # of one point, all is known
    assert list(closed.dot(gap, side, 1.0, 400.0)) == [1, 1, 1, 1, 1]
    assert list(integrated.dot(gap, side, 1.0, 1.5)) == [1, 1, 1, 1, 1]


@pytest.mark.usefixtures("cupy")
def test_almost_a_multiple_of_a_point_has_its_own_angle():
    assert hard_cases.near_multiples_error("cupy") < 1e-14


@pytest.mark.usefixtures("cupy")
def test_signs_of_multiples():
    assert (hard_cases.exact_multiples("cupy") == 1).all()


@pytest.mark.usefixtures("cupy")
@pytest.mark.parametrize("formula", fewer.one_in(2, hard_cases.CANCELLING))
def test_duals_whose_terms_cancel(formula):
    assert hard_cases.cancelling_error("cupy", formula) < 1e-13


@pytest.mark.usefixtures("cupy")
@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-12), ("float32", 1e-6)])
def test_closed_forms_before_kinks(dtype, bound):
    assert hard_cases.gated_error("cupy", dtype) < bound
