"""Whether an analytic formula is a polynomial on an interval, proved by algebra; and whether it is none, by atoms.

*It is one*: by expansion, after exponentials were replaced by independent symbols, or because its derivative is one
(f' = p implies f = ∫p + f(t) − ∫p(t)): so log(1 + eˣ) − log(1 + e⁻ˣ) = x.

*It is none*: on the class Σ c·xⁿ·e^{ax²+bx}·[1 or erf(kx)], whose functions are linearly independent on every interval
(for erf: ∫e^{−k²x²} is not elementary by Liouville 1835, and integrals of distinct e^{−k²x²} are algebraically
independent over the elementary ones by Ostrowski 1946), one term that is no power of x suffices.
"""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Add, Dummy, Expr, Integer, PolynomialError, Rational, cancel, cosh, exp, sinh, tanh

from kernelc.certificates.structure.signs import sign_of
from kernelc.duals.atoms import AtomSum, Kind, formula
from kernelc.duals.smooth import PLAIN, smooth
from kernelc.errors import UnsupportedError
from kernelc.symbols import x

Coefficients = Mapping[int, Expr]
"""A polynomial: degree → coefficient that is proved not to be zero."""

DEEPEST = 4  # how often a formula is differentiated
LARGEST = 100  # operations: longer formulas are not tried


def polynomial(f: Expr, t: Rational) -> Coefficients | None:
    """The coefficients of a formula that is analytic near ``t``, if algebra shows that it is a polynomial there."""
    return _polynomial(f, t, DEEPEST)


def coefficients(f: Expr) -> Coefficients | None:
    """The coefficients of an expression that is a polynomial in x by its form."""
    f = f.expand()
    if not f.is_polynomial(x):
        return None
    found: dict[int, Expr] = {}
    for (n,), value in f.as_poly(x).terms() if f.has(x) else [((0,), f)]:
        sign = sign_of(value)
        if sign is None:
            return None
        if sign:
            found[n] = value
    return found


def as_formula(p: Coefficients) -> Expr:
    """The polynomial as an expression."""
    return Add(*(value * x**n for n, value in p.items()))


def _polynomial(f: Expr, t: Rational, depth: int) -> Coefficients | None:
    if f.count_ops() > LARGEST:
        return None
    plain = _reduced(f)
    found = coefficients(plain)
    if found is not None or not depth:
        return found
    slope = _polynomial(plain.diff(x), t, depth - 1)
    if slope is None:
        return None
    primitive = Add(*(value * x ** (n + 1) / (n + 1) for n, value in slope.items()))
    return coefficients(primitive + (plain - primitive).xreplace({x: t}).expand())


def _reduced(f: Expr) -> Expr:
    """A rational function of x and exponentials in lowest terms, where it is one."""
    f = f.replace(lambda e: isinstance(e, sinh | cosh | tanh), lambda e: e.rewrite(exp)).expand()
    if not f.has(exp):
        return cancel(f) if f.is_rational_function(x) else f
    exponents = sorted({(e.exp / x).expand() for e in f.atoms(exp) if e.has(x)}, key=str)
    names: dict[Expr, tuple[Expr, int]] = {}
    for rate in exponents:
        base = next((b for b in names if (rate / b).is_Integer), None)
        names[rate] = (names[base][0], int(rate / base)) if base is not None else (Dummy("E", positive=True), 1)
    hidden = f.xreplace({exp(rate * x): name**k for rate, (name, k) in names.items()})
    try:
        reduced = cancel(hidden.together())
    except (PolynomialError, NotImplementedError):
        return f
    shown = {name: exp(rate * x) for rate, (name, k) in names.items() if k == 1}
    return reduced.xreplace(shown)


def stray_atom(f: Expr, *, with_erf: bool) -> Expr | None:
    """A term of the formula that is no power of x, and that nothing cancels: the formula is no polynomial.

    None where the formula is outside of the class, or has no such term.
    """
    try:
        atoms = smooth(f)
    except UnsupportedError:
        return None
    for kind, powers in atoms.terms.items():
        if kind == PLAIN or (kind.gate and not with_erf) or not _isolated(kind, atoms):
            continue
        for n, value in powers.items():
            if sign_of(value.re) in (1, -1) or sign_of(value.im) in (1, -1):
                return formula(kind, n, value)
    return None


def _isolated(kind: Kind, atoms: AtomSum) -> bool:
    """Whether the kind is proved to differ from all the others, and from powers of x."""
    return all(_differ(kind, other) for other in [*atoms.terms, PLAIN] if other != kind)


def _differ(one: Kind, two: Kind) -> bool:
    if (one.gate is None) != (two.gate is None):
        return True
    pairs = [(one.a, two.a), (one.b.re, two.b.re), (one.b.im, two.b.im)]
    if one.gate and two.gate:  # erf(−kx) = −erf(kx)
        pairs.append((one.gate.slope**2, two.gate.slope**2))
    return any(sign_of(Integer(0) + first - second) in (1, -1) for first, second in pairs)
