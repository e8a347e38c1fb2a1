"""Which activations have a dual at all: where E[φ(u)²] and E[φ'(u)²] are finite.

Two things can make a second moment infinite. φ may grow like e^{a x²}: then it is finite for q < 1/(4a) alone, and for
no q at all if φ grows faster still. Or φ may be infinite at a point, as 1/x is: then |φ|² is integrable there only
where |φ| is less steep than |x|^(−1/2). Both are measured, far out (``tails``) and close by (``singular``), so that
any formula will do.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sympy import DiracDelta, Expr, I, Max, Rational, cos, cosh, exp, preorder_traversal, sin, sinh, true
from sympy.logic.boolalg import Boolean

from kernelc.duals.facts import domain
from kernelc.duals.singular import NO_NTK, no_dual, sample, shown, singularities
from kernelc.duals.smooth import normal_form
from kernelc.duals.tails import FasterThanGaussianError, UnknownGrowthError, rate
from kernelc.errors import UnsupportedError
from kernelc.symbols import q1, x


@dataclass(frozen=True)
class Growth:
    """How an activation grows, and what that allows.

    ``rate`` is the a of φ ~ e^{a x²}, 0 for anything slower; ``domain`` is the condition on q1 under which E[φ(u)²]
    (and E[φ'(u)²], where it exists) is finite; ``ntk_reason`` says why E[φ'(u)²] is infinite for every q, None where
    it is not; ``singular`` holds the places where φ jumps or is infinite or infinitely steep, those nearest to 0.
    """

    rate: Expr
    domain: Boolean
    ntk_reason: str | None
    singular: tuple[Expr, ...] = ()


def growth(phi: Expr) -> Growth:
    """The growth of any activation; UnsupportedError where E[φ(u)²] is infinite for every q.

    >>> growth(exp(x**2 / 4)).domain
    q1 < 1
    """
    places, ntk_reason = singularities(phi)
    if phi.free_symbols - {x}:
        return Growth(*_parametric(phi), ntk_reason, places)
    a = _rate(phi)
    try:
        steepest = max(a, _slope_rate(phi))
    except FasterThanGaussianError:
        steepest, ntk_reason = a, f"the derivative of {shown(phi)} grows faster than exp(a*x**2) for every a: {NO_NTK}"
    return Growth(a, _guard(steepest), ntk_reason, places)


def _guard(a: Expr) -> Boolean:
    return true if a == 0 else q1 < 1 / (4 * a)


def _parametric(phi: Expr) -> tuple[Expr, Boolean]:
    """Rate and domain with parameters in them: only where they are symbols, or where there is no guard."""
    try:
        atoms = normal_form(phi)
        return Max(0, *[kind.a for kind in atoms.terms]), domain(atoms)
    except UnsupportedError:
        a = max(_rate(numeric) for numeric in _samples(phi))
    if a != 0:
        raise no_dual(phi, "E[φ(u)²] is finite for small q only, how small depends on a parameter; give it a number")
    return a, true


def _samples(phi: Expr) -> list[Expr]:
    """φ with positive and with negative parameters, where it is real for both."""
    found = [phi.xreplace(sample(phi))]
    with suppress(TypeError, ValueError):  # SymPy's, when it compares what is not real
        negative = phi.xreplace(sample(phi, -1))
        found += [negative] if not negative.has(I) else []
    return found


def _rate(phi: Expr) -> Expr:
    try:
        return rate(phi)
    except FasterThanGaussianError:
        node = _culprit(phi)
        what = "it grows" if node == phi else f"{shown(phi)} grows with it"
        raise no_dual(
            node,
            f"E[φ(u)²] is infinite for every q = E[u²], because {what} faster than exp(a*x**2) for every a; "
            "the argument of exp may be at most quadratic, as in exp(x**2/4), which needs q < 1",
        ) from None
    except UnknownGrowthError as error:
        reason = str(error) or "cannot tell how fast it grows, so not whether E[φ(u)²] is finite"
        raise no_dual(phi, reason) from None


def _culprit(phi: Expr) -> Expr:
    """The smallest exponential or power in φ that outgrows every Gaussian; φ itself if there is none."""
    found = phi
    for node in preorder_traversal(phi):
        if isinstance(node, exp | cosh | sinh) or (node.is_Pow and node.exp.has(x)):
            try:
                rate(node)
            except FasterThanGaussianError:
                found = node if found == phi or found.has(node) else found
            except UnknownGrowthError:
                continue
    return found


def _slope_rate(phi: Expr) -> Expr:
    """The rate of φ', which only waves of a fast phase, such as sin(exp(x**2)), can have larger than that of φ."""
    if not any(isinstance(node, sin | cos) and not node.args[0].is_polynomial(x) for node in phi.atoms(sin, cos)):
        return Rational(0)
    slope = phi.diff(x)
    try:
        return rate(slope.replace(DiracDelta, lambda *_: Rational(0)))
    except UnknownGrowthError:
        raise no_dual(phi, "cannot tell how fast its derivative grows") from None
