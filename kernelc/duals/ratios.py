"""Ratios of sums of exponentials, written in exponentials that are small on one side of 0."""

from __future__ import annotations

from sympy import Dummy, Expr, Poly, PolynomialError, cosh, exp, fraction, gcd_list, log, sinh, together

from kernelc.symbols import x


def balanced(expr: Expr, side: int) -> Expr | None:
    """Ratios of sums of exponentials, in exponentials that are small on that side of 0; None if there are none."""
    e = expr.replace(cosh, lambda a: (exp(a) + exp(-a)) / 2).replace(sinh, lambda a: (exp(a) - exp(-a)) / 2)
    logs: dict[Expr, Expr] = {}
    for node in e.atoms(log):
        if (inner := _ratio(node.args[0], side)) is not None:
            logs[node] = Dummy("log", real=True)
            e = e.xreplace({node: logs[node]})
            logs[logs[node]] = inner[0] + log(inner[1])
    found = _ratio(e, side)
    if found is None and not logs:
        return None
    e = exp(found[0]) * found[1] if found is not None else e
    return e.xreplace({k: v for k, v in logs.items() if isinstance(k, Dummy)})


def _ratio(e: Expr, side: int) -> tuple[Expr, Expr] | None:
    """(a, f) where the expression is exp(a) f, f a ratio of sums of small exponentials that has no zero far out."""
    rates = {node: node.args[0].expand().coeff(x) for node in e.atoms(exp)}
    rates = {f: rate for f, rate in rates.items() if rate.is_number and not (f.args[0] - rate * x).expand().has(x)}
    if not rates:
        return None
    first = next(iter(rates.values()))
    ratios = [rate / first for rate in rates.values()]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    unit = abs(first) * gcd_list(ratios)
    small = Dummy("t", positive=True)
    powers = {f: exp((f.args[0] - rate * x).expand()) * small ** (-side * rate / unit) for f, rate in rates.items()}
    above, below = fraction(together(e.xreplace(powers)))
    try:
        polys = [Poly(part, small) for part in (above, below)]
    except PolynomialError:
        return None
    least = [min(monomial[0] for monomial in poly.monoms()) for poly in polys]
    top, bottom = ((poly.as_expr() / small**k).expand() for poly, k in zip(polys, least, strict=True))
    shrinking = -side * unit * x
    return (least[0] - least[1]) * shrinking, (top / bottom).xreplace({small: exp(shrinking)})
