"""The smooth pass: a formula without switches as a sum of atoms.

sin, cos, sinh and cosh become exponentials; the arguments of exp must be polynomials of degree ≤ 2 in x, all others
linear. Whatever else a formula holds is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from sympy import (
    Add,
    Expr,
    Float,
    Integer,
    Mul,
    Poly,
    PolynomialError,
    Rational,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    sin,
    sinh,
)  # fmt: skip

from kernelc.duals.atoms import HARD, AtomSum, Kind, collect, formula, soft, tidy
from kernelc.duals.branches import LEFT, RIGHT, branch
from kernelc.duals.complexes import ZERO, Complex, real
from kernelc.duals.refusal import SERIES, SPECIAL, refuse
from kernelc.errors import UnsupportedError
from kernelc.symbols import x

MAX_DEGREE = 64
MAX_KINDS = 24

PLAIN = Kind(ZERO, real(0), None)


def normal_form(phi: Expr) -> AtomSum:
    """An activation as a sum of atoms; a kink at 0 becomes the average + ½·difference·sgn(x): parity kills terms."""
    phi = phi.replace(lambda node: isinstance(node, Float), lambda node: Rational(str(node)))
    left, right = branch(phi, LEFT), branch(phi, RIGHT)
    total = smooth(right)
    if left != right:
        half = Integer(1) / 2
        minus, plus = smooth(left).scale(half), total.scale(half)
        total = plus + minus + (plus + minus.scale(-1)).gated()
    for atom in total:
        if atom[1] > _max_degree(atom[0]):
            raise refuse(formula(*atom), f"a degree above {_max_degree(atom[0])}")
    return total


def _max_degree(kind: Kind) -> int:
    if kind.a == 0 and not kind.b and kind.gate in (None, HARD):
        return 32 if kind.gate else MAX_DEGREE
    return 8 if kind.b else 12


def smooth(phi: Expr) -> AtomSum:
    """A formula without switches as a sum of atoms."""
    if not phi.has(x):
        return constant(phi)
    if phi == x:
        return collect([(PLAIN, 1, real(1))])
    rule = RULES.get(type(phi)) or (_power if phi.is_Pow else None)
    if rule is None:
        raise _unknown(phi)
    total = rule(phi)
    if len(total.terms) > MAX_KINDS or any(n > MAX_DEGREE for _, n, _ in total):
        raise refuse(phi, f"more than {MAX_KINDS} exponentials, or a degree above {MAX_DEGREE}")
    return total


def constant(value: Expr) -> AtomSum:
    """A number, or a parameter."""
    if value.is_extended_real is False or value.is_finite is False:
        raise refuse(value, "not a real number")
    return collect([(PLAIN, 0, real(value))])


def _sum(phi: Expr) -> AtomSum:
    return reduce(AtomSum.__add__, map(smooth, phi.args))


def _product(phi: Expr) -> AtomSum:
    return reduce(AtomSum.__mul__, map(smooth, phi.args))


def _power(phi: Expr) -> AtomSum:
    base, power = phi.args
    if not base.has(x):
        if not base.is_positive:
            raise refuse(phi, "a power of a base that is not positive")
        return _exp(exp(power * log(base), evaluate=False))
    if power.is_Integer and power > 0:
        if power > MAX_DEGREE:
            raise refuse(phi, f"a degree above {MAX_DEGREE}")
        return reduce(AtomSum.__mul__, [smooth(base)] * int(power))
    if power.is_Integer:
        return _reciprocal(phi, smooth(base), int(-power))
    if power.is_number:
        raise refuse(phi, f"a power that is no whole number; {SPECIAL}")
    raise refuse(phi, "a symbolic power")


def _reciprocal(phi: Expr, base: AtomSum, power: int) -> AtomSum:
    atoms = list(base)
    if len(atoms) == 1 and atoms[0][0].gate is None and atoms[0][1] == 0 and atoms[0][0].b.im == 0:
        kind, _, value = atoms[0]
        inverse = Kind(-power * kind.a, kind.b.scale(-power), None)
        return collect([(inverse, 0, real(value.re**-power))])
    if all(kind == PLAIN for kind, _, _ in atoms):
        raise refuse(phi, f"a ratio of polynomials; {SERIES}")
    raise refuse(phi, f"a ratio of exponentials; {SERIES}")


def _exp(phi: Expr) -> AtomSum:
    c0, c1, c2 = _polynomial(phi, 2)
    return collect([(Kind(c2, real(c1), None), 0, real(exp(c0)))])


def _pair(b: Complex, plus: Complex, minus: Complex) -> AtomSum:
    """plus·e^{bx} + minus·e^{−bx}."""
    return collect([(Kind(ZERO, b, None), 0, plus), (Kind(ZERO, -b, None), 0, minus)])


def _sin(phi: Expr) -> AtomSum:
    phase, w = _polynomial(phi, 1)
    plus = Complex(sin(phase) / 2, -cos(phase) / 2)
    return _pair(Complex(ZERO, w), plus, plus.conjugate())


def _cos(phi: Expr) -> AtomSum:
    phase, w = _polynomial(phi, 1)
    plus = Complex(cos(phase) / 2, sin(phase) / 2)
    return _pair(Complex(ZERO, w), plus, plus.conjugate())


def _sinh(phi: Expr) -> AtomSum:
    m, k = _polynomial(phi, 1)
    return _pair(real(k), real(exp(m) / 2), real(-exp(-m) / 2))


def _cosh(phi: Expr) -> AtomSum:
    m, k = _polynomial(phi, 1)
    return _pair(real(k), real(exp(m) / 2), real(exp(-m) / 2))


def _erf(phi: Expr) -> AtomSum:
    m, k = _polynomial(phi, 1)
    if m != 0:
        raise refuse(phi, f"a soft gate off the origin; {SPECIAL}")
    orientation = -1 if k.could_extract_minus_sign() else 1
    return collect([(Kind(ZERO, real(0), soft(orientation * k)), 0, real(orientation))])


def _erfc(phi: Expr) -> AtomSum:
    return constant(Integer(1)) + _erf(erf(phi.args[0])).scale(-1)


def _polynomial(phi: Expr, degree: int) -> list[Expr]:
    """The coefficients of the argument, lowest first, if it is a polynomial of at most this degree."""
    try:
        poly = Poly(phi.args[0], x)
    except PolynomialError:
        poly = None
    if poly is None or poly.degree() > degree:
        shape = "linear" if degree == 1 else "a polynomial of degree ≤ 2"
        raise refuse(phi, f"its argument is not {shape} in x; {SERIES}")
    return [tidy(poly.coeff_monomial(x**n)) for n in range(degree + 1)]


def _unknown(phi: Expr) -> UnsupportedError:
    name = type(phi).__name__
    if name in {"tanh", "coth", "tan", "cot", "sec", "csc", "sech", "csch"}:
        return refuse(phi, f"a ratio of exponentials; {SERIES}")
    if name == "log":
        return refuse(phi, f"a logarithm; {SERIES}")
    return refuse(phi, f"{name} is no sum of xⁿ·exp(ax² + bx), sgn(x) and erf(kx) times these; {SERIES}")


RULES: dict[type, Callable[[Expr], AtomSum]] = {
    Add: _sum, Mul: _product, exp: _exp, sin: _sin, cos: _cos, sinh: _sinh, cosh: _cosh, erf: _erf, erfc: _erfc,
}  # fmt: skip
