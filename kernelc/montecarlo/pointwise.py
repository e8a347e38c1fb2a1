"""Activations of finite networks: φ and its ordinary derivative as functions of arrays.

They come from the formula by SymPy's own printer, not from the code that compiled kernels run, so that a check leans on
nothing that it checks.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from threading import Lock
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from sympy import Expr, Function
from sympy.printing.numpy import SciPyPrinter
from sympy.printing.pycode import MpmathPrinter

from kernelc.errors import InputError
from kernelc.foreign import PythonFunction
from kernelc.montecarlo.arrays import Array, namespace
from kernelc.symbols import x

STEP = 2.0**-10  # of the difference quotient of a Python function, whose error is about 1e-11; z + STEP is exact
NEAR = (1e-25, 1e-26)  # how far from z, in 80 digits, the limit of a formula is taken that has no value at z itself
SHORT = {"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True}
SPECIAL = {"numpy": "scipy.special", "cupy": "cupyx.scipy.special"}

DIGITS = mpmath.MPContext()  # not mpmath's own, whose precision other threads change
DIGITS.dps = 80
LOCK = Lock()


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
        return self._quotient(z) if isinstance(self.phi, PythonFunction) else self._apply(derivative(self.phi), z)

    def _quotient(self, z: Array) -> Array:
        """φ'(z) of a Python function, from the side on which it is the smoother: a kink nearby is on the other."""
        slopes, rough = [], []
        for h in (STEP, -STEP):
            f = [self.value(z + k * h) for k in range(5)]
            slopes.append((-25 * f[0] + 48 * f[1] - 36 * f[2] + 16 * f[3] - 3 * f[4]) / (12 * h))
            rough.append(abs(f[0] - 4 * f[1] + 6 * f[2] - 4 * f[3] + f[4]))
        return namespace(z).where(rough[0] <= rough[1], *slopes)

    def _apply(self, expr: Expr, z: Array) -> Array:
        xp = namespace(z)
        with np.errstate(all="ignore"):  # of the arms of a formula those not taken may overflow
            if isinstance(expr, PythonFunction):
                values = self._called(type(expr).python, z)
            else:
                values = xp.asarray(_function(expr, xp.__name__)(z), dtype=z.dtype) + xp.zeros_like(z)
        bad = ~xp.isfinite(values)
        if bad.any():
            values[bad] = xp.asarray([self._precise(expr, float(v)) for v in z[bad]])
        return values

    def _called(self, function: Callable[..., Any], z: Array) -> Array:
        """A Python function of arrays, or of one number."""
        xp = namespace(z)
        with suppress(Exception):  # whatever a function of one number does with an array
            values = xp.asarray(function(z.copy()))
            if values.shape in (z.shape, ()) and values.dtype.kind in "biuf":
                return values.astype(z.dtype) + xp.zeros_like(z)
        return xp.asarray([self._number(function, float(v)) for v in z.ravel()], dtype=z.dtype).reshape(z.shape)

    def _number(self, function: Callable[..., Any], z: float) -> float:
        try:
            return float(function(z))
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            raise InputError(
                f"activation '{self.label}' failed at z = {z:.6g}, met in a finite network: {found}"
            ) from None

    def _precise(self, expr: Expr, z: float) -> float:
        """The value where floats overflow on the way, as in e^z/(1 + e^z), or where there is only a limit.

        Raises InputError where that is infinite.
        """
        value = float("nan")
        if not isinstance(expr, PythonFunction):
            with LOCK, suppress(ArithmeticError, ValueError, TypeError):
                value = float(_exactly(expr, self.phi, z))
        if not np.isfinite(value):
            raise InputError(f"activation '{self.label}' has no finite value at z = {z:.6g}, met in a finite network")
        return value


# ---------------------------------------------------------------- formula → function


class Chosen(Function):  # type: ignore[misc]
    """Chosen(a, b, f, g): f where a ≥ b, else g; a Piecewise that SymPy does not try to understand."""

    nargs = 4


class Chained(Function):  # type: ignore[misc]
    """Chained(d, f): d·f, and 0 where d is 0 though f be infinite."""

    nargs = 2


class _Steps:
    """Steps as they are: SymPy's printers make them Piecewise, which may take minutes."""

    def _print_Heaviside(self, expr: Expr) -> str:
        sign: str = self._print(sp.sign(expr.args[0], evaluate=False))  # type: ignore[attr-defined]
        return f"((1 + {sign})/2)"


class _OfArrays(_Steps, SciPyPrinter):  # type: ignore[misc]
    """SymPy's printer, in functions that NumPy and CuPy share."""

    def _print_Piecewise(self, expr: Expr) -> str:
        code = "nan"
        for arm, condition in reversed(expr.args):
            value = self._print(arm)
            code = value if condition == sp.true else f"where({self._print(condition)}, {value}, {code})"
        return code

    def _print_And(self, expr: Expr) -> str:
        return "(" + " & ".join(map(self._print, expr.args)) + ")"

    def _print_Or(self, expr: Expr) -> str:
        return "(" + " | ".join(map(self._print, expr.args)) + ")"


class _OfNumbers(_Steps, MpmathPrinter):  # type: ignore[misc]
    """SymPy's printer, in functions of mpmath."""


@lru_cache(maxsize=256)
def _function(expr: Expr, library: str) -> Callable[[Array], Array]:
    """A formula as a function of arrays of ``library``, "numpy" or "cupy"."""
    xp, special = import_module(library), import_module(SPECIAL[library])
    names = vars(xp) | {
        "erf": special.erf,
        "erfc": special.erfc,
        "Chosen": lambda a, b, f, g: xp.where(xp.asarray(a >= b), f, g),
        "Chained": lambda d, f: xp.where(xp.asarray(d == 0), 0.0, d * f),
    }
    function: Callable[[Array], Array] = sp.lambdify(x, expr, [names], printer=_OfArrays(SHORT), cse=True)
    return function


# ---------------------------------------------------------------- one number, in many digits


def _exactly(expr: Expr, phi: Expr, z: float) -> Any:
    """expr at z, which is φ or φ'; where it has no value the limit from both sides, nan if they differ."""
    value, at = _in_digits(expr), DIGITS.mpf(z)
    with suppress(ArithmeticError, ValueError):
        found = value(at)
        if not DIGITS.isnan(found):
            return found
    phi_at, limits = _in_digits(phi), []
    for h in (side * DIGITS.mpf(near) for near in NEAR for side in (1, -1)):
        limits.append(value(at + h) if expr == phi else (phi_at(at + 2 * h) - phi_at(at + h)) / h)
    spread = max(limits) - min(limits)
    return limits[0] if spread <= 1e-12 * max(1, abs(limits[0])) else DIGITS.nan


@lru_cache(maxsize=256)
def _in_digits(expr: Expr) -> Callable[[Any], Any]:
    names = {name: getattr(DIGITS, name) for name in dir(DIGITS) if not name.startswith("_")}
    names["Chosen"] = lambda a, b, f, g: f if a >= b else g
    names["Chained"] = lambda d, f: d * f
    function: Callable[[Any], Any] = sp.lambdify(x, expr, [names], printer=_OfNumbers(SHORT))
    return function


# ---------------------------------------------------------------- derivative


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
        order = (first, other) if isinstance(e, sp.Max) else (other, first)
        return Chosen(*order, derivative(first), derivative(other))
    if isinstance(e, sp.Abs):
        return sp.sign(e.args[0], evaluate=False) * derivative(e.args[0])
    if isinstance(e, sp.Add):
        return sp.Add(*map(derivative, e.args))
    if isinstance(e, sp.Mul):
        return sp.Add(*(sp.Mul(*e.args[:i], derivative(f), *e.args[i + 1 :]) for i, f in enumerate(e.args)))
    if isinstance(e, sp.Pow) and not e.exp.has(x):
        inner, outer = derivative(e.base), e.exp * e.base ** (e.exp - 1)
        return Chained(inner, outer) if (e.exp - 1).is_negative and inner.has(x) else outer * inner
    if isinstance(e, sp.Pow):
        return e * (derivative(e.exp) * sp.log(e.base) + e.exp * derivative(e.base) / e.base)
    return sp.Add(*(e.fdiff(i + 1) * derivative(arg) for i, arg in enumerate(e.args)))
