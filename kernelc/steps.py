"""The steps of a network, as the recursion sees them: what each does to the covariance Σ and the tangent kernel Θ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Expr, Symbol

from kernelc.duals import Dual

INPUT_WIDTH = Symbol("d", positive=True)  # n_in of a first layer


@dataclass(frozen=True)
class DenseStep:
    """An affine layer: Σ' = W_var·Σ + b_var, Θ' = W_var·Θ + W_gain·Σ + b_gain."""

    W_var: Expr
    b_var: Expr
    W_gain: Expr
    b_gain: Expr


@dataclass(frozen=True)
class ActivationStep:
    """An activation: Σ' = E[φφ], Θ' = Θ·E[φ'φ']."""

    label: str
    dual: Dual


@dataclass(frozen=True)
class SumStep:
    """A sum of uncorrelated branches: Σ' and Θ' are the sums of the branches'; an empty branch is the identity."""

    branches: tuple[tuple[Step, ...], ...]


Step = DenseStep | ActivationStep | SumStep


def activations(steps: tuple[Step, ...]) -> Iterator[ActivationStep]:
    """Every activation among the steps, those inside branches included."""
    for step in steps:
        if isinstance(step, ActivationStep):
            yield step
        elif isinstance(step, SumStep):
            for branch in step.branches:
                yield from activations(branch)
