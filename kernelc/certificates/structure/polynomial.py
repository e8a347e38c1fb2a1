"""Is the even or odd part of an activation a polynomial (almost everywhere)? Proved either way, else not decided.

By the key lemma that decides whether φ has finitely many Hermite coefficients of the parity, for every variance: the
Hermite polynomials are a basis of L²(N(0, q)), and the even ones of its even functions.

Write f for the part (f(x) = (φ(x) ± φ(−x))/2). That f is no polynomial is proved at points at which every switch of φ
holds still, in one of these ways:

* near one point f is a polynomial of the other parity, or near two points two different ones;
* near one point f has a term that no polynomial has (:func:`kernelc.certificates.identity.stray_atom`);
* |φ(x)| ≤ C|x|^g far out, so that as a polynomial f would be Q(x²), or x·Q(x²), of degree ≤ g; but a divided difference
  of order deg Q + 1 is not zero in ball arithmetic.

That it is one is proved by algebra, on every piece of the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from flint import arb, fmpq
from sympy import Expr, Integer, Max, Min, Rational, floor, oo
from sympy import count_ops as operations

from kernelc.certificates.balls import precision
from kernelc.certificates.structure import identity
from kernelc.certificates.structure.far import power_bound
from kernelc.certificates.structure.germ import UndecidedError, germ, value
from kernelc.certificates.structure.identity import Coefficients, as_formula
from kernelc.certificates.structure.settled import settled, turning_points
from kernelc.certificates.structure.signs import exact, sign_of
from kernelc.duals.pieces import pieces
from kernelc.errors import UnsupportedError
from kernelc.foreign import PythonFunction
from kernelc.symbols import x

Parity = Literal[0, 1]
WORD = ("even", "odd")
LIOUVILLE = " (Liouville 1835: the integral of exp(−k²x²) is not elementary; Ostrowski 1946)"

POINTS = tuple(Rational(*pair) for pair in ((61, 97), (3, 7), (13, 5), (1, 23), (29, 3), (211, 2)))
SCALES = tuple(Rational(*pair) for pair in ((1, 1), (5, 1), (1, 11), (31, 1), (401, 1)))
PRECISIONS = (128, 1024)
MAX_ORDER = 120


@dataclass(frozen=True)
class Part:
    """The answer for one part of φ: "infinite" (no polynomial), "polynomial" with its coefficients, or "unknown"."""

    parity: Parity
    kind: Literal["infinite", "polynomial", "unknown"]
    reason: str
    coefficients: tuple[tuple[int, Expr], ...] = ()


@lru_cache(maxsize=512)
def part(phi: Expr, parity: Parity) -> Part:
    """Whether the even (0) or odd (1) part of an activation, a formula without parameters, is a polynomial."""
    phi = exact(phi)
    if phi.atoms(PythonFunction):
        return Part(parity, "unknown", "it is a Python function, of which nothing can be proved")
    known = identity.coefficients(phi)
    if known is not None:
        return _polynomial(parity, {n: c for n, c in known.items() if n % 2 == parity})
    if _is_mirrored(phi, parity):
        return _polynomial(parity, {})
    try:
        found_pieces = pieces(phi)
    except UnsupportedError:
        found_pieces = ()
    places = [*POINTS, *(abs(piece.sample) for piece in found_pieces)]
    reason = _by_germs(phi, parity, places) or _by_differences(phi, parity) or _by_atoms(phi, parity, places, True)
    if reason:
        return Part(parity, "infinite", reason)
    cuts = [*(piece.lo for piece in found_pieces if piece.lo is not -oo), *turning_points(phi)]
    ends = _sorted([Integer(0), *map(abs, cuts)])
    found = _throughout(phi, parity, [*ends, oo]) if ends else None
    if ends and found is not None:
        return _polynomial(parity, found, [*ends, oo])
    return Part(parity, "unknown", f"its {WORD[parity]} part was neither proved to be a polynomial nor to be none")


def _is_mirrored(phi: Expr, parity: Parity) -> bool:
    """Whether SymPy sees by itself that φ(−x) = φ(x), for the odd part, or −φ(x), for the even one."""
    if phi.has(Max, Min):  # they take long to compare
        return False
    return bool(phi.xreplace({x: -x}) == (phi if parity else -phi))


def _polynomial(parity: Parity, found: Coefficients, ends: Sequence[Expr] = ()) -> Part:
    what = f"is {as_formula(found)}, a polynomial" if found else "is zero"
    how = f" (by algebra for x in {' and '.join(f'({lo}, {hi})' for lo, hi in pairwise(ends))})" if ends else ""
    return Part(parity, "polynomial", f"its {WORD[parity]} part {what}{how}", tuple(sorted(found.items())))


def _near(phi: Expr, parity: Parity, t: Rational) -> Expr:
    """The part of φ as an analytic formula near t > 0; raises UndecidedError."""
    mirror = germ(phi, -t).xreplace({x: -x})
    return ((germ(phi, t) + (-mirror if parity else mirror)) / 2).expand()


def _germs(phi: Expr, parity: Parity, places: Iterable[Rational]) -> Iterable[tuple[Rational, Expr]]:
    for t in dict.fromkeys(t for t in places if t):
        try:
            yield t, _near(phi, parity, t)
        except UndecidedError:
            continue


def _by_germs(phi: Expr, parity: Parity, places: Sequence[Rational]) -> str | None:
    """A proof from the formulas near single points that the part is no polynomial."""
    first: tuple[Rational, Coefficients] | None = None
    for t, near in _germs(phi, parity, places):
        p = identity.coefficients(near)
        if p is None:
            continue
        if any(n % 2 != parity for n in p):
            return (
                f"near x = {t} its {WORD[parity]} part is {as_formula(p)}, which no polynomial that is {WORD[parity]} "
                "equals on an interval"
            )
        if first is not None and _different(first[1], p):
            return (
                f"near x = {first[0]} its {WORD[parity]} part is {as_formula(first[1])}, "
                f"but near x = {t} it is {as_formula(p)}: no polynomial is both"
            )
        first = first or (t, p)
    return _by_atoms(phi, parity, places, False)


def _by_atoms(phi: Expr, parity: Parity, places: Sequence[Rational], with_erf: bool) -> str | None:
    for t, near in _germs(phi, parity, places):
        stray = identity.stray_atom(near, with_erf=with_erf)
        if stray is not None:
            return (
                f"near x = {t} its {WORD[parity]} part has the term {stray}, and the functions xⁿ·exp(a·x² + b·x)"
                f"{' and their products with erf(k·x)' if with_erf else ''} are linearly independent on every "
                f"interval, so it is no polynomial{LIOUVILLE if with_erf else ''}"
            )
    return None


def _different(one: Coefficients, two: Coefficients) -> bool:
    zero = Integer(0)
    return any(sign_of(one.get(n, zero) - two.get(n, zero)) in (1, -1) for n in {*one, *two})


def _by_differences(phi: Expr, parity: Parity) -> str | None:
    """A divided difference that would vanish for a polynomial, and does not."""
    g = power_bound(phi)
    if g is None or g > MAX_ORDER:
        return None
    degree = int(floor((g - parity) / 2))  # of Q; -1 for an odd part that would have to be zero
    for scale in SCALES:
        nodes = [scale * Rational(17 * i + 9, 16 * (degree + 2)) for i in range(degree + 2)]
        for bits in PRECISIONS:
            with precision(bits):
                try:
                    found = divided_difference([(t, _part_value(phi, parity, t)) for t in nodes], parity)
                except UndecidedError:
                    break
                if found > 0 or found < 0:
                    return _difference_text(parity, g, degree, nodes, found)
    return None


def _part_value(phi: Expr, parity: Parity, t: Rational) -> arb:
    right, left = value(phi, t), value(phi, -t)
    return (right - left if parity else right + left) / 2


def divided_difference(values: Sequence[tuple[Rational, arb]], parity: Parity) -> arb:
    """The divided difference of Q at the points u = t², from f(t) = Q(t²) (even) or t·Q(t²) (odd)."""
    total = arb(0)
    for i, (t, f) in enumerate(values):
        weight = t if parity else Integer(1)
        for j, (other, _) in enumerate(values):
            weight *= t**2 - other**2 if i != j else 1
        total += f / fmpq(int(weight.p), int(weight.q))
    return total


def _difference_text(parity: Parity, g: Rational, degree: int, nodes: Sequence[Rational], found: arb) -> str:
    at = ", ".join(map(str, nodes[:4])) + (", …" if len(nodes) > 4 else "")
    if degree < 0:
        return (
            f"|φ(x)| ≤ C·|x|^{g} for large |x|, so if its odd part were a polynomial, it would be zero; but its value "
            f"at x = {at}, over x, lies in {found}"
        )
    form = "x·Q(x²)" if parity else "Q(x²)"
    return (
        f"|φ(x)| ≤ C·|x|^{g} for large |x|, so if its {WORD[parity]} part were a polynomial, it would be {form} with "
        f"deg Q ≤ {degree}; but the divided difference of Q of order {degree + 1} at x² for x = {at} lies in {found}, "
        "and is not zero"
    )


def _throughout(phi: Expr, parity: Parity, ends: Sequence[Expr]) -> Coefficients | None:
    """The polynomial that the part is between neighbours of 0 = ends[0] < ... < ∞, but for finitely many points."""
    first: Coefficients | None = None
    for lo, hi in pairwise(ends):
        right, left = settled(phi, lo, hi), settled(phi, -hi, -lo)
        if right is None or left is None:
            return None
        mirror = left.xreplace({x: -x})
        f = (right - mirror if parity else right + mirror) / 2
        p = identity.polynomial(f, _inside(f, lo, hi))
        if p is None or any(n % 2 != parity for n in p):
            return None
        if first is not None and (as_formula(first) - as_formula(p)).expand() != 0:
            return None
        first = p
    return first


def _sorted(ends: Sequence[Expr]) -> list[Expr] | None:
    """Exact numbers in increasing order, each once; None where their order is not decided."""
    found: list[Expr] = []
    for end in ends:
        signs = [sign_of(end - other) for other in found]
        if None in signs or operations(end) > 50:
            return None
        if 0 not in signs:
            found.insert(sum(s == 1 for s in signs), end)
    return found


def _inside(f: Expr, lo: Expr, hi: Expr) -> Rational:
    """A fraction in the interval, or 0 where the interval begins there and the formula is analytic at 0 as well."""
    if lo == 0:
        with suppress(UndecidedError):
            value(f, lo)
            return lo
    if hi is oo:
        return Integer(floor(lo)) + 1
    width = hi - lo
    steps = Integer(floor(2 / width)) + 1
    return Rational(floor(lo * steps) + 1, steps)
