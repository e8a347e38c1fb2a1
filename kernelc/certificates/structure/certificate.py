"""The structural verdict: is a kernel strictly positive definite, for all point sets on every sphere?

On |x|² = d every NNGP and NTK is k(ρ) = Σ b_k ρ^k with b_k ≥ 0, and (Theorem A) strictly positive definite on S^{d−1},
for one d ≥ 2 or for all of them, if and only if b_k > 0 for infinitely many even and infinitely many odd k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import comb
from typing import Any, ClassVar, Literal

from sympy import Expr

from kernelc.certificates.record import Certificate
from kernelc.certificates.structure import witness as witnesses
from kernelc.certificates.structure.derivation import derivation, no_ntk
from kernelc.certificates.structure.enclosure import Enclosure
from kernelc.certificates.structure.proof import prove
from kernelc.certificates.structure.support import INF, Degrees
from kernelc.certificates.structure.witness import Witness
from kernelc.errors import InputError, SpecError, UnsupportedError
from kernelc.formula import parse_scalar, unparse
from kernelc.network import Network, loads
from kernelc.recursion import derive

Verdict = Literal["spd", "psd", "finite-rank", "undecided"]
Highest = int | Literal["inf"] | None

PYTHON = "# a Python function is in this network, which no spec can hold\n"


@dataclass(frozen=True)
class StructuralCertificate(Certificate):
    """The verdict for all sets of distinct points on |x|² = d, every d ≥ 2.

    ``even_support`` and ``odd_support`` are {k : b_k > 0} for even and odd k, "inf" for an infinite set, None where it
    is not decided; ``even_degree`` and ``odd_degree`` their highest degrees, −2 and −1 for an empty one, which do not
    depend on the radius. ``witness``: points on the unit circle, exact numbers, to be scaled to the sphere, and weights
    ±1, with Σ cᵢcⱼ k(xᵢ, xⱼ) = 0; None where the verdict is "spd" or "undecided", or it takes more than 200 points.
    """

    kind: ClassVar[str] = "structure"

    even_support: Degrees | None
    odd_support: Degrees | None
    even_degree: Highest
    odd_degree: Highest
    witness: Witness | None
    network: Network | None = field(default=None, compare=False, repr=False)

    def rank(self, d: int) -> int:
        """The rank of k on S^{d−1}: the most points whose Gram matrix is invertible. InputError where it is infinite.

        With even degree D and odd degree E it is C(D+d−1, d−1) + C(E+d−1, d−1), absent parts dropped: polynomials on
        the sphere of degree ≤ D and its parity are the homogeneous ones of degree D.
        """
        if isinstance(d, bool) or not isinstance(d, int) or d < 2:
            raise InputError(f"d: expected an integer of at least 2, found {d!r}")
        found = [self.even_degree, self.odd_degree]
        if not all(isinstance(top, int) for top in found):
            raise InputError(f"{self.name}: the rank of its {self.get} is not known to be finite: {self.verdict}")
        return sum(comb(top + d - 1, d - 1) for top in found if isinstance(top, int) and top >= 0)

    def witness_sum(self) -> Expr:
        """Σ cᵢcⱼ k(xᵢ, xⱼ) over the witness, from the derived formula: 0, where SymPy can simplify it to that."""
        return witnesses.exact_sum(derive(self._net), self._get, self._witness)

    def witness_value(self, digits: int = 50) -> tuple[Any, Any]:
        """The same sum in floating point with that many digits, and k(1) to compare it with."""
        return witnesses.numerical_sum(derive(self._net), self._get, self._witness, digits)

    def to_dict(self) -> dict[str, Any]:
        """What :func:`verify_structure` checks."""
        points, weights = self.witness or ((), ())
        return {
            "name": self.name,
            "spec": self.spec,
            "get": self.get,
            "verdict": self.verdict,
            "even_support": _listed(self.even_support),
            "odd_support": _listed(self.odd_support),
            "even_degree": self.even_degree,
            "odd_degree": self.odd_degree,
            "witness": self.witness
            and {"points": [[unparse(p) for p in point] for point in points], "weights": list(weights)},
            "proof": self.proof,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> StructuralCertificate:
        """The certificate of a dict as :meth:`to_dict` writes it; nothing is checked but its form. InputError."""
        try:
            given = found["witness"]
            points = given and tuple((parse_scalar(a), parse_scalar(b)) for a, b in given["points"])
            return cls(
                str(found["name"]),
                str(found["spec"]),
                str(found["get"]),
                str(found["verdict"]),
                str(found["proof"]),
                _unlisted(found["even_support"]),
                _unlisted(found["odd_support"]),
                found["even_degree"],
                found["odd_degree"],
                given and (points, tuple(given["weights"])),
            )
        except (KeyError, TypeError, ValueError, SpecError) as error:
            raise InputError(f"not a structural certificate: {type(error).__name__}: {error}") from None

    @cached_property
    def _net(self) -> Network:
        return self.network or _read(self.spec)

    @property
    def _get(self) -> Literal["nngp", "ntk"]:
        return "nngp" if self.get == "nngp" else "ntk"

    @property
    def _witness(self) -> Witness:
        if self.witness is None:
            raise InputError(f"{self.name}: no witness: {self.verdict}")
        return self.witness


def certify_structure(net: Network, get: str = "ntk") -> StructuralCertificate:
    """The verdict on the NNGP or NTK of a network, parameters at their defaults.

    Raises UnsupportedError where the kernel does not exist: an activation that jumps has no NTK, one that grows too
    fast no NNGP.
    """
    if get not in ("nngp", "ntk"):
        raise InputError(f"get: expected 'nngp' or 'ntk', found {get!r}")
    if get == "ntk" and (reason := no_ntk(net)):
        raise UnsupportedError(reason)
    found = derivation(net)
    known = found.state.ntk if get == "ntk" else found.state.nngp
    m = None if found.doubts else witnesses.polygon(known)
    verdict = "undecided" if found.doubts else judge(known)
    return StructuralCertificate(
        net.name,
        _spec(net),
        get,
        verdict,
        prove(net, get, found, known, verdict, m),
        None if found.doubts else known.even,
        None if found.doubts else known.odd,
        None if found.doubts else known.highest(0),
        None if found.doubts else known.highest(1),
        None if m is None or m > witnesses.LARGEST else witnesses.witness(m),
        net,
    )


def judge(known: Enclosure) -> Verdict:
    """The verdict that the support allows."""
    finite = [upper != INF for upper in (known.upper.even, known.upper.odd)]
    if all(finite):
        return "finite-rank"
    if any(finite):
        return "psd"
    return "spd" if known.lower.even == INF and known.lower.odd == INF else "undecided"


def verify_structure(found: Mapping[str, Any]) -> StructuralCertificate:
    """The certificate of a dict, after the whole derivation was done again from its spec; InputError if they differ."""
    given = StructuralCertificate.from_dict(found)
    again = certify_structure(_read(given.spec), given.get)
    for key, value in again.to_dict().items():
        if found[key] != value:
            short = "" if key == "proof" else f": it says {str(found[key])[:200]}, but it is {str(value)[:200]}"
            raise InputError(f"the certificate does not hold: '{key}' is not what follows from its spec{short}")
    return again


def _spec(net: Network) -> str:
    try:
        return net.dumps()
    except SpecError:
        return PYTHON


def _read(spec: str) -> Network:
    if spec == PYTHON:
        raise InputError("a network with a Python function cannot be read from its certificate")
    return loads(spec, "the certificate's spec")


def _listed(part: Degrees | None) -> Any:
    return sorted(part) if isinstance(part, frozenset) else part


def _unlisted(part: Any) -> Degrees | None:
    if part is None or part == INF:
        return part  # type: ignore[no-any-return]
    return frozenset(int(k) for k in part)
