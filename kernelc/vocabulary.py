"""The words of the formula language: every function and constant, what it means, and the SymPy expression it builds.

A function of two or more words (``Phi``, ``sigmoid``, ``relu``) is spelled out in the elementary ones, so that later
stages know a short list of SymPy classes: exp, log, sin, cos, sinh, cosh, tanh, atan, erf, erfc, Abs, sign, Heaviside,
Max, Min, Piecewise.
"""

import builtins
import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy import Expr


@dataclass(frozen=True)
class Function:
    """One function of the language: its meaning in a line, how many arguments it takes, and how to build it."""

    meaning: str
    build: Callable[..., Expr]
    least: int = 1
    most: int = 1


def _maximum(*args: Expr) -> Expr:
    return _extremum(sp.Max, args)


def _minimum(*args: Expr) -> Expr:
    return _extremum(sp.Min, args)


def _extremum(kind: type[Expr], args: tuple[Expr, ...]) -> Expr:
    """Compare numbers only: SymPy's comparisons of functions of x can take minutes."""
    return kind(*args) if all(arg.is_number for arg in args) else kind(*args, evaluate=False)


def _normal_cdf(z: Expr) -> Expr:
    return (1 + sp.erf(z / sp.sqrt(2))) / 2


def _normal_density(z: Expr) -> Expr:
    return sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)


_MAX = Function("the largest of its arguments", _maximum, 2, 16)
_MIN = Function("the least of its arguments", _minimum, 2, 16)
_ABS = Function("absolute value", sp.Abs)
_HEAVISIDE = Function("the step: 0 for z < 0, 1 for z > 0", sp.Heaviside)

FUNCTIONS: dict[str, Function] = {
    "abs": _ABS,
    "sign": Function("-1 for z < 0, 1 for z > 0", sp.sign),
    "heaviside": _HEAVISIDE,
    "max": _MAX,
    "min": _MIN,
    "exp": Function("e to the power z", sp.exp),
    "expm1": Function("exp(z) - 1", lambda z: sp.exp(z) - 1),
    "log": Function("natural logarithm", sp.log),
    "log1p": Function("log(1 + z)", lambda z: sp.log(1 + z)),
    "sqrt": Function("square root", sp.sqrt),
    "sin": Function("sine", sp.sin),
    "cos": Function("cosine", sp.cos),
    "sinh": Function("hyperbolic sine", sp.sinh),
    "cosh": Function("hyperbolic cosine", sp.cosh),
    "tanh": Function("hyperbolic tangent", sp.tanh),
    "atan": Function("inverse tangent", sp.atan),
    "erf": Function("error function", sp.erf),
    "erfc": Function("1 - erf(z)", sp.erfc),
    "Phi": Function("distribution function of the standard normal, (1 + erf(z/sqrt(2)))/2", _normal_cdf),
    "phi": Function("density of the standard normal, exp(-z**2/2)/sqrt(2*pi)", _normal_density),
    "sigmoid": Function("1/(1 + exp(-z))", lambda z: 1 / (1 + sp.exp(-z))),
    "softplus": Function("log(1 + exp(z))", lambda z: sp.log(1 + sp.exp(z))),
    "relu": Function("max(0, z)", lambda z: _maximum(sp.S.Zero, z)),
    "Max": _MAX,
    "Min": _MIN,
    "Abs": _ABS,
    "Heaviside": _HEAVISIDE,
}

# These two take conditions, so that formula.py reads their arguments itself.
CONDITIONALS: dict[str, str] = {
    "where": "where(condition, a, b): a where the condition holds, else b",
    "Piecewise": "Piecewise((a, condition), ..., (b, True)): the expression of the first condition that holds",
}

CONSTANTS: dict[str, Expr] = {"pi": sp.pi, "e": sp.E, "E": sp.E}

# What kernels and generated modules call their own variables, x1 and nngp_2 among them.
_KERNEL_NAMES = re.compile(
    r"c|(x|q|s|rho|kappa|theta|gap|nngp|ntk)(_?\d+)?|out|get|dtype|kernel|diag|np|numpy|math|inf|nan|oo|zoo|I"
    r"|gram|wanted|Rows"  # what the functions of a generated module call
    r"|self|v|progress"  # arguments of a CompiledKernel's methods
)


def reserved(name: str) -> str | None:
    """Why ``name`` cannot be a parameter; None if it can."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", name):
        return "the name of a parameter begins with a letter and has letters, digits and _"
    if name in FUNCTIONS or name in CONDITIONALS or name in CONSTANTS:
        return f"'{name}' is a word of the formula language; choose another name"
    if keyword.iskeyword(name) or hasattr(builtins, name):
        return f"'{name}' is a word of Python, where parameters are arguments; choose another name"
    return f"'{name}' has a meaning in every kernel; choose another name" if _KERNEL_NAMES.fullmatch(name) else None
