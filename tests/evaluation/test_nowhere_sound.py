"""A closed form whose terms cancel at all scales: quadrature serves them all."""

import numpy as np
import pytest
from scipy.integrate import quad

import kernelc

NARROW = "max(0, 1 - 20*abs(x))"


@pytest.mark.parametrize("backend", ["numpy", "numexpr"])
def test_a_narrow_triangle(backend):
    dense = kernelc.Dense(W_std="1.1", b_std="0.2")
    k = kernelc.compile(kernelc.Network([dense, kernelc.Activation(NARROW), dense], name="narrow"), backend)
    x = np.array([[0.5, -1.0], [2.0, 0.3]])
    for q, found in zip(1.21 * (x * x).mean(axis=1) + 0.04, k.diag(x, "nngp"), strict=True):
        square, _ = quad(lambda z, q: (1 - 20 * z) ** 2 * np.exp(-z * z / (2 * q)), 0, 0.05, args=(q,), epsabs=1e-15)
        assert found == pytest.approx(1.21 * 2 * square / np.sqrt(2 * np.pi * q) + 0.04, rel=1e-13)
    assert np.isfinite(k(x)).all()
