"""Eigenvalues in float64, where nothing can be proved to enough digits: two rules that share no node must agree."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from flint import arb
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from sympy import Expr, Symbol

from kernelc.certificates.balls import enclose
from kernelc.certificates.spectrum.sphere import State, environment, walk
from kernelc.duals import Dual
from kernelc.duals.numeric import moments
from kernelc.symbolic import SymbolicKernel

Array = NDArray[np.float64]

NODES = (48, 67)  # of the two rules, for degrees up to 20; doubled until they agree
DOUBLINGS = 3
FLOOR = 4e-13  # of the quadrature behind the kernel's values, relative to k(1)


def eigenvalues(kernel: SymbolicKernel, d: int, get: str, kmax: int) -> list[tuple[float, float]]:
    """λ_0, ..., λ_kmax, each with the difference of the two rules and what rounding may add."""
    value = partial(_values, kernel, d, get)
    top = abs(float(value(np.array([0.0]))[0]))
    for i in range(DOUBLINGS + 1):
        one, two = (_integrals(value, d, kmax, (n + 2 * max(0, kmax - 20)) << i) for n in NODES)
        if max(abs(a - b) for a, b in zip(one, two, strict=True)) < FLOOR * top:
            break
    return [(b, abs(a - b) + FLOOR * top) for a, b in zip(one, two, strict=True)]


def _values(kernel: SymbolicKernel, d: int, get: str, theta: Array) -> Array:
    """The kernel at angles; float64 all the way."""
    env = environment(kernel, d)

    def activate(dual: Dual, state: State) -> State:
        q, near = float(state.q), np.clip((1 - np.abs(state.nngp) / state.q) / 2, 0.0, 0.5)
        side = np.where(np.asarray(state.nngp) < 0, -1.0, 1.0)
        phi = dual.phi.xreplace(_defaults(kernel))
        own, _, nngp, dot = moments(phi, q, q, near, side, state.ntk is not None)
        return State(own, nngp, None if state.ntk is None else state.ntk * dot)

    ntk = np.zeros_like(theta) if get == "ntk" else None
    start = State(1.0, np.cos(theta), ntk)
    end = walk(kernel.steps, start, lambda value: float(enclose(value, env)), activate)
    return np.asarray(end.nngp if get == "nngp" else end.ntk)


def _defaults(kernel: SymbolicKernel) -> dict[Symbol, Expr]:
    return {Symbol(name, real=True): value for name, value in kernel.parameters}


def _integrals(value: Any, d: int, kmax: int, nodes: int) -> list[float]:
    """λ_k by Gauss–Legendre in θ, in which these kernels are smooth from 0 to π."""
    x, w = leggauss(nodes)
    theta = np.pi / 4 * (1 + x)
    weight = np.pi / 4 * w * np.sin(theta) ** (d - 2)
    mass = math.sqrt(math.pi) * math.exp(math.lgamma((d - 1) / 2) - math.lgamma(d / 2))
    right, left = weight * value(theta) / mass, weight * value(np.pi - theta) / mass
    rho = np.cos(theta)
    found = []
    before, now = np.zeros_like(rho), np.ones_like(rho)
    for k in range(kmax + 1):
        found.append(float(now @ (right + left if k % 2 == 0 else right - left)))
        before, now = now, rho if k == 0 else ((2 * k + d - 2) * rho * now - k * before) / (k + d - 2)
    return found


def ball(value: float, radius: float) -> arb:
    """A ball from floats."""
    return arb(value, radius)
