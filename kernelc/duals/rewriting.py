"""A formula without switches in functions that neither overflow nor cancel where it would.

The rules are tried bottom-up: 1/(1 + exp(-a)) is Expit(a), log(1 + exp(a)) is Softplus(a), 1 + erf(a) is Erfc(-a). The
derivative is taken after that, so that it has a robust form as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import mpmath
from sympy import (
    Add,
    Expr,
    Float,
    Integer,
    Mul,
    Pow,
    Rational,
    cosh,
    erf,
    erfc,
    exp,
    fraction,
    lambdify,
    log,
    sinh,
    sqrt,
    tanh,
    together,
)  # fmt: skip

from kernelc.duals.robust import PRECISE, Erfc, Expit, Expm1, Log1p, LogCosh, Ndtr, Sech, Softplus
from kernelc.symbols import x


@lru_cache(maxsize=4096)
def rewritten(expr: Expr) -> Expr:
    """The formula in functions that have robust code."""
    if isinstance(expr, Float):
        return Rational(str(expr))
    if not expr.args or not expr.has(x):
        return expr
    node = _rule(expr.func(*(rewritten(arg) for arg in expr.args)))
    return node if node == expr else rewritten(node)


def derivative(expr: Expr) -> Expr:
    """The derivative in x of a formula without switches, taken after rewriting.

    >>> from sympy import exp
    >>> derivative(1 / (1 + exp(-x)))
    Expit(-x)*Expit(x)
    """
    slope = rewritten(expr).diff(x)
    if slope.is_rational_function(x) and not slope.is_polynomial(x):
        above, below = fraction(together(slope))  # one fraction: its terms cancel far from 0
        slope = above.expand() / below
    return rewritten(slope)


@lru_cache(maxsize=256)
def precise(expr: Expr) -> Callable[[Any], Any]:
    """A formula in mpmath."""
    function = lambdify(x, rewritten(expr), [PRECISE, "mpmath"])
    return lambda point: mpmath.re(function(point))


def _rule(e: Expr) -> Expr:
    if isinstance(e, Add):
        return _sum(e)
    if isinstance(e, Mul):
        return _product(e)
    if isinstance(e, Pow):
        return _power(e)
    if isinstance(e, log):
        return _log(e)
    return Erfc(e.args[0]) if isinstance(e, erfc) and e.has(x) else e


def _sum(e: Add) -> Expr:
    """Pairs of terms that would cancel, or are a function of its own."""
    terms = [(*term.as_independent(x, as_Add=False), term) for term in e.args]
    for c, f, term in terms:
        for d, g, other in terms:
            if term != other and (found := _pair(c, f, d, g)) is not None:
                return Add(*(t for t in e.args if t not in (term, other)), found)
    return e


def _pair(c: Expr, f: Expr, d: Expr, g: Expr) -> Expr | None:
    """c f + d g in another form."""
    if isinstance(f, exp) and isinstance(g, exp) and f.args[0] == -g.args[0] and c in (d, -d):
        return 2 * c * (cosh(f.args[0]) if c == d else sinh(f.args[0]))
    if g != 1:
        return None
    if isinstance(f, exp) and c == -d:
        return c * Expm1(f.args[0])
    if isinstance(f, tanh) and c in (d, -d):
        return 2 * d * Expit(2 * f.args[0] * (c / d))
    if f.is_Pow and isinstance(f.base, tanh) and f.exp == 2 and c == -d:
        return d * Sech(f.base.args[0]) ** 2
    if isinstance(f, erf) and c in (d, -d):
        z = sqrt(2) * f.args[0] * (c / d)
        return d * Erfc(-f.args[0] * (c / d)) if z.has(sqrt(2)) else 2 * d * Ndtr(z)
    if isinstance(f, Expit) and c == -d:
        return d * Expit(-f.args[0])
    if isinstance(f, Ndtr) and c == -d:
        return d * Ndtr(-f.args[0])
    if isinstance(f, Expit) and c == -2 * d:
        return -d * tanh(f.args[0] / 2)
    if isinstance(f, Erfc) and c == -d:
        return d * erf(f.args[0])
    if isinstance(f, Erfc) and 2 * d == -c:
        return d * Erfc(-f.args[0])
    return None


def _logistic(e: Expr) -> tuple[Expr, Expr] | None:
    """(p, a) where the expression is p (1 + exp(a)), p > 0."""
    if not isinstance(e, Add) or len(e.args) != 2:
        return None
    p, rest = e.as_independent(x, as_Add=True)
    c, f = rest.as_independent(x, as_Add=False)
    if not isinstance(f, exp) or not p.is_positive or not c.is_positive:
        return None
    return p, f.args[0] + log(c / p)


def _power(e: Pow) -> Expr:
    base, n = e.as_base_exp()
    if base.is_Pow and base.exp.is_integer and n.is_integer:
        return base.base ** (base.exp * n)
    if not n.is_negative:
        return e
    if (found := _logistic(base)) is not None:
        return Expit(-found[1]) ** -n * found[0] ** n
    return Sech(base.args[0]) ** -n if isinstance(base, cosh) else e


def _log(e: Expr) -> Expr:
    arg = e.args[0]
    if (found := _logistic(arg)) is not None:
        return log(found[0]) + Softplus(found[1])
    if isinstance(arg, Expit):
        return -Softplus(-arg.args[0])
    if isinstance(arg, cosh):
        return LogCosh(arg.args[0])
    if arg.is_Mul:
        c, f = arg.as_independent(x, as_Add=False)
        if c.is_positive and isinstance(f, cosh | Expit):
            return log(c) + _log(log(f, evaluate=False))
    if isinstance(arg, Add) and arg.as_independent(x, as_Add=True)[0] == 1:
        return Log1p(arg - 1)
    return e


def _product(e: Mul) -> Expr:
    """Factors of which one may overflow where another is small."""
    exponentials = [f for f in e.args if isinstance(f, exp)]
    if len(exponentials) > 1:
        return exp(Add(*(f.args[0] for f in exponentials))) * Mul(*(f for f in e.args if f not in exponentials))
    powers = {f.as_base_exp()[0] if not isinstance(f, exp) else f: f for f in e.args}
    for base, factor in powers.items():
        n = factor.as_base_exp()[1]
        if isinstance(base, Sech) and n.is_positive:
            u = base.args[0]
            for part, becomes in ((cosh(u), Integer(1)), (sinh(u), tanh(u))):
                if part in powers or -part in powers:
                    return e / part / base * becomes
            continue
        if not isinstance(base, Expit) or not n.is_positive:
            continue
        u = base.args[0]
        for other in powers:
            if isinstance(other, exp) and _less(other.args[0], u):
                return e / base / other * Expit(-u) * exp(other.args[0] + u)
            if isinstance(other, Expm1) and other.args[0] == -u:
                return -e / base / other * tanh(u / 2)
    return e


def _less(a: Expr, u: Expr) -> bool:
    """Whether a = -m u, m >= 1."""
    ratio = (a / u).cancel() if a.has(x) else Integer(0)
    return bool(ratio.is_number and ratio <= -1)
