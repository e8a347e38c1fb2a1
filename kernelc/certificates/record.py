"""What a certificate is, whatever it certifies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

VERSION = 1


@dataclass(frozen=True)
class Certificate:
    """A verdict on a kernel, with all that is needed to check it again.

    ``spec`` is the network's canonical TOML and ``get`` the kernel, "nngp" or "ntk". ``verdict`` is "spd", "psd",
    "finite-rank" or "undecided" for all point sets on every sphere, "pd", "singular" or "undecided" for given data.
    ``proof`` says why, in words and formulas.
    """

    kind: ClassVar[str]

    name: str
    spec: str
    get: str
    verdict: str
    proof: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts: what ``to_json`` writes."""
        raise NotImplementedError

    def to_json(self) -> str:
        """The certificate as a file that ``kernelc certify --verify`` checks from scratch."""
        found = {"kernelc_certificate": VERSION, "kind": self.kind, **self.to_dict()}
        return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
