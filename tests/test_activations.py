"""The built-in activations: each formula against an independent statement of what its library computes."""

import math

import numpy as np
import pytest
import sympy as sp

from kernelc.activations import ACTIVATIONS, build
from kernelc.errors import SpecError
from kernelc.evaluate import evaluate
from kernelc.symbols import parameter, x


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def cdf(v):
    return math.erfc(-v / math.sqrt(2)) / 2


# As PyTorch and Neural Tangents compute them, at their defaults where there are some.
TRUTH = {
    "identity": lambda v: v,
    "relu": lambda v: max(v, 0),
    "leaky_relu": lambda v: v if v > 0 else 0.01 * v,
    "prelu": lambda v: v if v > 0 else 0.25 * v,
    "abrelu": lambda v: max(v, 0),
    "abs": abs,
    "relu2": lambda v: max(v, 0) ** 2,
    "star_relu": lambda v: 0.8944 * max(v, 0) ** 2 - 0.4472,
    "rectified_monomial": lambda v: max(v, 0) ** 2,
    "monomial": lambda v: v**2,
    "polynomial": lambda v: v,
    "hermite": lambda v: (v**2 - 1) / math.sqrt(2),
    "erf": math.erf,
    "sigmoid_like": lambda v: (1 + math.erf(v / 2.4020563531719796)) / 2,
    "gelu": lambda v: v * cdf(v),
    "gelu_tanh": lambda v: 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
    "quick_gelu": lambda v: v * sigmoid(1.702 * v),
    "sin": math.sin,
    "cos": math.cos,
    "rbf": lambda v: math.sqrt(2) * math.sin(math.sqrt(2) * v + math.pi / 4),
    "snake": lambda v: v + math.sin(v) ** 2,
    "exp": math.exp,
    "gaussian": lambda v: math.exp(-(v**2)),
    "gabor": lambda v: math.exp(-(v**2)) * math.sin(v),
    "sign": lambda v: math.copysign(1, v),
    "step": lambda v: float(v > 0),
    "tanh": math.tanh,
    "sigmoid": sigmoid,
    "softplus": lambda v: math.log1p(math.exp(v)),
    "silu": lambda v: v * sigmoid(v),
    "mish": lambda v: v * math.tanh(math.log1p(math.exp(v))),
    "softsign": lambda v: v / (1 + abs(v)),
    "elu": lambda v: v if v > 0 else math.expm1(v),
    "selu": lambda v: 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * math.expm1(v)),
    "celu": lambda v: max(v, 0) + min(0, math.expm1(v)),
    "hard_tanh": lambda v: max(-1, min(1, v)),
    "hard_sigmoid": lambda v: min(max(v + 3, 0), 6) / 6,
    "hard_swish": lambda v: v * min(max(v + 3, 0), 6) / 6,
    "relu6": lambda v: min(max(v, 0), 6),
    "softshrink": lambda v: v - 0.5 if v > 0.5 else v + 0.5 if v < -0.5 else 0,
}

GIVEN = [
    ("leaky_relu", {"alpha": 0.1}, -2.0, -0.2),
    ("abrelu", {"a": -1, "b": 2}, -3.0, 3.0),
    ("rectified_monomial", {"k": 3}, 2.0, 8.0),
    ("monomial", {"k": 0}, 2.0, 1.0),
    ("polynomial", {"coefficients": [1, 0, "1/2"]}, 2.0, 3.0),
    ("hermite", {"k": 3}, 2.0, (8 - 6) / math.sqrt(6)),
    ("erf", {"a": 2, "b": 0.5, "c": 1}, 2.0, 2 * math.erf(1) + 1),
    ("sin", {"a": 2, "b": 3, "c": 0.5}, 1.0, 2 * math.sin(3.5)),
    ("gaussian", {"a": 2, "b": -0.5}, 1.0, 2 * math.exp(-0.5)),
    ("exp", {"b": "sqrt(2)"}, 1.0, math.exp(math.sqrt(2))),
    ("rbf", {"gamma": 0.5}, 1.0, math.sqrt(2) * math.sin(1 + math.pi / 4)),
    ("snake", {"a": 2}, 1.0, 1 + math.sin(2) ** 2 / 2),
    ("elu", {"alpha": 2}, -1.0, 2 * math.expm1(-1)),
    ("celu", {"alpha": 2}, -1.0, 2 * math.expm1(-0.5)),
    ("softshrink", {"t": 1}, 3.0, 2.0),
]


def test_every_activation_is_tested():
    assert set(TRUTH) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_formula(name):
    phi = build(name)
    for v in (-7.3, -1.4, -0.3, 0.2, 0.9, 3.1, 6.5):
        assert evaluate(phi, {x: v}) == pytest.approx(TRUTH[name](v), rel=1e-12, abs=1e-14)
    definition = ACTIVATIONS[name]
    assert definition.description
    assert definition.reference


@pytest.mark.parametrize(("name", "parameters", "at", "value"), GIVEN)
def test_parameters(name, parameters, at, value):
    assert evaluate(build(name, **parameters), {x: at}) == pytest.approx(value, rel=1e-12)


def test_symbolic_parameters():
    assert build("gaussian", b="-gamma") == sp.exp(-parameter("gamma") * x**2)
    assert build("prelu", alpha="slope").free_symbols == {x, parameter("slope")}


@pytest.mark.parametrize("k", range(0, 12))
def test_hermite_is_orthonormal(k):
    nodes, weights = np.polynomial.hermite_e.hermegauss(16)
    h, third = ([evaluate(build("hermite", k=n), {x: v}) for v in nodes] for n in (k, 3))
    weights /= math.sqrt(2 * math.pi)
    assert weights @ np.square(h) == pytest.approx(1)
    assert weights @ np.multiply(h, third) == pytest.approx(float(k == 3), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("rleu", {}, "unknown activation 'rleu'; did you mean 'relu'"),
        ("relu", {"alpha": 1}, "alpha: activation 'relu' has no such parameter, it takes none"),
        ("leaky_relu", {"alhpa": 1}, "did you mean 'alpha'"),
        ("leaky_relu", {"alpha": "x"}, "x is not allowed here"),
        ("leaky_relu", {"alpha": [1]}, "expected a number"),
        ("monomial", {"k": -1}, "expected an integer from 0 to 100, found -1"),
        ("monomial", {"k": 101}, "expected an integer from 0 to 100"),
        ("hermite", {"k": 2.5}, "expected an integer from 0 to 100, found 2.5"),
        ("hermite", {"k": True}, "expected an integer from 0 to 100, found True"),
        ("hermite", {"k": 10**9}, "expected an integer from 0 to 100"),
        ("polynomial", {"coefficients": []}, "expected a list of 1 to 101 numbers"),
        ("polynomial", {"coefficients": 3}, "expected a list of 1 to 101 numbers"),
        ("polynomial", {"coefficients": [1, "y y"]}, "coefficients[1]: not a formula"),
        ("rbf", {"gamma": -1}, "not a real number"),
        ("celu", {"alpha": 0}, "division by zero"),
        ("snake", {"a": 0}, "division by zero"),
    ],
)
def test_refuses(name, parameters, message):
    with pytest.raises(SpecError) as error:
        build(name, **parameters)
    assert message in str(error.value)
