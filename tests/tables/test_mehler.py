"""Mehler's expansion certifies tables: against a closed form, and it sees an error that is put into a table."""

import numpy as np
import pytest
from sympy import asin, erf, pi, sqrt

from kernelc import duals
from kernelc.duals.numpy_code import numeric
from kernelc.runtime.table import DualTable
from kernelc.symbols import x
from kernelc.tables import builder
from kernelc.tables.mehler import mehler
from kernelc.tables.quadrature import half_line
from kernelc.tables.sampling import sampled
from kernelc.tables.verify import certified_error

SCALES = np.array([0.4, 1.0, 2.7])


@pytest.mark.parametrize("rho", [0.5, -0.5, 0.3])
def test_erf_against_its_closed_form(rho):
    """E[erf(u)erf(v)] = (2/π) asin(2c/√((1 + 2q1)(1 + 2q2))) (Williams 1997)."""
    value, bound = mehler(sampled(numeric(erf(x))), SCALES, rho)
    for i, s1 in enumerate(SCALES):
        for j, s2 in enumerate(SCALES):
            sine = 2 * rho * s1 * s2 / sqrt((1 + 2 * s1**2) * (1 + 2 * s2**2))
            assert abs(value[i, j] - float(2 / pi * asin(sine))) <= bound[i, j] + 4e-15


def test_it_bounds_what_it_leaves_out():
    """At ρ = 0.95 the remainder is large, and the true value is within it."""
    phi = sampled(numeric(duals.dual("abs(x)").phi))
    value, bound = mehler(phi, np.ones(1), 0.95)
    true = 2 / np.pi * (np.sqrt(1 - 0.95**2) + 0.95 * np.arcsin(0.95))
    assert 1e-9 < bound[0, 0] < 1e-3
    assert abs(value[0, 0] - true) <= bound[0, 0]


@pytest.mark.parametrize("formula", ["tanh", "softplus", "elu"])
def test_it_agrees_with_a_table_and_not_with_a_damaged_one(formula):
    phi = sampled(numeric(duals.dual(formula).phi))
    table = builder.build(phi, (0.1, 10.0))
    z, w = half_line(1200)
    odd, even = phi.value(SCALES[:, None] * z)
    root = np.sqrt((odd * odd + even * even) @ w)
    arrays = dict(table.arrays())
    settings = "", table.q_range, table.delta, (table.at_zero, table.slope_at_zero)
    assert certified_error(DualTable(*settings, arrays), phi, SCALES, root) < 1e-13
    damaged = arrays | {"odd_near": arrays["odd_near"] * (1 + 1e-9)}
    assert certified_error(DualTable(*settings, damaged), phi, SCALES, root) > 1e-11
