"""An activation by its odd and its even part, as tables sample it."""

from __future__ import annotations

import numpy as np
from sympy import Expr

from kernelc.duals.numpy_code import Numeric, Real, numeric
from kernelc.tables.chebyshev import Array, nodes
from kernelc.tables.quadrature import Halves, Sampled, legendre

NEAR = 0.5
"""Up to here the odd part of φ is the integral of the even part of φ', in which nothing cancels."""


def sampled(phi: Numeric | Expr) -> Sampled:
    """The two parts of an activation and of its derivative, on x > 0; a part that vanishes by proof is exactly 0.

    >>> from sympy import Max
    >>> from kernelc.symbols import x
    >>> odd, even = sampled(Max(0, x)).value(np.array([1.0, 3.0]))
    >>> odd.tolist(), even.tolist()
    ([0.5, 1.5], [0.5, 1.5])
    """
    phi = phi if isinstance(phi, Numeric) else numeric(phi)
    value = _halves(phi.value, phi.parity)
    slope = _halves(phi.slope, -phi.parity)
    return Sampled(_integrated(phi, value, slope), slope, phi.at_zero, phi.slope_at_zero)


def _halves(f: Real, parity: int) -> Halves:
    """The odd and the even part of a function that is even (1), odd (-1) or neither (0)."""

    def halves(x: Array) -> tuple[Array, Array]:
        right = f(x)
        if parity:
            nothing = np.zeros_like(right)
            return (nothing, right) if parity == 1 else (right, nothing)
        left = f(-x)
        return 0.5 * (right - left), 0.5 * (right + left)

    return halves


def _integrated(phi: Numeric, value: Halves, slope: Halves) -> Halves:
    """The parts of φ, the odd one near 0 by integrating φ', unless it is odd or has kinks or jumps near 0."""
    if phi.parity or phi.jumps or phi.singular or any(0 < abs(kink) < 2 * NEAR for kink in phi.kinks):
        return value
    y, w = legendre(16)
    y, w = 0.5 * (y + 1), 0.5 * w
    test = NEAR * 0.5 * (1 + nodes(8))
    integral = test * (slope(test[:, None] * y)[1] @ w)
    if np.abs(integral - value(test)[0]).max() > 4e-16 * max(1.0, float(np.abs(value(test)).max())):
        return value  # its scale is too small for 16 nodes

    def halves(x: Array) -> tuple[Array, Array]:
        odd, even = value(x)
        near = x < NEAR
        if near.any():
            odd[near] = x[near] * (slope(x[near][:, None] * y)[1] @ w)
        return odd, even

    return halves
