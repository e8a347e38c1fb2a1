"""The special functions of duals, as SymPy functions: what the elementary ones cannot say.

* ``Phi(z)`` = P(Z ≤ z), the normal distribution function;
* ``ExpPhi(E, z)`` = e^E·Phi(z);
* ``PhiRatio(n, d)`` = Phi(n/d) and ``ExpPhiRatio(E, n, d)`` = e^E·Phi(n/d), d ≥ 0, with limits at d = 0, where
  quotients have none: a gate whose conditional variance vanishes as ρ → ±1;
* ``Phi2(E, h, k, r, w)`` = e^E·P(X ≤ h, Y ≤ k) for standard normals with correlation r; w = √(1 − r²) is an argument of
  its own, so that r → ±1 keeps its digits;
* ``Dawson(z)`` = e^{−z²} ∫₀^z e^{t²} dt.

The exponent E is inside of the node because e^E overflows where the product does not: code computes the product in a
scaled form. Numerical values, to any precision, are in :mod:`kernelc.orthants`.

Where d = 0, all that counts of n is its sign; a float so small that it may be a rounding error, next to terms of order
one, has none.
"""

from __future__ import annotations

from typing import Any

import mpmath
from sympy import Expr, Float, Function, Integer, Mul, Pow, Rational, atan2, exp, fraction, oo, pi, sqrt, together

from kernelc import orthants

ZERO, ONE, HALF = Integer(0), Integer(1), Rational(1, 2)


class SpecialFunction(Function):  # type: ignore[misc]
    """A real function whose values mpmath computes."""

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(arg.is_extended_real for arg in self.args) else None

    def _eval_evalf(self, prec: int) -> Expr | None:
        digits = prec + 20
        args = [arg._eval_evalf(digits) for arg in self.args]
        if not all(arg is not None and (arg.is_Float or arg.is_Rational) for arg in args):
            return None
        with mpmath.workprec(digits):
            value = self._value(*[_mpf(arg) for arg in args])
        return Float._new(value._mpf_, prec)

    def _value(self, *args: Any) -> Any:
        raise NotImplementedError


def _mpf(value: Expr) -> Any:
    return mpmath.mpf(value.p) / value.q if value.is_Rational else mpmath.mp.make_mpf(value._mpf_)


class Phi(SpecialFunction):
    """The distribution function of the standard normal."""

    nargs = 1

    @classmethod
    def eval(cls, z: Expr) -> Expr | None:
        """Phi(0) and Phi(±oo)."""
        return HALF if z == 0 else ONE if z is oo else ZERO if z is -oo else None

    def fdiff(self, argindex: int = 1) -> Expr:
        """The density."""
        return _density(self.args[0])

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _value(self, *args: Any) -> Any:
        return orthants.normal(*args)

    def _sympystr(self, printer: Any) -> str:
        return f"Phi({printer._print(self.args[0])})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return powered(rf"\Phi\left({printer._print(self.args[0])}\right)", exp)


class ExpPhi(SpecialFunction):
    """e^E·Phi(z)."""

    nargs = 2

    @classmethod
    def eval(cls, E: Expr, z: Expr) -> Expr | None:
        """Without an exponent it is Phi, at 0 and ±oo an exponential."""
        if E == 0:
            return Phi(z)
        value = Phi.eval(z)
        return None if value is None else value * exp(E)

    def fdiff(self, argindex: int = 1) -> Expr:
        """∂/∂E is the function itself, ∂/∂z the density."""
        E, z = self.args
        return self if argindex == 1 else exp(E - z**2 / 2) / sqrt(2 * pi)

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _value(self, *args: Any) -> Any:
        return mpmath.exp(args[0]) * orthants.normal(args[1])

    def _sympystr(self, printer: Any) -> str:
        return f"exp({printer._print(self.args[0])})*Phi({printer._print(self.args[1])})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        E, z = map(printer._print, self.args)
        return powered(rf"e^{{{E}}} \Phi\left({z}\right)", exp, product=True)


class PhiRatio(SpecialFunction):
    """Phi(n/d) for d ≥ 0; at d = 0 it is 0, 1/2 or 1 by the sign of n."""

    nargs = 2

    @classmethod
    def eval(cls, n: Expr, d: Expr) -> Expr | None:
        """1/2 at n = 0, Phi where d is a positive number, and the limits at d = 0."""
        if n == 0:
            return HALF
        if d == 0:
            if n.is_Float and abs(n) < 2.0 ** (orthants.SPARE - n._prec):
                return HALF
            return ZERO if n.is_negative else ONE if n.is_positive else None
        return Phi(n / d) if d.is_number and d.is_positive else None

    def fdiff(self, argindex: int = 1) -> Expr:
        """The density over d, and that times −n/d."""
        n, d = self.args
        return _density(n / d) * (1 / d if argindex == 1 else -n / d**2)

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _value(self, *args: Any) -> Any:
        return orthants.normal_ratio(*args)

    def _sympystr(self, printer: Any) -> str:
        return f"Phi({printer._print(quotient(*self.args))})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return powered(rf"\Phi\left({printer._print(quotient(*self.args))}\right)", exp)


class ExpPhiRatio(SpecialFunction):
    """e^E·Phi(n/d) for d ≥ 0, as PhiRatio."""

    nargs = 3

    @classmethod
    def eval(cls, E: Expr, n: Expr, d: Expr) -> Expr | None:
        """Without an exponent it is PhiRatio, and where that is simpler, so is this."""
        if E == 0:
            return PhiRatio(n, d)
        value = PhiRatio.eval(n, d)
        if isinstance(value, Phi):
            return ExpPhi(E, value.args[0])
        return None if value is None else value * exp(E)

    def fdiff(self, argindex: int = 1) -> Expr:
        """∂/∂E is the function itself."""
        E, n, d = self.args
        if argindex == 1:
            return self
        return exp(E - n**2 / (2 * d**2)) / sqrt(2 * pi) * (1 / d if argindex == 2 else -n / d**2)

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _value(self, *args: Any) -> Any:
        return mpmath.exp(args[0]) * orthants.normal_ratio(*args[1:])

    def _sympystr(self, printer: Any) -> str:
        E, n, d = self.args
        return f"exp({printer._print(E)})*Phi({printer._print(quotient(n, d))})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        E, n, d = self.args
        text = rf"e^{{{printer._print(E)}}} \Phi\left({printer._print(quotient(n, d))}\right)"
        return powered(text, exp, product=True)


class Phi2(SpecialFunction):
    """e^E·P(X ≤ h, Y ≤ k) at correlation r, w = √(1 − r²)."""

    nargs = 5

    @classmethod
    def eval(cls, E: Expr, h: Expr, k: Expr, r: Expr, w: Expr) -> Expr | None:
        """Sheppard's formula at h = k = 0 (1899), one dimension less at ±oo, a product at r = 0."""
        if -oo in (h, k):
            return ZERO
        if h is oo:
            return ExpPhi(E, k)
        if k is oo:
            return ExpPhi(E, h)
        if h == 0 and k == 0:
            return exp(E) * (Rational(1, 4) + atan2(r, w, evaluate=bool(w.is_number)) / (2 * pi))
        if r == 0:
            return ExpPhi(E, h) * Phi(k)
        return None if h.sort_key() <= k.sort_key() else cls(E, k, h, r, w)

    def fdiff(self, argindex: int = 1) -> Expr:
        """∂/∂h = density(h)·Phi((k − r·h)/w); ∂/∂r, w being √(1 − r²), is the density of (X, Y) (Plackett 1954).

        There is none for w alone.
        """
        E, h, k, r, w = self.args
        if argindex == 1:
            return self
        if argindex == 2:
            return ExpPhiRatio(E - h**2 / 2, k - r * h, w) / sqrt(2 * pi)
        if argindex == 3:
            return ExpPhiRatio(E - k**2 / 2, h - r * k, w) / sqrt(2 * pi)
        if argindex == 4:
            return exp(E - (h**2 - 2 * r * h * k + k**2) / (2 * w**2)) / (2 * pi * w)
        return ZERO

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _value(self, *args: Any) -> Any:
        return mpmath.exp(args[0]) * orthants.orthant(*args[1:])

    def _sympystr(self, printer: Any) -> str:
        E, h, k, r, _ = self.args
        text = f"Phi_2({printer._print(h)}, {printer._print(k)}; {printer._print(r)})"
        return text if E == 0 else f"exp({printer._print(E)})*{text}"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        E, h, k, r = map(printer._print, self.args[:4])
        text = rf"\Phi_{{2}}\left({h}, {k}; {r}\right)"
        bare = self.args[0] == 0
        return powered(text if bare else rf"e^{{{E}}} {text}", exp, product=not bare)


class Dawson(SpecialFunction):
    """e^{−z²} ∫₀^z e^{t²} dt."""

    nargs = 1

    @classmethod
    def eval(cls, z: Expr) -> Expr | None:
        """Odd, and 0 at 0 and ±oo."""
        if z == 0 or z in (oo, -oo):
            return ZERO
        return -cls(-z) if z.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> Expr:
        """D' = 1 − 2zD."""
        return 1 - 2 * self.args[0] * self

    def _value(self, *args: Any) -> Any:
        return orthants.dawson(*args)

    def _sympystr(self, printer: Any) -> str:
        return f"Dawson({printer._print(self.args[0])})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return powered(rf"D\left({printer._print(self.args[0])}\right)", exp)


def quotient(n: Expr, d: Expr) -> Expr:
    """n/d with one fraction bar, for printing."""
    if d == 0:
        return Mul(n, Pow(d, -1, evaluate=False), evaluate=False)
    above, below = fraction(together(n))
    return above / (below * d)


def _density(z: Expr) -> Expr:
    return exp(-(z**2) / 2) / sqrt(2 * pi)


def powered(text: str, power: str | None, product: bool = False) -> str:
    """LaTeX of a function, and of its power."""
    if power is None:
        return text
    return rf"\left({text}\right)^{{{power}}}" if product else rf"{text}^{{{power}}}"
