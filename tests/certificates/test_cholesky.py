"""The theorem's numbers against matrices whose least eigenvalue is known, and against exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat

from kernelc.certificates.balls import precision
from kernelc.certificates.data import cholesky, escalate
from kernelc.certificates.data.cholesky import factor, search, tightened, upper_bound
from kernelc.certificates.data.rounding import U, above, below, gamma, nearest, up


def spectrum(values, seed=0):
    """A symmetric matrix of floats with about these eigenvalues."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values),) * 2))[0]
    A = (Q * values) @ Q.T
    return (A + A.T) / 2


def proved(A, shift):
    """Whether A − shift·I is positive definite, in balls."""
    with precision(200):
        balls = arb_mat(A.tolist())
        return escalate.positive(
            balls - arb_mat([[arb(shift) * (i == j) for j in range(len(A))] for i in range(len(A))])
        )


@pytest.mark.parametrize("least", [0.1, 1e-6, 1e-10])
@pytest.mark.parametrize("n", [1, 2, 30, 100])
def test_lower_bounds_hold_and_are_close(least, n):
    A = spectrum(np.append(np.linspace(1, 3, n - 1), least))
    values = np.linalg.eigvalsh(A)
    done = search(A, values[0], values[-1], 0.0)
    tight = tightened(A, done)
    assert tight.loss <= done.loss
    assert proved(A, tight.bound)
    assert tight.bound > least * (1 - 1e-8) - 1e-13
    assert not proved(A, upper_bound(A, 0.0, done.factor))


def test_an_indefinite_matrix_has_no_factor_and_no_bound():
    A = spectrum(np.array([-1e-3, 1.0, 2.0]))
    assert factor(A, 0.0) is None
    assert search(A, -1e-3, 2.0, 0.0) is None
    assert not proved(A, 0.0)
    assert factor(np.full((2, 2), np.nan), 0.0) is None


def test_residuals_are_exact():
    """‖A − RᵀR‖_F by the splitting, against rational arithmetic."""
    A = spectrum(np.linspace(0.5, 3, 12), seed=3)
    done = factor(A, 0.25)
    R = [[Fraction(v) for v in row] for row in done.factor.tolist()]
    shifted = cholesky.shifted(A, 0.25).tolist()
    square = sum(
        (Fraction(shifted[i][j]) - sum(R[k][i] * R[k][j] for k in range(12))) ** 2 for i in range(12) for j in range(12)
    )
    tight = tightened(A, done)
    exact = math.sqrt(square)
    spare = cholesky.rounding_of_shift(np.diagonal(cholesky.shifted(A, 0.25)))
    assert exact <= tight.loss <= 1.2 * exact + 2 * spare


def test_residuals_of_many_blocks():
    A = spectrum(np.linspace(0.5, 3, 600), seed=3)
    done = factor(A, 0.25)
    tight = tightened(A, done)
    exact = np.linalg.norm(cholesky.shifted(A, 0.25).astype(np.longdouble) - _product(done.factor))
    assert exact < tight.loss < 1.3 * exact + 1e-15


def _product(R):
    wide = R.astype(np.longdouble)
    return wide.T @ wide


def test_directed_rounding():
    third = arb(1) / 3
    assert below(third) < 1 / 3 + 1e-16
    assert arb(below(third)) <= third <= arb(above(third))
    assert above(arb("nan")) == math.inf
    value, error = nearest(third)
    assert Fraction(error) >= abs(Fraction(1, 3) - Fraction(value)) > 0
    assert Fraction(gamma(7)) >= 7 * Fraction(U) / (1 - 7 * Fraction(U))
    assert up(1.0) > 1.0
    assert gamma(2**60) == math.inf


def test_balls_prove_what_floats_cannot_see():
    with precision(256):
        tiny = arb(2) ** -150
        A = arb_mat([[arb(1), 1 - tiny], [1 - tiny, arb(1)]])
        lower, upper = escalate.least(A, 256, math.inf)
        assert 0 < lower <= float(tiny) <= upper < 2 * float(tiny)
        assert escalate.least(arb_mat([[arb(1), arb(1)], [arb(1), arb(1)]]), 256, math.inf)[0] == 0
