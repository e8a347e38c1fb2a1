"""Exact values of symbolic kernels: the textbook recursion in 50-digit arithmetic.

It runs on the public formulas of the duals, not on the lowered state, so it is an independent check of the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
from sympy import Expr, Float, Symbol, Tuple, sympify

from kernelc import orthants
from kernelc.duals.numeric import mp_moments
from kernelc.interpret import interpret
from kernelc.steps import INPUT_WIDTH, ActivationStep, DenseStep, Step
from kernelc.symbolic import SymbolicKernel
from kernelc.symbols import c, q1, q2

DIGITS = 50
GUARD = 30  # digits lost where the textbook form cancels


class MPArithmetic:
    """mpmath at the working precision."""

    def number(self, number: Expr) -> Any:
        """An exact number, rounded to the working precision; the numbers in a tuple."""
        if isinstance(number, Tuple):
            return [self.number(part) for part in number]
        return mpmath.mpf(number.p) / number.q if number.is_Rational else mpmath.mpf(number.evalf(mpmath.mp.dps + 5))

    def function(self, name: str) -> Callable[..., Any] | None:
        """mpmath's function of SymPy's name."""
        return _SAFE.get(name) or getattr(mpmath, name, None)


def _cosine(value: Any) -> Any:
    return min(max(value, -1), 1)


_SAFE: Mapping[str, Callable[..., Any]] = {  # |c| <= √(q1 q2) but for rounding
    "acos": lambda value: mpmath.acos(_cosine(value)),
    "asin": lambda value: mpmath.asin(_cosine(value)),
    "sqrt": lambda value: mpmath.sqrt(max(value, 0)),
    "Abs": abs,
    **orthants.FUNCTIONS,
}


def kernel_values(
    kernel: SymbolicKernel, points: Sequence[Sequence[float]], get: tuple[str, ...], parameters: Mapping[str, float]
) -> dict[str, list[list[Any]]]:
    """The kernel matrices on ``points`` as mpmath numbers, correct to about 50 digits.

    Raises OverflowError where a second moment exceeds 1e300 or is infinite.
    """
    with mpmath.workdps(DIGITS + GUARD):
        x = [[mpmath.mpf(float(v)) for v in row] for row in points]
        d = len(x[0])
        env: dict[Symbol, Any] = {Symbol(name, real=True): mpmath.mpf(value) for name, value in parameters.items()}
        env[INPUT_WIDTH] = mpmath.mpf(d)
        moments = [[mpmath.fdot(a, b) / d for b in x] for a in x]
        out: dict[str, list[list[Any]]] = {name: [[None] * len(x) for _ in x] for name in get}
        for i in range(len(x)):
            for j in range(i + 1):
                start = (moments[i][i], moments[j][j], moments[i][j], mpmath.mpf(0))
                if kernel.normalize:
                    start = (mpmath.mpf(1), mpmath.mpf(1), start[2] / mpmath.sqrt(start[0] * start[1]), start[3])
                end = _run(kernel.steps, start, env, "ntk" in get, i == j)
                for name in get:
                    out[name][i][j] = out[name][j][i] = end[2] if name == "nngp" else end[3]
        return out


def zonal_values(
    kernel: SymbolicKernel,
    gap: Sequence[float],
    side: Sequence[float],
    width: int,
    get: tuple[str, ...],
    parameters: Mapping[str, float],
) -> list[list[float]]:
    """The kernels in ``get``, divided by their values at ρ = 1, of points on the sphere |x|² = d = ``width``.

    They are at ρ = side·(1 − 2·gap), as exact as floats are. Raises OverflowError as :func:`kernel_values` does.
    """
    with mpmath.workdps(DIGITS + GUARD):
        env: dict[Symbol, Any] = {Symbol(name, real=True): mpmath.mpf(value) for name, value in parameters.items()}
        env[INPUT_WIDTH] = mpmath.mpf(width)
        one = mpmath.mpf(1)
        places = {"nngp": 2, "ntk": 3}
        whole = _run(kernel.steps, (one, one, one, mpmath.mpf(0)), env, "ntk" in get, True)
        found = []
        for y, s in zip(gap, side, strict=True):
            start = (one, one, int(s) * (1 - 2 * mpmath.mpf(float(y))), mpmath.mpf(0))
            end = _run(kernel.steps, start, env, "ntk" in get, False)
            found.append([float(end[places[name]] / whole[places[name]]) for name in get])
        return found


State = tuple[Any, Any, Any, Any]  # q1, q2, c, ntk


def _run(steps: tuple[Step, ...], state: State, env: Mapping[Symbol, Any], has_ntk: bool, same: bool) -> State:
    for step in steps:
        if max(state[0], state[1]) > mpmath.mpf("1e300"):
            raise OverflowError("a second moment exceeds 1e300")
        if isinstance(step, DenseStep):
            state = _dense(step, state, env)
        elif isinstance(step, ActivationStep):
            state = _activation(step, state, env, has_ntk, same)
        else:
            ends = [_run(branch, state, env, has_ntk, same) for branch in step.branches]
            state = tuple(mpmath.fsum(moment) for moment in zip(*ends, strict=True))
    return state


def _allowed(domain: Any, q: Any, env: Mapping[Symbol, Any]) -> bool:
    """Whether a second moment is in the domain of a dual."""
    numbers = {symbol: Float(str(value), DIGITS) for symbol, value in {**env, q1: q}.items()}
    return bool(sympify(domain).subs(numbers))


def _dense(step: DenseStep, state: State, env: Mapping[Symbol, Any]) -> State:
    fields = (step.W_var, step.b_var, step.W_gain, step.b_gain)
    W, b, W_gain, b_gain = (interpret(e, env, MPArithmetic()) for e in fields)
    first, second, cross, ntk = state
    return W * first + b, W * second + b, W * cross + b, W * ntk + W_gain * cross + b_gain


def _activation(step: ActivationStep, state: State, env: Mapping[Symbol, Any], has_ntk: bool, same: bool) -> State:
    if not all(_allowed(step.dual.domain, q, env) for q in state[:2]):
        raise OverflowError(f"E[φ(z)²] is infinite: {step.dual.domain} does not hold")
    if step.dual.tier == "series":
        own, other, cross, dot = mp_moments(step.dual.phi, *state[:2], state[0] if same else state[2], has_ntk)
        return own, other, own if same else cross, state[3] * dot
    tiny = mpmath.mpf("1e-2000")  # a point at the origin: the formulas' limit, far below the last digit
    first, second, cross, ntk = max(state[0], tiny), max(state[1], tiny), state[2], state[3]
    at = {**env, q1: first, q2: second, c: first if same else cross}

    def value(expr: Expr, where: Mapping[Symbol, Any]) -> Any:
        return interpret(expr, where, MPArithmetic())

    dot = 0
    if has_ntk:
        dot = value(step.dual.ntk_diag if same and step.dual.closed else step.dual.ntk, at)
    diagonal = step.dual.diag
    own, other = value(diagonal, {**env, q1: first}), value(diagonal, {**env, q1: second})
    return own, other, own if same else value(step.dual.nngp, at), ntk * dot
