"""Collapse of the layers: a kernel of points on one sphere is one function of their angle, whatever the network.

So is a homogeneous kernel at any norms, once divided by √(K_ii K_jj): then K(λx, λ'x') = (λλ')ᵏ K(x, x'). The table is
built by the module itself (:mod:`kernelc.runtime.collapse`), from its own layers: the norm is known only there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kernelc.program import Program
from kernelc.steps import ActivationStep, DenseStep, Step
from kernelc.symbolic import SymbolicKernel


@dataclass(frozen=True)
class Degrees:
    """The degrees of Σ and of Θ in each point; None where there is none, and for Θ = 0 any."""

    nngp: int | None
    ntk: int | None
    frozen: bool = True  # Θ = 0


def collapse_zonal(program: Program, kernel: SymbolicKernel) -> Program:
    """Let the program collapse; name the kernels that do so at any norms."""
    end = _through(kernel.steps, Degrees(1, 1))
    names = [name for name, degree in (("nngp", end.nngp), ("ntk", end.ntk)) if degree is not None]
    if kernel.ntk_reason or end.frozen:
        names = [name for name in names if name == "nngp"]
    return replace(program, collapse=True, homogeneous=tuple(names))


def _through(steps: tuple[Step, ...], at: Degrees) -> Degrees:
    for step in steps:
        if isinstance(step, DenseStep):
            at = _dense(step, at)
        elif isinstance(step, ActivationStep):
            at = _activation(step, at)
        else:
            at = _sum([_through(branch, at) for branch in step.branches])
    return at


def _dense(step: DenseStep, at: Degrees) -> Degrees:
    """Σ' = W_var·Σ + b_var and Θ' = W_var·Θ + W_gain·Σ + b_gain."""
    nngp = at.nngp if step.b_var == 0 else None
    if step.W_gain == 0 and step.b_gain == 0:
        return Degrees(nngp, at.ntk, at.frozen)
    agree = at.frozen or at.ntk == at.nngp
    return Degrees(nngp, at.nngp if agree and step.b_gain == 0 else None, frozen=False)


def _activation(step: ActivationStep, at: Degrees) -> Degrees:
    """A constant, of degree 0, does not vanish at the origin as every other does."""
    degree = step.dual.degree
    if not degree or at.nngp is None:
        return Degrees(None, None, at.frozen)
    return Degrees(degree * at.nngp, None if at.ntk is None else at.ntk + (degree - 1) * at.nngp, at.frozen)


def _sum(ends: list[Degrees]) -> Degrees:
    nngp = {end.nngp for end in ends}
    ntk = {end.ntk for end in ends if not end.frozen}
    return Degrees(
        nngp.pop() if len(nngp) == 1 else None,
        ntk.pop() if len(ntk) == 1 else None,
        all(end.frozen for end in ends),
    )
