"""What can be read off an activation without its dual: homogeneity, sign, and where its second moment is finite."""

from __future__ import annotations

from sympy import And, Dummy, Expr
from sympy.logic.boolalg import Boolean

from kernelc.duals.atoms import HARD, AtomSum
from kernelc.duals.branches import LEFT, RIGHT, branch
from kernelc.symbols import q1, x


def homogeneity(atoms: AtomSum) -> int | None:
    """k where φ(tx) = tᵏφ(x) for all t > 0, else None."""
    degrees = {n if kind.a == 0 and not kind.b and kind.gate in (None, HARD) else None for kind, n, _ in atoms}
    return degrees.pop() if len(degrees) == 1 else None


def is_nonnegative(phi: Expr) -> bool:
    """Whether SymPy's assumptions prove φ(x) ≥ 0 on both half-lines."""
    t = Dummy("t", positive=True)
    return all(branch(phi, side).xreplace({x: side * t}).is_nonnegative is True for side in (LEFT, RIGHT))


def domain(atoms: AtomSum) -> Boolean:
    """The condition on q = E[u²] under which E[φ(u)²] is finite."""
    return guard({kind.a for kind in atoms.terms})


def guard(growth: set[Expr]) -> Boolean:
    """The condition on q for a sum of terms that grow like e^{a x²}, a in ``growth``."""
    known = [a for a in growth if a.is_positive]
    unknown = [a for a in growth if a.is_positive is None]
    return And(*[4 * a * q1 < 1 for a in unknown], *[q1 < 1 / (4 * max(known)) for _ in known[:1]])
