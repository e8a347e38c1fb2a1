"""What a study says in the end: the statement, what was measured, and whether it is seen to hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

Verdict = Literal["holds", "refuted", "undecided"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """``measured`` is one sentence with the numbers that the verdict rests on."""

    statement: str
    measured: str
    verdict: Verdict


def joint(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a statement of several parts.

    >>> joint(["holds", "undecided"])
    'undecided'
    """
    return "refuted" if "refuted" in verdicts else "undecided" if "undecided" in verdicts else "holds"


def as_dict(study: str, report: Any) -> dict[str, object]:
    """A report for programs: all its numbers, and the finding's three fields among them."""
    values = dataclasses.asdict(report)
    return {"study": study, **values.pop("finding"), **values}
