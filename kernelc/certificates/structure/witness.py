"""Witnesses: a few points and weights c with Σᵢⱼ cᵢcⱼ k(xᵢ, xⱼ) = 0, which show that a kernel is not strictly positive
definite.

If the even or the odd part of k(ρ) is a polynomial of degree D (put D = −2 for an absent even part, −1 for an absent
odd one), then the regular 2m-gon with alternating weights is a witness for m = D + 2: Σ_j (−1)^j cos^k(πj/m) over
j < 2m picks the frequencies m, 3m, ... out of cos^k θ, whose frequencies are at most k and of its parity. Terms of
the part have k < m, all others the wrong parity. For m = 1 that is {x, −x} with weights (1, −1); for m = 0 take
{x, −x} with (1, 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import mpmath
from sympy import Expr, Integer, cos, expand, nan, oo, pi, simplify, sin, zoo

from kernelc import exact
from kernelc.certificates.structure.enclosure import Enclosure
from kernelc.certificates.structure.mirror import mirrored
from kernelc.certificates.structure.support import INF
from kernelc.certificates.structure.trapezoid import mean
from kernelc.errors import UnsupportedError
from kernelc.interpret import interpret
from kernelc.steps import INPUT_WIDTH, ActivationStep, DenseStep, Step, SumStep
from kernelc.symbolic import Kernel, SymbolicKernel
from kernelc.symbols import parameter, rho, x

Point = tuple[Expr, Expr]
Witness = tuple[tuple[Point, ...], tuple[int, ...]]

LARGEST = 100
"""The largest m whose points are written out."""


def polygon(known: Enclosure) -> int | None:
    """The least m whose witness is proved, from what is known of the support; None where there is none."""
    tops = [
        max(upper, default=parity - 2) + 2
        for parity, upper in ((0, known.upper.even), (1, known.upper.odd))
        if upper != INF
    ]
    return min(tops, default=None)


def witness(m: int) -> Witness:
    """Points on the unit circle, to be scaled to |x|² = d = 2 (or, on a larger sphere, to any radius), and weights."""
    zero, one = Integer(0), Integer(1)
    if m == 0:
        return ((one, zero), (-one, zero)), (1, 1)
    points = tuple((cos(pi * j / m), sin(pi * j / m)) for j in range(2 * m))
    return points, tuple((-1) ** j for j in range(2 * m))


def exact_sum(kernel: SymbolicKernel, get: Kernel, found: Witness) -> Expr:
    """Σ cᵢcⱼ k(xᵢ·xⱼ) in SymPy, simplified: 0 where SymPy sees it."""
    defaults = {parameter(name): value for name, value in kernel.parameters}
    h = kernel.zonal(get).xreplace(defaults)
    total = Integer(0)
    for weight, angle in _first_row(found):
        value = h.xreplace({rho: cos(angle)})
        if value.has(nan, oo, zoo):
            raise UnsupportedError(f"{kernel.name}: its formula has no value at ρ = {cos(angle)}")
        total += weight * mirrored(value)
    total = expand(total * len(found[0]))
    return total if total == 0 else simplify(total)


def numerical_sum(
    kernel: SymbolicKernel, get: Literal["nngp", "ntk"], found: Witness, digits: int = 50
) -> tuple[Any, Any]:
    """(Σ cᵢcⱼ k(xᵢ·xⱼ), k(1)) as mpmath numbers, correct to about ``digits`` digits of k(1)."""
    with mpmath.workdps(2 * digits + exact.GUARD):  # acos(−1 + ε) has half the digits of ε
        total, scale = mpmath.mpf(0), None
        for weight, angle in _first_row(found):
            value = _value(kernel, get, angle)
            scale = value if scale is None else scale
            total += weight * value
        return total * len(found[0]), scale


def _first_row(found: Witness) -> list[tuple[int, Expr]]:
    """(weight, angle) of the points as seen from the first, mirror images added; each row of the sum is the same."""
    points, weights = found
    m = len(points) // 2
    return [(weights[j] * (1 if j in (0, m) else 2), pi * j / m) for j in range(m + 1)]


def _value(kernel: SymbolicKernel, get: str, angle: Expr) -> Any:
    """k(cos angle), by the recursion in floating point."""
    one = mpmath.mpf(1)
    cosine = mpmath.cospi(mpmath.mpf((angle / pi).p) / (angle / pi).q)
    env: dict[Any, Any] = {parameter(name): exact.MPArithmetic().number(value) for name, value in kernel.parameters}
    env[INPUT_WIDTH] = mpmath.mpf(2)
    state = _run(kernel.steps, (one, cosine, mpmath.mpf(0)), env, get == "ntk")
    return state[1] if get == "nngp" else state[2]


State = tuple[Any, Any, Any]
"""E[u²] = E[v²], E[uv] and the tangent kernel."""


def _run(steps: tuple[Step, ...], state: State, env: Mapping[Any, Any], with_ntk: bool) -> State:
    for step in steps:
        if isinstance(step, SumStep):
            ends = [_run(branch, state, env, with_ntk) for branch in step.branches]
            state = tuple(mpmath.fsum(values) for values in zip(*ends, strict=True))
        elif isinstance(step, DenseStep):
            q, c, tangent = state
            fields = (step.W_var, step.b_var, step.W_gain, step.b_gain)
            W, b, W_gain, b_gain = (interpret(e, env, exact.MPArithmetic()) for e in fields)
            state = W * q + b, W * c + b, W * tangent + W_gain * c + b_gain
        else:
            state = _activation(step, state, env, with_ntk)
    return state


def _activation(step: ActivationStep, state: State, env: Mapping[Any, Any], with_ntk: bool) -> State:
    """By closed forms, or by a trapezoidal rule where it converges; UnsupportedError where there is neither."""
    q, c, tangent = state
    phi, digits = step.dual.phi, (mpmath.mp.dps - exact.GUARD) // 2
    if q == 0:  # z = 0 for every input
        at, slope = (exact.MPArithmetic().number(f.xreplace({x: Integer(0)})) for f in (phi, phi.diff(x)))
        return at**2, at**2, tangent * slope**2 if tangent else tangent
    if step.dual.tier == "series":
        numbers = {name: value for name, value in env.items() if name in phi.free_symbols}
        found = None if numbers else [mean(phi, q, q, digits), mean(phi, q, c, digits)]
        dot = mean(phi.diff(x), q, c, digits) if found and with_ntk and tangent else mpmath.mpf(0)
        if found is not None and None not in (*found, dot):
            return found[0], found[1], tangent * dot
        raise UnsupportedError(f"no rule here gives {digits} digits of the dual of '{step.label}'")
    own, _, cross, tangent = exact._activation(step, (q, q, c, tangent), env, with_ntk, bool(q == c))
    return own, cross, tangent
