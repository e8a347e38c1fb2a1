"""Activations of finite networks: φ and its ordinary derivative as functions of arrays.

They come from the formula by SymPy's own printer, not from the code that compiled kernels run, so that a check leans on
nothing that it checks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import mpmath
import numpy as np
import sympy as sp
from sympy import Expr

from kernelc.errors import InputError
from kernelc.foreign import PythonFunction
from kernelc.montecarlo.arrays import Array, namespace
from kernelc.symbols import x

STEP = 1e-4  # of the difference quotient of a Python function, whose error is about 1e-12


@dataclass(frozen=True)
class Pointwise:
    """φ and φ' on arrays of any shape; at a kink φ' is what SymPy's sign and comparisons make of it."""

    label: str
    phi: Expr

    def value(self, z: Array) -> Array:
        """φ(z)."""
        return self._apply(self.phi, z)

    def slope(self, z: Array) -> Array:
        """φ'(z), where φ is differentiable; a jump has no slope, which gradient descent does not see either."""
        if isinstance(self.phi, PythonFunction):
            far, near = (self.value(z + h) - self.value(z - h) for h in (2 * STEP, STEP))
            return (8 * near - far) / (12 * STEP)
        return self._apply(derivative(self.phi), z)

    def _apply(self, expr: Expr, z: Array) -> Array:
        xp = namespace(z)
        with np.errstate(all="ignore"):  # of the arms of a formula those not taken may overflow
            values = xp.asarray(_function(expr, xp.__name__)(z), dtype=z.dtype) + xp.zeros_like(z)
        bad = ~xp.isfinite(values)
        if bad.any():
            values[bad] = xp.asarray([self._precise(expr, float(v)) for v in z[bad]])
        return values

    def _precise(self, expr: Expr, z: float) -> float:
        """The value where floats overflow on the way, as in e^z/(1 + e^z); raises InputError where it is infinite."""
        value = float("nan")
        if not isinstance(expr, PythonFunction):
            with suppress(ArithmeticError, ValueError, TypeError):
                value = float(_function(expr, "mpmath")(mpmath.mpf(z)))
        if not np.isfinite(value):
            raise InputError(f"activation '{self.label}' has no finite value at z = {z:.6g}, met in a finite network")
        return value


@lru_cache(maxsize=256)
def _function(expr: Expr, library: str) -> Callable[[Array], Array]:
    if isinstance(expr, PythonFunction):
        python: Callable[[Array], Array] = type(expr).python
        return python
    modules = {"numpy": ["scipy", "numpy"], "cupy": ["cupyx.scipy.special", "cupy"], "mpmath": ["mpmath"]}
    function: Callable[[Array], Array] = sp.lambdify(x, expr, modules=modules[library], cse=True)
    return function


@lru_cache(maxsize=256)
def derivative(e: Expr) -> Expr:
    """The ordinary derivative in x, jumps left out: SymPy's own, but for switches, which it may take minutes over."""
    if not e.has(x) or isinstance(e, sp.sign | sp.Heaviside):
        return sp.S.Zero
    if e == x:
        return sp.S.One
    if isinstance(e, sp.Piecewise):
        return sp.Piecewise(*((derivative(arm), condition) for arm, condition in e.args), evaluate=False)
    if isinstance(e, sp.Max | sp.Min):
        first, *rest = e.args
        other = rest[0] if len(rest) == 1 else e.func(*rest, evaluate=False)
        ahead = (sp.Ge if isinstance(e, sp.Max) else sp.Le)(first, other, evaluate=False)
        return sp.Piecewise((derivative(first), ahead), (derivative(other), True), evaluate=False)
    if isinstance(e, sp.Abs):
        return sp.sign(e.args[0]) * derivative(e.args[0])
    if isinstance(e, sp.Add):
        return sp.Add(*map(derivative, e.args))
    if isinstance(e, sp.Mul):
        return sp.Add(*(sp.Mul(*e.args[:i], derivative(f), *e.args[i + 1 :]) for i, f in enumerate(e.args)))
    if isinstance(e, sp.Pow) and not e.exp.has(x):
        return e.exp * e.base ** (e.exp - 1) * derivative(e.base)
    if isinstance(e, sp.Pow):
        return e * (derivative(e.exp) * sp.log(e.base) + e.exp * derivative(e.base) / e.base)
    return sp.Add(*(e.fdiff(i + 1) * derivative(arg) for i, arg in enumerate(e.args)))
