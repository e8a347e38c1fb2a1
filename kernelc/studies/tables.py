"""The table of each study: what its report says, row by row, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelc.studies.drift import Drift
from kernelc.studies.fit import Mean
from kernelc.studies.jacot import Jacot
from kernelc.studies.lemma2 import Lemma2
from kernelc.studies.rate import Rate

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def table(report: Any) -> Table:
    """The names of the columns, and the rows."""
    match report:
        case Rate():
            return _rate(report)
        case Lemma2():
            return _lemma2(report)
        case Drift():
            return _drift(report)
        case Jacot():
            return _jacot(report)
    raise TypeError(f"no table for {type(report).__name__}")


def _rate(report: Rate) -> Table:
    rows = [
        (str(m), f"{mean.value:.4g} ± {mean.error:.2g}", f"{mean.value / report.limit_norm:.1%}")
        for m, mean in zip(report.widths, report.means, strict=True)
    ]
    return ("width", "‖H(0) − H*‖₂", "of ‖H*‖₂"), rows


def _lemma2(report: Lemma2) -> Table:
    rows = []
    for t in report.tolerances:
        here = t.at_the_lemma
        failed = f"{here.failures} of {report.trials}"
        rows.append((f"{t.epsilon:g}", str(t.width), failed, f"{here.upper:.2g}", str(t.enough or "none")))
    return ("ε", "m of the lemma", "fail", "P(fail) at most, 95%", f"m that gives {report.delta:g}"), rows


def _drift(report: Drift) -> Table:
    rows = [
        (str(m), *(f"{row[-1].value:.3g} ± {row[-1].error:.1g}" for row in found))
        for m, *found in zip(report.widths, report.frobenius, report.spectral, report.loss, strict=True)
    ]
    return ("width", "‖H(t) − H(0)‖_F/‖H(0)‖_F", "the same of ‖·‖₂", "loss"), rows


def _jacot(report: Jacot) -> Table:
    rows = [
        (
            str(w.width),
            _percent(w.distance),
            _percent(w.change),
            f"{w.growth.value:.3f} ± {w.growth.error:.3f}",
            f"{w.loss[0].value:.2g} to {w.loss[1].value:.2g}",
        )
        for w in report.widths
    ]
    return ("width", "off Θ_∞ at t = 0", f"change in {report.steps} steps", "Θ(x0, x0) grows by", "loss"), rows


def _percent(mean: Mean) -> str:
    return f"{mean.value:.1%} ± {mean.error:.1%}"
