"""How supports and derivations are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelc.certificates.structure.enclosure import Enclosure
from kernelc.certificates.structure.support import INF, Degrees
from kernelc.roll import roll

LONG = 8  # degrees written out


@dataclass(frozen=True)
class Line:
    """What one layer does: its description and the supports after it; a heading without supports."""

    what: str
    nngp: Enclosure | None
    ntk: Enclosure | None
    depth: int = 0

    def text(self, get: str) -> str:
        """The line, indented as deep as its block."""
        indent = "  " * self.depth
        if self.nngp is None or self.ntk is None:
            return f"{indent}{self.what}"
        tangent = f"; Θ: {shown(self.ntk)}" if get == "ntk" else ""
        return f"{indent}{self.what}.  K: {shown(self.nngp)}{tangent}"


def shown(known: Enclosure) -> str:
    """Both parts of a support: "even {0, 2}, odd ∞"."""
    if known.zero:
        return "0"
    return f"even {_part(known, 0)}, odd {_part(known, 1)}"


def _part(known: Enclosure, parity: int) -> str:
    found = known.odd if parity else known.even
    if found is not None:
        return degrees(found)
    lower, upper = (known.lower.odd, known.upper.odd) if parity else (known.lower.even, known.upper.even)
    top = known.highest(1 if parity else 0)
    if top is None:
        sure = f"; surely {degrees(lower)}" if lower else ""
        return f"not decided{sure}" if upper == INF else f"not decided, within {degrees(upper)}{sure}"
    return f"{{…, {top}}}, some lower degrees not decided"


def degrees(part: Degrees) -> str:
    """A set of degrees: ∞ for infinitely many."""
    if part == INF:
        return "∞"
    if not part:
        return "∅"
    names = [str(k) for k in sorted(part)]
    return "{" + ", ".join(names if len(names) <= LONG else [*names[:3], "…", *names[-2:]]) + "}"


def numbered(lines: Sequence[Line], get: str) -> list[str]:
    """The lines with numbers; equal stretches are written once, and how often they come."""
    text: list[str] = []
    at = 1
    for count, body in roll([line.text(get) for line in lines]):
        if count > 1:
            text.append(f"  ({count} times the same, lines {at} to {at + count * len(body) - 1}:)")
        text += [f"  {at + i}. {line}" for i, line in enumerate(body)]
        at += count * len(body)
    return text
