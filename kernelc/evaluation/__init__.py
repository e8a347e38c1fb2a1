"""How a compiled kernel evaluates each activation: by straight-line code, a table, a closed form, or quadrature.

* The exact tier is straight-line code.
* A **table** serves activations whose only kink, if any, is at 0, for variances in a range: about 100 ns a pair.
* A **closed** form (special tier) serves the others that have one: with a kink off the origin E[φ'φ'] has a cone at
  nearly equal rows, which no polynomial follows.
* **Quadrature**, pair by pair, serves the rest; it is slow.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from kernelc.duals import Dual
from kernelc.duals.numpy_code import Numeric, numeric
from kernelc.errors import InputError, LoweringError, UnsupportedError
from kernelc.evaluation.closed import formulas
from kernelc.evaluation.powers import power_attachment
from kernelc.evaluation.quadrature import NODES, measured_error
from kernelc.evaluation.sound import Soundness, soundness
from kernelc.foreign import PythonFunction
from kernelc.program import Attachment
from kernelc.steps import ActivationStep
from kernelc.tables import Table, definition, lookup

Method = Literal["auto", "table", "closed"]
METHODS = ("auto", "table", "closed")
USELESS = 1e-9  # an error of quadrature beyond this is refused
EXPONENTIAL = "it grows exponentially"
CHEAP = 2e8  # values of φ that a table may take where there is a closed form to fall back on
STEEP = 60.0  # log|φ(±1000)| beyond which φ counts as exponential: its dual is too sharp in the angle for a table


class QRangeRefusal(UnsupportedError):  # noqa: N818 (it is an UnsupportedError to users)
    """An activation that cannot be evaluated over the range asked for, but perhaps over a narrower one."""


@dataclass(frozen=True)
class Evaluated:
    """One activation of a network: what evaluates it, how, and with what error relative to √(E11 E22)."""

    label: str
    dual: Dual
    attachment: Attachment
    method: str
    error: float

    @property
    def slow_at_small_angles(self) -> bool:
        """Whether nearly parallel pairs are integrated one by one: a table over all angles has ten thousand of them."""
        return "polar" in self.attachment.runtime


def evaluate(
    steps: Iterable[ActivationStep],
    method: Method,
    q_range: tuple[float, float],
    progress: Callable[[float], None] | None = None,
) -> tuple[Evaluated, ...]:
    """The attachments for the activations without straight-line code, each once.

    Raises UnsupportedError where the method asked for does not serve an activation.
    """
    labels = {step.dual: step.label for step in steps if step.dual.tier != "exact"}
    found: list[Evaluated] = []
    for dual, label in labels.items():
        name = _name(label, [e.attachment.name for e in found])
        found.append(_evaluated(label, name, dual, method, q_range, progress))
    return tuple(found)


def _evaluated(
    label: str,
    name: str,
    dual: Dual,
    method: Method,
    q_range: tuple[float, float],
    progress: Callable[[float], None] | None,
) -> Evaluated:
    phi = numeric(dual.phi)
    power = power_attachment(name, label, dual) if method != "table" else None
    if power:
        return Evaluated(label, dual, power[0], "closed", power[1])
    reason = why_no_table(phi)
    if method == "closed" and not dual.closed:
        raise UnsupportedError(f"activation '{label}': no closed form: {dual.node_reason}")
    if not reason and method != "closed":
        try:
            work = {"work": CHEAP} if dual.closed and method == "auto" else {}
            table = lookup(dual.phi, q_range, progress=progress, **work)
            return Evaluated(label, dual, _table(name, label, table), "table", table.error)
        except UnsupportedError as refusal:
            reason = str(refusal)
    if method == "table":
        raise QRangeRefusal(f"activation '{label}': no table for q_range = {q_range}: {reason}")
    if isinstance(dual.phi, PythonFunction):
        raise QRangeRefusal(
            f"activation '{label}': {reason}; a Python function is evaluated by a table: write a formula"
        )
    if dual.closed:
        try:
            attachment, error = _closed(name, dual, phi, q_range, reason == EXPONENTIAL)
            return Evaluated(label, dual, attachment, "closed", error)
        except LoweringError:
            if method == "closed":
                raise
    return Evaluated(label, dual, _polar(name, phi), "quadrature", _quadrature_error(label, phi, q_range, reason))


def _quadrature_error(label: str, phi: Numeric, q_range: tuple[float, float], reason: str) -> float:
    """The error of quadrature; UnsupportedError where it is of no use."""
    error = measured_error(phi, q_range)
    if not error <= USELESS:
        if phi.steep and measured_error(replace(phi, integrable=False), q_range) <= USELESS:
            raise UnsupportedError(
                f"activation '{label}': its derivative is infinite at a kink off the origin, and too steep for "
                f"quadrature, whose error is {error:.0e}; a power of abs(x - a) may be 0.8 or more"
            )
        raise QRangeRefusal(
            f"activation '{label}': neither a table ({reason}) nor quadrature, whose error is {error:.0e}, serves "
            f"q_range = {q_range}; choose a narrower one"
        )
    return error


def why_no_table(phi: Numeric) -> str:
    """Why a table does not serve an activation ('' where it does)."""
    away = [kink for kink in phi.kinks if kink != 0]
    if away:
        return f"it has a kink off the origin, at {away[0]:.6g}"
    if phi.jumps or phi.singular:
        return "it jumps, or is infinitely steep somewhere"
    with np.errstate(all="ignore"):
        size = np.log(np.abs(phi.value(np.array([-1000.0, 1000.0]))))
    return EXPONENTIAL if not (size < STEEP).all() else ""


def _name(label: str, taken: list[str]) -> str:
    word = re.match(r"[A-Za-z_][A-Za-z0-9_]*(?=\(|$)", label)
    base = f"dual_{word[0]}" if word and label != word[0] + "(x)" else "dual_phi"
    candidates = (base if n == 1 else f"{base}_{n}" for n in range(1, len(taken) + 2))
    return next(name for name in candidates if name not in taken)


def _table(name: str, label: str, table: Table) -> Attachment:
    return Attachment(name, definition(name, label, table), "", ("table",))


def _polar(name: str, phi: Numeric) -> Attachment:
    text = f"{name} = PolarDual({_quadrature(name, phi)})"
    return Attachment(name, text, phi.source(f"{name}_phi"), ("special", "elementary", "polar", "closed"))


def _closed(
    name: str, dual: Dual, phi: Numeric, q_range: tuple[float, float], exponential: bool
) -> tuple[Attachment, float]:
    texts, names = formulas(name, dual)
    alone = Soundness(0.0, math.inf, False, dual.error_bound)
    found = alone if exponential else soundness(texts, names, phi, q_range)
    polar = _quadrature(name, phi) if found.polar else "None"
    low, high = ("np.inf" if math.isinf(s) else repr(s) for s in (found.low, found.high))  # low: nowhere
    sound = f"({low}, {high})"
    text = f"{name} = ClosedDual({', '.join(names)}, {polar}, {phi.at_zero!r}, sound={sound})"
    functions = f"{texts}\n\n\n{phi.source(f'{name}_phi')}"
    return Attachment(name, text, functions, ("special", "elementary", "polar", "closed")), found.error


def _quadrature(name: str, phi: Numeric) -> str:
    slope, steep = f"{name}_phi_slope" if phi.has_ntk else "None", ", True" if phi.steep else ""
    return f"Polar({name}_phi, {slope}, {tuple(phi.kinks)!r}, {NODES}{steep})"


def check_method(method: object) -> Method:
    """``method``, if it is one; raises InputError."""
    if method not in METHODS:
        raise InputError(f"duals: expected one of {', '.join(METHODS)}, found {method!r}")
    return method  # type: ignore[return-value]
