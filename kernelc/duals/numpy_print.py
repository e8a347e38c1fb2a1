"""A formula in robust functions as the text of a NumPy expression.

The text needs ``np`` and the functions of the runtime's ``special`` and ``elementary``.
"""

from __future__ import annotations

import math

from sympy import (
    Add,
    Expr,
    Integer,
    Mul,
    Pow,
    Rational,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    sin,
    sinh,
    tan,
    tanh,
)  # fmt: skip

from kernelc.duals.rewriting import rewritten
from kernelc.duals.robust import Erfc, Expit, Expm1, Log1p, LogCosh, Ndtr, Robust, Sech, Softplus
from kernelc.errors import LoweringError
from kernelc.symbols import x

NAMES: dict[type[Expr], str] = {
    exp: "np.exp", log: "np.log", sin: "np.sin", cos: "np.cos", tan: "np.tan", sinh: "np.sinh", cosh: "np.cosh",
    tanh: "np.tanh", asin: "np.arcsin", acos: "np.arccos", atan: "np.arctan", asinh: "np.arcsinh",
    acosh: "np.arccosh", atanh: "np.arctanh", erf: "erf", erfc: "erfc", Erfc: "erfc", Ndtr: "ndtr", Expit: "expit",
    Softplus: "softplus", Sech: "sech", LogCosh: "log_cosh", Expm1: "np.expm1", Log1p: "np.log1p",
}  # fmt: skip
"""Every function that a text may hold."""

_SUM, _TERM, _SIGN, _POWER, _ATOM = range(5)  # how tightly a text binds


def text(expr: Expr) -> str:
    """A formula without switches as a NumPy expression in ``x``; a parameter is its name and ``_``.

    >>> from sympy import exp, log
    >>> text(x / (1 + exp(-x)))
    'x*expit(x)'
    >>> text(log(1 + exp(2 * x)) / 3)
    'softplus(2.0*x)/3.0'
    """
    return printed(rewritten(expr))[0]


def printed(e: Expr) -> tuple[str, int]:
    """The text of an expression, and how tightly it binds."""
    if e.is_number and not e.has(Robust):
        return _number(e)
    if e.is_Symbol:
        return ("x" if e == x else f"{e.name}_"), _ATOM
    if isinstance(e, Add):
        return _print_sum(e)
    if isinstance(e, Mul):
        return _print_product(e)
    if isinstance(e, Pow):
        return _print_power(e)
    if type(e) not in NAMES:
        raise LoweringError(f"don't know how to compile '{type(e).__name__}' to NumPy")
    return f"{NAMES[type(e)]}({printed(e.args[0])[0]})", _ATOM


def _number(e: Expr) -> tuple[str, int]:
    value = float(e) if e.is_Rational else float(e.evalf(30))
    if not math.isfinite(value):
        raise LoweringError(f"'{e}' is not a finite number in double precision")
    return repr(value), _SIGN if math.copysign(1, value) < 0 else _ATOM


def _in(e: Expr, least: int) -> str:
    string, binds = printed(e)
    return string if binds >= least else f"({string})"


def _print_sum(e: Add) -> tuple[str, int]:
    number, rest = e.as_coeff_Add()
    terms = list(Add.make_args(rest)) if rest != 0 else []
    numbers = [t for t in terms if t.is_number]
    terms = sorted((t for t in terms if not t.is_number), key=lambda t: (t.could_extract_minus_sign(), _degree(t)))
    constant = Add(number, *numbers)
    if constant != 0:
        terms.insert(0 if constant.is_positive or not terms or terms[0].could_extract_minus_sign() else 1, constant)
    out = _in(terms[0], _TERM)
    for term in terms[1:]:
        if term.could_extract_minus_sign():
            out += f" - {_in(-term, _TERM + 0)}" if not (-term).is_Add else f" - ({printed(-term)[0]})"
        else:
            out += f" + {_in(term, _TERM)}"
    return out, _SUM


def _degree(e: Expr) -> int:
    return int(e.as_coeff_exponent(x)[1]) if e.is_polynomial(x) and not e.is_Add else 0


def _print_product(e: Mul) -> tuple[str, int]:
    constant = Mul(*(f for f in e.args if f.is_number))
    factors = [f for f in e.args if not f.is_number]
    below = [1 / f for f in factors if f.is_Pow and f.exp.is_number and f.exp.is_negative]
    above = [f for f in factors if not (f.is_Pow and f.exp.is_number and f.exp.is_negative)]
    above.sort(key=lambda f: (not f.is_Symbol, not f.is_Pow, f.is_Add, str(f)))
    sign = ""
    if constant.is_negative:
        sign, constant = "-", -constant
    over = ""
    if constant.is_Rational and _divides(constant):
        over, constant = repr(float(constant.q)), Integer(constant.p)
    parts = [_in(f, _POWER if i or sign else _SIGN) for i, f in enumerate(above)]
    if constant != 1 or not parts:
        parts.insert(0, _number(constant)[0])
    divisors = ([over] if over else []) + [_in(f, _POWER) for f in below]
    out = "*".join(parts)
    if len(divisors) == 1:
        out += "/" + divisors[0]
    elif divisors:
        out += "/(" + "*".join(divisors) + ")"
    return sign + out, _SIGN if sign else _TERM


def _divides(c: Rational) -> bool:
    """Whether dividing by the denominator is more exact than multiplying by the rounded number."""
    return bool(c.q & (c.q - 1) and c.q <= 2**53 and abs(c.p) == 1)


def _print_power(e: Pow) -> tuple[str, int]:
    base, n = e.base, e.exp
    if n.is_number and n.is_negative:
        return f"1.0/{_in(base**-n, _POWER)}", _TERM
    if n == Rational(1, 2):
        return f"np.sqrt({printed(base)[0]})", _ATOM
    if n == Rational(1, 3):
        return f"np.cbrt({printed(base)[0]})", _ATOM
    if n == 2:
        return f"np.square({printed(base)[0]})", _ATOM
    if n.is_Rational and n.q == 2 and n.p < 8:
        return f"({_in(base ** ((n.p - 1) // 2), _POWER)}*np.sqrt({printed(base)[0]}))", _ATOM
    if n.is_Integer and n <= 8:  # NumPy's own powers of a negative number take ten times as long
        half = f"np.square({printed(base ** (n // 2))[0]})"
        return (f"{half}*{_in(base, _POWER)}" if n % 2 else half), _TERM
    if n.is_Integer:
        return f"{_in(base, _ATOM)}**{n}", _POWER
    return f"{_in(base, _ATOM)}**{_in(n, _ATOM)}", _POWER
