"""Error-free sums and products against mpmath."""

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernelc.runtime.errorfree import two_product, two_sum

mp = mpmath.mp.clone()
mp.dps = 1000
exact = mp.mpf
FACTORS = st.floats(2.0**-400, 2.0**400) | st.floats(-(2.0**400), -(2.0**-400)) | st.just(0.0)


@given(st.floats(-1e150, 1e150), st.floats(-1e150, 1e150))
def test_sum(a, b):
    s, e = two_sum(np.float64(a), np.float64(b))
    assert s == a + b
    assert exact(float(s)) + exact(float(e)) == exact(a) + exact(b)


@given(FACTORS, FACTORS)
def test_product(a, b):
    p, e = two_product(np.float64(a), np.float64(b))
    assert p == a * b
    assert exact(float(p)) + exact(float(e)) == exact(a) * exact(b)
