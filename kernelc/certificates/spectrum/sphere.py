"""The recursion through the layers on the sphere |x|² = d, in any arithmetic.

There q = E[z²] is one number a layer, and the kernels are functions of ρ = x·x'/d alone: power series with coefficients
≥ 0, because sums, products and compositions of such series are such series, and so is the dual of an activation,
E[φ(u)φ(v)] = Σ α_k(q)² (c/q)^k (Mehler 1866; Schoenberg 1942).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flint import arb
from sympy import Integer, Symbol

from kernelc.certificates.balls import enclose
from kernelc.duals import Dual
from kernelc.steps import INPUT_WIDTH, ActivationStep, DenseStep, Step
from kernelc.symbolic import SymbolicKernel

Env = Mapping[Symbol, Any]


@dataclass(frozen=True)
class State:
    """E[z²], Σ and Θ between two layers; Θ is None where only Σ is wanted."""

    q: Any
    nngp: Any
    ntk: Any | None


Activate = Callable[[Dual, State], State]


def environment(kernel: SymbolicKernel, d: int) -> dict[Symbol, arb]:
    """The parameters of a network at their defaults, and its input width, as balls."""
    known = {INPUT_WIDTH: arb(d)}
    for name, value in kernel.parameters:
        known[Symbol(name, real=True)] = enclose(Integer(0) + value, {})
    return known


def walk(steps: tuple[Step, ...], state: State, number: Callable[[Any], Any], activate: Activate) -> State:
    """The state after ``steps``; ``number`` turns the constants of an affine layer into values of the arithmetic."""
    for step in steps:
        if isinstance(step, DenseStep):
            state = _dense(step, state, number)
        elif isinstance(step, ActivationStep):
            state = activate(step.dual, state)
        else:
            ends = [walk(branch, state, number, activate) for branch in step.branches]
            state = ends[0]
            for end in ends[1:]:
                ntk = None if state.ntk is None else state.ntk + end.ntk
                state = State(state.q + end.q, state.nngp + end.nngp, ntk)
    return state


def _dense(step: DenseStep, state: State, number: Callable[[Any], Any]) -> State:
    W, b, W_gain, b_gain = (number(value) for value in (step.W_var, step.b_var, step.W_gain, step.b_gain))
    ntk = None if state.ntk is None else W * state.ntk + W_gain * state.nngp + b_gain
    return State(W * state.q + b, W * state.nngp + b, ntk)
