"""The built-in activations, each a formula of the language with the defaults that users know from its library.

``build("leaky_relu", alpha=0.1)`` gives φ as a SymPy expression in ``kernelc.symbols.x``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import TypeAlias

import sympy as sp
from sympy import Expr

from kernelc import symbols
from kernelc.errors import SpecError
from kernelc.formula import Names, parse_formula, parse_scalar
from kernelc.messages import did_you_mean, located, quote

MAX_ORDER = 100

NT = "Neural Tangents, arXiv:1912.02803"
TORCH = "PyTorch, torch.nn"

Value: TypeAlias = Expr | int | tuple[Expr, ...]


@dataclass(frozen=True)
class ActivationDef:
    """One built-in activation.

    ``parameters`` maps each parameter to its default, whose type says what it takes: a string, any real number or
    formula; an int, an integer from 0 to 100; a tuple, a list of numbers. ``construct``, where given, builds φ from
    the parameters, and ``formula`` is then mathematics for the reader only.
    """

    name: str
    formula: str
    description: str
    reference: str
    parameters: dict[str, str | int | tuple[str, ...]] = field(default_factory=dict)
    construct: Callable[..., Expr] | None = None


def _polynomial(coefficients: tuple[Expr, ...]) -> Expr:
    return sp.Add(*(c * symbols.x**n for n, c in enumerate(coefficients)))


def _hermite(k: int) -> Expr:
    """He_k/√k!, of unit variance under N(0, 1): He_{n+1} = x He_n − n He_{n−1}."""
    polynomial: sp.Poly = sp.hermite_prob_poly(k, symbols.x, polys=True)
    return (polynomial.as_expr() / sp.sqrt(sp.factorial(k))).expand()


_DEFINITIONS = [
    ActivationDef("identity", "x", "no activation: a deep linear network", TORCH),
    ActivationDef("relu", "relu(x)", "rectified linear unit", "Cho & Saul 2009; " + TORCH),
    ActivationDef("leaky_relu", "where(x > 0, x, alpha*x)", "ReLU with a slope below zero", TORCH, {"alpha": "0.01"}),
    ActivationDef("prelu", "where(x > 0, x, alpha*x)", "ReLU, slope learned", "arXiv:1502.01852", {"alpha": "0.25"}),
    ActivationDef("abrelu", "a*min(x, 0) + b*max(x, 0)", "a slope on either side", NT, {"a": "0", "b": "1"}),
    ActivationDef("abs", "abs(x)", "absolute value", NT),
    ActivationDef("relu2", "relu(x)**2", "squared ReLU", "Primer, arXiv:2109.08668"),
    ActivationDef(
        "star_relu", "0.8944*relu(x)**2 - 0.4472", "squared ReLU, mean 0, variance 1", "MetaFormer, arXiv:2210.13452"
    ),
    ActivationDef("rectified_monomial", "relu(x)**k", "a power of ReLU", NT, {"k": 2}),
    ActivationDef("monomial", "x**k", "a power", NT, {"k": 2}),
    ActivationDef(
        "polynomial",
        "c0 + c1*x + c2*x**2 + ...",
        "any polynomial, lowest degree first",
        NT,
        {"coefficients": ("0", "1")},
        _polynomial,
    ),
    ActivationDef("hermite", "He_k(x)/sqrt(k!)", "normalised Hermite polynomial", NT, {"k": 2}, _hermite),
    ActivationDef("erf", "a*erf(b*x) + c", "error function", "Williams 1997; " + NT, {"a": "1", "b": "1", "c": "0"}),
    ActivationDef("sigmoid_like", "(1 + erf(x/2.4020563531719796))/2", "the error function closest to the sigmoid", NT),
    ActivationDef("gelu", "x*Phi(x)", "Gaussian error linear unit", "arXiv:1606.08415; " + TORCH),
    ActivationDef(
        "gelu_tanh",
        "x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))/2",
        "the tanh approximation of GELU",
        "arXiv:1606.08415; " + TORCH,
    ),
    ActivationDef("quick_gelu", "x*sigmoid(1.702*x)", "the sigmoid approximation of GELU", "arXiv:1606.08415"),
    ActivationDef("sin", "a*sin(b*x + c)", "sine", NT, {"a": "1", "b": "1", "c": "0"}),
    ActivationDef("cos", "a*cos(b*x + c)", "cosine", NT, {"a": "1", "b": "1", "c": "0"}),
    ActivationDef(
        "rbf",
        "sqrt(2)*sin(sqrt(2*gamma)*x + pi/4)",
        "random Fourier feature: its NNGP is exp(-gamma |u - v|^2)",
        "Rahimi & Recht 2007; " + NT,
        {"gamma": "1"},
    ),
    ActivationDef("snake", "x + sin(a*x)**2/a", "linear with a periodic part", "arXiv:2006.08195", {"a": "1"}),
    ActivationDef("exp", "a*exp(b*x)", "exponential", NT, {"a": "1", "b": "1"}),
    ActivationDef("gaussian", "a*exp(b*x**2)", "Gaussian bump", NT, {"a": "1", "b": "-1"}),
    ActivationDef("gabor", "exp(-x**2)*sin(x)", "Gabor wavelet", NT),
    ActivationDef("sign", "sign(x)", "sign; it jumps, so it has no NTK", NT),
    ActivationDef("step", "heaviside(x)", "Heaviside step; it jumps, so it has no NTK", "Cho & Saul 2009"),
    ActivationDef("tanh", "tanh(x)", "hyperbolic tangent", TORCH),
    ActivationDef("sigmoid", "sigmoid(x)", "logistic function", TORCH),
    ActivationDef("softplus", "softplus(x)", "smooth ReLU", TORCH),
    ActivationDef("silu", "x*sigmoid(x)", "sigmoid linear unit (swish)", "arXiv:1702.03118; " + TORCH),
    ActivationDef("mish", "x*tanh(softplus(x))", "Mish", "arXiv:1908.08681; " + TORCH),
    ActivationDef("softsign", "x/(1 + abs(x))", "rational sigmoid", TORCH),
    ActivationDef(
        "elu",
        "where(x > 0, x, alpha*(exp(x) - 1))",
        "exponential linear unit",
        "arXiv:1511.07289; " + TORCH,
        {"alpha": "1"},
    ),
    ActivationDef(
        "selu",
        "1.0507009873554804934193349852946*where(x > 0, x, 1.6732632423543772848170429916717*(exp(x) - 1))",
        "ELU that keeps mean 0 and variance 1",
        "arXiv:1706.02515; " + TORCH,
    ),
    ActivationDef(
        "celu",
        "where(x > 0, x, alpha*(exp(x/alpha) - 1))",
        "ELU with a continuous derivative",
        "arXiv:1704.07483; " + TORCH,
        {"alpha": "1"},
    ),
    ActivationDef("hard_tanh", "max(-1, min(1, x))", "x cut off at -1 and 1", TORCH),
    ActivationDef("hard_sigmoid", "min(max(x + 3, 0), 6)/6", "sigmoid in three straight pieces", TORCH),
    ActivationDef("hard_swish", "x*min(max(x + 3, 0), 6)/6", "SiLU in pieces", "arXiv:1905.02244; " + TORCH),
    ActivationDef("relu6", "min(max(x, 0), 6)", "ReLU cut off at 6", TORCH),
    ActivationDef(
        "softshrink", "where(x > t, x - t, where(x < -t, x + t, 0))", "x shrunk towards 0 by t", TORCH, {"t": "0.5"}
    ),
]

ACTIVATIONS: dict[str, ActivationDef] = {definition.name: definition for definition in _DEFINITIONS}


def build(name: str, **parameters: object) -> Expr:
    """φ of the built-in activation ``name``, in ``kernelc.symbols.x``.

    Parameters are numbers, or strings in the formula language, in which any other name is a parameter of the spec.
    Raises :class:`SpecError` for an unknown name or parameter, and for a value that makes φ not real.

    >>> build("gaussian", b="-gamma")
    exp(-gamma*x**2)
    """
    with located(f"activation '{name}': "):
        return assemble(name, complete(name, parameters))


def complete(name: str, parameters: Mapping[str, object], known: Names = None) -> dict[str, Value]:
    """Every parameter of activation ``name``, checked, exact, in the order of its definition, defaults filled in.

    ``known``: the names that values may use; None allows any. Errors begin with the parameter's name.
    """
    definition = find(name)
    for parameter in parameters:
        if parameter not in definition.parameters:
            takes = f"it takes {', '.join(definition.parameters) or 'none'}"
            remedy = did_you_mean(parameter, definition.parameters)
            raise SpecError(f"{parameter}: activation '{name}' has no such parameter, {takes}{remedy}")
    return {
        key: _value(key, parameters.get(key, default), default, known) for key, default in definition.parameters.items()
    }


def assemble(name: str, parameters: Mapping[str, Value]) -> Expr:
    """φ of activation ``name`` from the complete parameters that :func:`complete` gave."""
    definition = find(name)
    if definition.construct:
        return definition.construct(**parameters)
    values = {key: sp.sympify(value) for key, value in parameters.items()}
    return parse_formula(definition.formula, values, where=f"phi(x) = {definition.formula}")


def find(name: str) -> ActivationDef:
    """The definition of activation ``name``; raises :class:`SpecError` with the nearest name."""
    if name not in ACTIVATIONS:
        remedy = did_you_mean(name, ACTIVATIONS) or "; `kernelc activations` lists them all"
        raise SpecError(f"unknown activation {quote(name)}{remedy}")
    return ACTIVATIONS[name]


def _value(key: str, value: object, default: str | int | tuple[str, ...], known: Names) -> Value:
    if isinstance(default, str):
        return parse_scalar(value, known, where=key)
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_ORDER + 1:
            raise SpecError(f"{key}: expected a list of 1 to {MAX_ORDER + 1} numbers, found {quote(value)}")
        return tuple(parse_scalar(item, known, where=f"{key}[{i}]") for i, item in enumerate(value))
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= int(value) <= MAX_ORDER:
        raise SpecError(f"{key}: expected an integer from 0 to {MAX_ORDER}, found {quote(value)}")
    return int(value)
