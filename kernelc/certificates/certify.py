"""``kernelc.certify`` and ``kernelc.verify_certificate``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kernelc.certificates.data import certify_data, verify_data
from kernelc.certificates.record import VERSION, Certificate
from kernelc.certificates.structure import certify_structure, verify_structure
from kernelc.driver import NetworkLike, as_network
from kernelc.errors import InputError
from kernelc.messages import quote

VERIFIERS: dict[str, Callable[[dict[str, Any]], Certificate]] = {"structure": verify_structure, "data": verify_data}


def certify(
    net: NetworkLike,
    get: str = "ntk",
    x: Any = None,
    normalize: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Certificate:
    """Prove or refute that a kernel, "ntk" or "nngp", is positive definite.

    Without ``x``: for all sets of distinct points on every sphere. ``verdict`` is "spd" (every Gram matrix is
    invertible), "psd" (some are not: ``witness``), "finite-rank" (``rank(d)``) or "undecided"; ``proof`` says why.

    With ``x`` (n, d): for these points as they are stored (``normalize`` puts the rows on the sphere first).
    ``verdict`` is "pd", "singular" or "undecided", and ``lower_bound`` ≤ λ_min ≤ ``upper_bound`` of the exact kernel
    matrix, all rounding accounted for. Parameters of the spec are at their defaults.

    Raises SpecError, InputError for points or a kernel that cannot be, UnsupportedError for the NTK of an activation
    that jumps.
    """
    net = as_network(net)
    if get not in ("nngp", "ntk"):
        raise InputError(f"get: expected 'nngp' or 'ntk', found {quote(get)}")
    if x is None:
        return certify_structure(net, get)
    return certify_data(net, x, get, normalize=normalize, progress=progress)


def verify_certificate(text: str) -> Certificate:
    """Check a certificate (the text of its JSON file) from scratch, and return it.

    Raises InputError where the text is no certificate, or claims what cannot be proved again.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError) as error:
        raise InputError(f"expected the text of a certificate in JSON: {error}") from None
    if not isinstance(found, dict) or "kernelc_certificate" not in found:
        raise InputError("expected a certificate of kernelc, a JSON object with the key 'kernelc_certificate'")
    if found["kernelc_certificate"] != VERSION or found.get("kind") not in VERIFIERS:
        raise InputError(
            f"expected a certificate of version {VERSION} and kind {' or '.join(VERIFIERS)}, found version "
            f"{quote(found['kernelc_certificate'])} and kind {quote(found.get('kind'))}"
        )
    return VERIFIERS[found["kind"]](found)
