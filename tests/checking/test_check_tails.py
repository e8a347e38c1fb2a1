"""Activations whose mean squares rest on a few units are judged coarsely, or not at all."""

import numpy as np
import pytest

import kernelc
from kernelc.checking import tails
from kernelc.checking.statistics import ROUNDING
from kernelc.errors import InputError
from kernelc.montecarlo.estimate import Plan


def plan(formula, networks=1000, ntk=True):
    net = kernelc.Network([kernelc.Dense(), kernelc.Activation(formula), kernelc.Dense()])
    return Plan(net, np.eye(2), (100, 200), networks, 0, ntk)


@pytest.mark.parametrize("formula", ["relu", "erf", "gelu", "tanh", "x**3", "0*x + 1", "hard_tanh"])
def test_usual_activations_are_resolved_to_rounding(formula):
    assert tails.grain(plan(formula), 0.5, 2.0) == ROUNDING


def test_a_network_without_activations():
    net = kernelc.Network([kernelc.Dense(), kernelc.Dense()])
    assert tails.grain(Plan(net, np.eye(2), (8,), 20, 0, True), 1.0, 1.0) == ROUNDING


def test_usual_activations_are_judged_by_few_and_narrow_networks():
    net = kernelc.Network([kernelc.Dense(), kernelc.Activation("relu"), kernelc.Dense()])
    assert tails.grain(Plan(net, np.eye(2), (2,), 20, 0, True), 1.0, 1.0) == ROUNDING


def test_rare_units_are_the_grain():
    # E[φ⁴]/E[φ²]² of exp is e^{4 q}
    assert tails.grain(plan("exp(x)", 10_000), 0.5, 1.1) == pytest.approx(np.exp(4.4) / (100 * 10_000), rel=1e-6)


def test_units_that_are_too_rare_are_refused():
    with pytest.raises(InputError, match=r"'exp\(x\)': finite networks cannot check it at E\[z²\] = 4,.*E\[φ²\]"):
        tails.grain(plan("exp(x)"), 0.5, 4.0)


def test_a_slope_that_is_too_rare_is_refused_where_it_counts():
    assert tails.grain(plan("erf(x)", ntk=False), 1.0, 1e12) == ROUNDING
    with pytest.raises(InputError, match=r"E\[φ'²\]"):
        tails.grain(plan("erf(x)"), 1.0, 1e12)


def test_more_networks_see_rarer_units():
    with pytest.raises(InputError, match=r"heaviside\(x - 3\)"):
        tails.grain(plan("heaviside(x - 3)", 1000, ntk=False), 1.0, 1.0)
    assert tails.grain(plan("heaviside(x - 3)", 10_000, ntk=False), 1.0, 1.0) == pytest.approx(7.4e-4, rel=0.01)


def test_activations_inside_blocks_are_seen():
    net = kernelc.Network(
        [kernelc.Dense(), kernelc.Residual([kernelc.Activation("exp(x)"), kernelc.Dense()]), kernelc.Dense()]
    )
    with pytest.raises(InputError, match="exp"):
        tails.grain(Plan(net, np.eye(2), (100,), 100, 0, True), 1.0, 9.0)
