"""The signs of exact real numbers, proved: by ball arithmetic where they are not zero, by algebra where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from flint import arb
from sympy import Expr, Float, Rational, Symbol

from kernelc.certificates.balls import Ball, BallArithmetic, precision
from kernelc.errors import LoweringError, UnsupportedError
from kernelc.interpret import interpret

PRECISIONS = (64, 256, 1024, 4096)


class _Balls(BallArithmetic):
    """Balls with real powers of positive numbers."""

    def function(self, name: str) -> Callable[..., Any] | None:
        return _power if name == "power" else super().function(name)


def _power(base: Ball, exponent: Ball) -> Ball:
    return (exponent * base.log()).exp()


def ball(expr: Expr, env: Mapping[Symbol, Ball] | None = None) -> arb | None:
    """A finite ball that holds the value, at the precision of ``flint.ctx``; None where there is none."""
    try:
        value = interpret(expr, env or {}, _Balls())
    except (LoweringError, UnsupportedError, AttributeError, ZeroDivisionError):
        return None
    return value if value.is_finite() else None


@lru_cache(maxsize=4096)
def sign_of(value: Expr) -> int | None:
    """The sign of an exact real number, proved; None where it cannot be."""
    if value.is_Rational:
        return int(value.p > 0) - int(value.p < 0)
    for bits in PRECISIONS:
        with precision(bits):
            found = ball(value)
            if found is not None and (found > 0 or found < 0):
                return 1 if found > 0 else -1
    return 0 if _vanishes(value) else None


def _vanishes(value: Expr) -> bool:
    """Whether algebra shows that a number is zero."""
    expanded = value.expand()
    if expanded == 0:
        return True
    return bool(expanded.is_algebraic and expanded.equals(0))


def exact(phi: Expr) -> Expr:
    """The formula with every decimal as the fraction that it shows."""
    return phi.replace(lambda node: isinstance(node, Float), lambda node: Rational(str(node)))
