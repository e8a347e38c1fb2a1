"""The deficit √(E11 E22) − E12 in float64, where the plain formula has no digit left, against 60 digits."""

import math

import mpmath
import pytest
import sympy

import kernelc
from kernelc.exact import MPArithmetic
from kernelc.interpret import interpret
from kernelc.symbols import c, ds, gap, kappa, q1, q2, rho, s1, s2, theta

NATIVE = (s1, s2, ds, rho, kappa, theta, gap)
ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "abs",
    "relu2",
    "erf",
    "gelu",
    "sin",
    "exp",
    "x*exp(-x**2)",
    "max(x, 0) + sin(x)/10",
)
POINTS = ((1.0, 1.0, 1e-9), (1.0, 1.0, 1e-4), (1.0, 1.0001, 1e-5), (0.7, 0.9, 0.3), (2.0, 2.0, 1.2), (0.1, 0.1, 1e-6))


def truth(dual, a, b, angle):
    """D by its definition, and √(E11 E22), in 80-digit arithmetic."""
    with mpmath.workdps(80):
        first, second, cosine = mpmath.mpf(a), mpmath.mpf(b), mpmath.cos(mpmath.mpf(angle))

        def nngp(x, y, covariance):
            return interpret(dual.nngp, {q1: x * x, q2: y * y, c: covariance}, MPArithmetic())

        size = mpmath.sqrt(nngp(first, first, first**2) * nngp(second, second, second**2))
        return size - nngp(first, second, first * second * cosine), size


@pytest.mark.parametrize("formula", ACTIVATIONS)
@pytest.mark.parametrize(("a", "b", "angle"), POINTS)
def test_deficit_keeps_its_digits(formula, a, b, angle):
    dual = kernelc.dual(formula)
    function = sympy.lambdify(NATIVE, dual.deficit, "math")
    half = math.sin(angle / 2)
    value = function(a, b, a - b, 1 - 2 * half * half, math.sin(angle), angle, half * half)
    exact, size = truth(dual, a, b, angle)
    assert abs(value - exact) / size <= 1e-15 * (angle + abs(a - b) / max(a, b))
