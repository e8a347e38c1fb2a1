"""Which rows of data make a kernel matrix singular whatever the other rows are: homogeneity and parity of a network."""

from __future__ import annotations

from typing import Literal

from sympy import Integer

from kernelc.steps import ActivationStep, DenseStep, Step
from kernelc.symbols import x

Parity = Literal["odd", "even"]


def degree(steps: tuple[Step, ...], get: str, start: int = 1) -> int | None:
    """p where k(sx, ty) = (st)^p k(x, y) for all s, t > 0, else None.

    No bias, neither random nor (for the NTK) trained, and activations that are positively homogeneous: E[φφ] of
    degree k maps p to kp, and Θ·E[φ'φ'] has degree p + p(k − 1), the same. Branches of a sum must agree.
    """
    power: int | None = start
    for step in steps:
        if power is None:
            return None
        if isinstance(step, DenseStep):
            if step.b_var != 0 or (get == "ntk" and step.b_gain != 0):
                return None
        elif isinstance(step, ActivationStep):
            power = None if step.dual.degree is None else power * step.dual.degree
        else:
            powers = {degree(branch, get, power) for branch in step.branches}
            power = powers.pop() if len(powers) == 1 else None
    return power


def parity(steps: tuple[Step, ...], get: str, start: Parity | None = "odd") -> Parity | None:
    """Whether k(x, −y) = −k(x, y) ("odd") or k(x, −y) = k(x, y) ("even") for all x and y; None: neither is known.

    c is odd. A constant is even, so a bias keeps an even kernel. φ odd: E[φφ] is odd and E[φ'φ'] even in c; φ even:
    the other way round; Θ is odd or even with Σ. What is even stays so.
    """
    found = start
    for step in steps:
        if isinstance(step, DenseStep):
            constant = step.b_var != 0 or (get == "ntk" and step.b_gain != 0)
            found = None if constant and found == "odd" else found
        elif isinstance(step, ActivationStep):
            if found == "odd":
                found = _own(step)
        else:
            parities = {parity(branch, get, found) for branch in step.branches}
            found = parities.pop() if len(parities) == 1 else None
    return found


def _own(step: ActivationStep) -> Parity | None:
    """The parity of an activation: of the only part there is, in the exact tier."""
    parts = {part.parity for part in step.dual.parts if part.nngp != 0}
    return parts.pop() if len(parts) == 1 and step.dual.tier == "exact" else None


def vanishes(steps: tuple[Step, ...], get: str) -> bool:
    """Whether k(0, y) = 0 for all y: no bias and φ(0) = 0 everywhere, so that a zero row stays zero in all layers."""
    for step in steps:
        if isinstance(step, DenseStep):
            if step.b_var != 0 or (get == "ntk" and step.b_gain != 0):
                return False
        elif isinstance(step, ActivationStep):
            if step.dual.phi.xreplace({x: Integer(0)}) != 0:
                return False
        elif not all(vanishes(branch, get) for branch in step.branches):
            return False
    return True
