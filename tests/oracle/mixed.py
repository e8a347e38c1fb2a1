"""Duals of activations that users write themselves: a ReLU mixed with something smooth.

x₊ = x/2 + |x|/2, and E[odd(u) even(v)] = 0 because (u, v) and (−u, −v) are equally likely: only the odd half of the
ReLU meets an odd companion. Names stand for the formulas in FORMULAS.
"""

from oracle.kinked import Activation, positive, relu, step_at
from oracle.precision import mp, number
from oracle.smooth import erf, sin

FORMULAS = {
    "bump": "x*exp(-x**2)",
    "relu_sin": "relu(x) + sin(x)/10",
    "relu_erf": "relu(x) + erf(x)",
}


def relu_plus_odd(odd, linear, mean_slope):
    """Relu + f, f odd, with linear(q1, q2, c) = E[u f(v)] and mean_slope(q) = E[f'(u)]."""

    def dual(q1, q2, c):
        values, slopes = odd.dual(q1, q2, c)
        relu_values, relu_slopes = relu().dual(q1, q2, c)
        cross_values = (linear(q1, q2, c) + linear(q2, q1, c)) / 2
        cross_slopes = (mean_slope(q1) + mean_slope(q2)) / 2
        return relu_values + values + cross_values, relu_slopes + slopes + cross_slopes

    return Activation(lambda x: positive(x) + odd.phi(x), lambda x: step_at(x) + odd.dphi(x), dual)


def relu_sin():
    """Relu(x) + sin(x)/10: E[u sin v] = c E[cos v] by Stein, E[cos v] = e^{−q2/2}."""
    tenth = number("0.1")
    return relu_plus_odd(sin(tenth), lambda q1, q2, c: tenth * c * mp.exp(-q2 / 2), lambda q: tenth * mp.exp(-q / 2))


def relu_erf():
    """Relu(x) + erf(x): E[u erf v] = c E[erf' v] by Stein, E[erf' v] = 2/√(π(1 + 2q2))."""

    def mean_slope(q):
        return 2 / mp.sqrt(mp.pi * (1 + 2 * q))

    return relu_plus_odd(erf(), lambda q1, q2, c: c * mean_slope(q2), mean_slope)
