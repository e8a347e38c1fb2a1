"""The truth for duals with kinks anywhere: activations typed in NumPy, Gauss–Legendre panels split at the kinks.

Nothing of the derivation engine is used here: u = s1·y and v = s2·(ρ y + κ z), and for every y the panels in z are
split where v meets a kink.
"""

import math
from typing import NamedTuple

import mpmath as mp
import numpy as np
from scipy import special
from sympy import Abs, Integer, Tuple, sign

from kernelc import orthants
from kernelc.duals.dag import substitute
from kernelc.interpret import interpret
from kernelc.symbols import kappa, rho, s1, s2

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
REACH = 20


class Case(NamedTuple):
    """A formula, its values in NumPy, where it has kinks (or turns sharply), and the largest q to be tried."""

    formula: str
    values: object
    kinks: tuple = ()
    most: float = 400


def elu(u):
    return np.where(u > 0, u, np.expm1(np.minimum(u, 0)))


SELU = (1.0507009873554804934193349852946, 1.6732632423543772848170429916717)
TURN = tuple(-1 / 6 + d / 4 for d in range(-14, 15))
ERF = (-4, -2, -1, 0, 1, 2, 4)
TAIL = (-32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32)  # panels for e^{-|u|}
ROOT = (0, *(side / 8**k for side in (-1, 1) for k in range(-2, 12)))  # panels for a singularity at 0

CASES = {
    "erf": Case("erf(2*x + 1/3)", lambda u: special.erf(2 * u + 1 / 3), TURN),
    "exp-erf": Case("exp(x)*(1 + erf(x))", lambda u: np.exp(u) * special.erfc(-u), ERF, 10),
    "hard-tanh": Case("max(-1, min(1, x))", lambda u: np.clip(u, -1, 1), (-1, 1)),
    "hard-sigmoid": Case("min(max(x + 3, 0), 6)/6", lambda u: np.clip(u + 3, 0, 6) / 6, (-3, 3)),
    "relu6": Case("min(max(x, 0), 6)", lambda u: np.clip(u, 0, 6), (0, 6)),
    "hard-swish": Case("x*min(max(x + 3, 0), 6)/6", lambda u: u * np.clip(u + 3, 0, 6) / 6, (-3, 3)),
    "shifted-relu": Case("max(x - 1, 0)", lambda u: np.maximum(u - 1, 0), (1,)),
    "softshrink": Case(
        "where(x > 0.5, x - 0.5, where(x < -0.5, x + 0.5, 0))",
        lambda u: np.sign(u) * np.maximum(np.abs(u) - 0.5, 0),
        (-0.5, 0.5),
    ),
    "triangle": Case("max(0, 1 - abs(x))", lambda u: np.maximum(0, 1 - np.abs(u)), (-1, 0, 1)),
    "elu": Case("where(x > 0, x, exp(x) - 1)", elu, TAIL),
    "selu": Case(
        f"{SELU[0]}*where(x > 0, x, {SELU[1]}*(exp(x) - 1))",
        lambda u: SELU[0] * np.where(u > 0, u, SELU[1] * elu(u)),
        TAIL,
    ),
    "celu": Case("where(x > 0, x, 2*(exp(x/2) - 1))", lambda u: 2 * elu(u / 2), TAIL),
    "laplace": Case("exp(-abs(x))", lambda u: np.exp(-np.abs(u)), TAIL),
    "relu-cos": Case("relu(x) + 0.1*cos(x)", lambda u: np.maximum(u, 0) + np.cos(u) / 10, (0,), 10),
    "root": Case("abs(x)**0.5", lambda u: np.sqrt(np.abs(u)), ROOT),
    "odd-power": Case("sign(x)*abs(x)**1.5 + x", lambda u: np.sign(u) * np.abs(u) ** 1.5 + u, ROOT),
    "parabolas": Case("abs(x**2 - 2)", lambda u: np.abs(u * u - 2), (-math.sqrt(2), math.sqrt(2))),
    "cubic": Case("relu(x**3 - x - 3)", lambda u: np.maximum(u**3 - u - 3, 0), (1.6716998816571609697,)),
    "erf-and-relu": Case("erf(x) + relu(x - 1)", lambda u: special.erf(u) + np.maximum(u - 1, 0), (*ERF, 1)),
    "exp-erfc": Case("exp(x)*erfc(x)", lambda u: np.exp(u) * special.erfc(u), ERF, 10),
    "step": Case("heaviside(x - 1)", lambda u: 1.0 * (u > 1), (1,)),
    "erf-and-sin": Case("erf(x) + sin(x)", lambda u: special.erf(u) + np.sin(u), ERF, 10),
    "abs-exp": Case("abs(exp(x) - 2)", lambda u: np.abs(np.exp(u) - 2), (*TAIL, math.log(2)), 10),
    "gelu-and-relu": Case("x*Phi(x) + relu(x)", lambda u: u * special.ndtr(u) + np.maximum(u, 0), ERF),
    "gauss-relu-cos": Case(
        "exp(-x**2)*relu(x) + cos(x)", lambda u: np.exp(-u * u) * np.maximum(u, 0) + np.cos(u), ERF, 10
    ),
    "window": Case(
        "where(abs(x) < 1, exp(x), e)", lambda u: np.where(np.abs(u) < 1, np.exp(np.minimum(u, 1)), math.e), (-1, 1)
    ),
    "joined": Case(
        "where(x < 2, exp(-x**2/4 + x/3), x**2)",
        lambda u: np.where(u < 2, np.exp(-u * u / 4 + u / 3), u * u),
        (*range(-8, 2, 2), 2),
    ),
    "far-decay": Case("where(x > -2, exp(-x/3), 0)", lambda u: np.where(u > -2, np.exp(-u / 3), 0), (*TAIL, -2), 100),
    "wide": Case("exp(x**2/100)*relu(x - 1)", lambda u: np.exp(u * u / 100) * np.maximum(u - 1, 0), (1,), 1),
}


def quadrature(case, first, second, cosine, sine):
    """E[φ(u)φ(v)] in float64."""
    edges = np.array(case.kinks, dtype=float)
    centres = [edges / first] + ([edges / (second * cosine)] if cosine else [])
    grid = [np.arange(-REACH, REACH + 1.0), centres[0]]
    if len(centres) > 1:
        grid += [centres[1] + sine / abs(cosine) * step for step in np.linspace(-8, 8, 13)]
    breaks = np.unique(np.concatenate([np.clip(part, -REACH, REACH) for part in grid]))
    y, weight = (part.ravel() for part in _panels(breaks[:-1], breaks[1:]))
    weight = weight * np.exp(-y * y / 2) / math.sqrt(2 * math.pi) * case.values(first * y)
    if sine == 0:
        return float(weight @ case.values(second * cosine * y))
    y, weight = y[weight != 0], weight[weight != 0]
    meets = np.clip((edges[None] / second - cosine * y[:, None]) / sine, -REACH, REACH)
    base = np.broadcast_to(np.arange(-REACH, REACH + 1.0), (len(y), 2 * REACH + 1))
    breaks = np.sort(np.concatenate([base, meets], axis=1), axis=1)
    z, inner = _panels(breaks[:, :-1], breaks[:, 1:])
    values = case.values(second * (cosine * y[:, None, None] + sine * z)) * np.exp(-z * z / 2)
    return float(weight @ np.sum(inner * values, axis=(1, 2))) / math.sqrt(2 * math.pi)


def _panels(low, high):
    middle, half = (low + high) / 2, (high - low) / 2
    return middle[..., None] + half[..., None] * NODES, half[..., None] * WEIGHTS


class Digits:
    """mpmath as an arithmetic for SymPy expressions."""

    def number(self, number):
        if isinstance(number, Tuple):
            return [self.number(part) for part in number]
        return mp.mpf(number.evalf(mp.mp.dps + 5))

    def function(self, name):
        return orthants.FUNCTIONS.get(name) or getattr(mp, name, None)


def value(expression, first, second, cosine, parameters=None):
    """A closed form in mpmath; at ρ = ±1 the limit κ → 0."""
    cosine = mp.mpf(cosine)
    sine = max(mp.sqrt(1 - cosine**2), mp.mpf("1e-200"))
    at = {s1: mp.mpf(first), s2: mp.mpf(second), rho: cosine, kappa: sine, **(parameters or {})}
    smooth = substitute(expression, {Abs(rho): rho, sign(rho): Integer(1)})  # the same function, for exact arithmetic
    return interpret(smooth, at, Digits())
