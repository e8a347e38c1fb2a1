"""Activations that an object of the module evaluates, as CUDA: a type with constants, and what it calls.

A table is data for the device (``tables.py``); closed forms, quadrature and powers are code.
"""

from __future__ import annotations

import importlib
import math
import textwrap
from typing import Any

import numpy as np

from kernelc.program import Attachment
from kernelc.runtime import special
from kernelc.runtime.closed import ClosedDual, PolarDual
from kernelc.runtime.power import PowerDual
from kernelc.runtime.table import DualTable
from kernelc_cupy.formulas import functions
from kernelc_cupy.printer import literal


def evaluator(attachment: Attachment) -> Any:
    """The object that an attachment's text defines."""
    space: dict[str, Any] = {"np": np}
    for name in attachment.runtime:
        space |= vars(importlib.import_module(f"kernelc.runtime.{name}"))
    exec(f"{attachment.functions}\n\n{attachment.text}", space)  # our own text, never the user's
    return space[attachment.name]


def digits() -> str:
    """The numbers of the special functions, for ``special.cuh``."""
    lines = [f"#define NEAR_CORNER {special._NEAR!r}", f"#define DAWSON_ROWS {len(special._DAWSON)}"]
    names = ("MILLS", "DAWSON", "LEGENDRE", "STIELTJES")
    return "\n".join([*lines, *(array(name, getattr(special, f"_{name}"), "float64") for name in names)])


def array(name: str, values: Any, dtype: str) -> str:
    """Numbers in the device's memory for constants; at least one, for there are no arrays of none."""
    values = np.asarray(values, dtype=np.float64)
    shape = "".join(f"[{max(n, 1)}]" for n in values.shape)
    kind = "float" if dtype == "float32" else "double"
    lines = textwrap.wrap(f"__constant__ {kind} {name}{shape} = {_braced(values, dtype)};", 116, break_long_words=False)
    return "\n    ".join(lines)


def _braced(values: Any, dtype: str) -> str:
    parts = [_braced(v, dtype) if v.ndim else literal(float(v), dtype) for v in values]
    return "{" + ", ".join(parts or ["0"]) + "}"


def table(name: str, dual: DualTable, number: int, before: int, dtype: str) -> str:
    """The type of an activation by a table, number ``number`` of those behind the first ``before`` parameters."""
    label = " ".join(dual.name.split()).replace("\\", "")  # a comment of one line
    return f"""\
struct {name} : Tabulated<{name}> {{ // the table of {label}
    static constexpr int tables = {before}, number = {number}; // where in p the tables are, and which it is
    static constexpr bool odd = {_bool("odd" in dual.parts)}, even = {_bool("even" in dual.parts)}; // its parts
    static constexpr double low = {float(dual.low)!r}, high = {float(dual.high)!r}; // the range of log s
    static constexpr double value = {float(dual.at_zero[0])!r}, slope = {float(dual.at_zero[1])!r}; // φ(0) and φ'(0)
    static constexpr F zoom = {literal(2 / dual.delta, dtype)}, stretch = {
        literal(4 / math.asinh(0.5 * math.pi / dual.delta), dtype)
    }; // of the angle
}};"""


PAIR, POINT = "double s1, double s2, double rho, double kappa", "double s"
FORMULAS = {"nngp": PAIR, "nngp_diag": POINT, "ntk": PAIR, "ntk_diag": POINT}


def closed(attachment: Attachment, dual: ClosedDual | PolarDual) -> str:
    """The type of an activation by closed forms, by quadrature, or by both."""
    name = attachment.name
    opening = _closed(name, dual) if isinstance(dual, ClosedDual) else _integrated(name, dual)
    members, arrays = _polar(name, dual.polar) if dual.polar is not None else ([], [])
    body = "\n    ".join([*opening, *members])
    return "\n\n".join(["\n".join(arrays), functions(attachment.functions), body + "\n};"]).lstrip()


def _closed(name: str, dual: ClosedDual) -> list[str]:
    way = "by closed forms" + (", and by quadrature where these cancel" if dual.polar is not None else "")
    low, high = dual.sound
    lines = [
        f"struct {name} : Closed<{name}> {{ // {way}",
        f"static constexpr bool has_polar = {_bool(dual.polar)}, has_slope = {_bool(dual.ntk)};",
        f"static constexpr double at_zero = {float(dual.at_zero)!r}; // φ(0)",
        f"static constexpr double sound_low = {_wide(low)}, sound_high = {_wide(high)}; // where the formulas hold",
    ]
    for formula, arguments in FORMULAS.items():
        names = ", ".join(word.split()[1] for word in arguments.split(", "))
        value = "not_a_number()" if getattr(dual, formula) is None else f"{name}_{formula}({names})"
        lines.append(f"DEVICE static double {formula}({arguments}) {{ return {value}; }}")
    return lines


def _integrated(name: str, dual: PolarDual) -> list[str]:
    return [
        f"struct {name} : Integrated<{name}> {{ // by quadrature",
        f"static constexpr bool has_polar = true, has_slope = {_bool(dual.polar.slope is not None)};",
        f"static constexpr double at_zero = {float(dual.polar.phi(np.zeros(1))[0])!r}; // φ(0)",
    ]


def _polar(name: str, polar: Any) -> tuple[list[str], list[str]]:
    """What quadrature knows of an activation: members of its type, and the arrays that they read."""
    marks = [*polar.kinks, *polar.turns]
    (along, along_weight), (across, across_weight) = polar.along, polar.across
    sizes = {"kinks": polar.kinks, "marks": marks, "along": along, "across": across, "tested": polar.tested}
    sizes |= {"between": polar.between}
    arrays = {"marks": marks, "along": along, "along_weight": along_weight}
    arrays |= {"across": across, "across_weight": across_weight, "tested": polar.tested}
    arrays |= {"between": polar.between}
    lines = [
        f"enum {{ {', '.join(f'{key}_count = {len(values)}' for key, values in sizes.items())} }};",
        f"static constexpr bool steep = {_bool(polar.steep)};",
        f"static constexpr int parity = {int(polar.parity)};",
        f"DEVICE static double unit() {{ return {_wide(float(polar.unit), 'infinite()')}; }} // where φ turns first",
    ]
    place = "x"
    if polar.phi.__name__ != f"{name}_phi":  # nodes keep off the joints
        joints = sorted({0.0, *map(float, polar.kinks)})
        arrays["joints"] = joints
        place = f"beside<{len(joints)}>({name}_joints, x)"
    lines += [f"DEVICE static double phi(double x) {{ return {name}_phi({place}); }}"]
    slope = f"{name}_phi_slope({place})" if polar.slope is not None else "not_a_number()"
    lines += [f"DEVICE static double slope(double x) {{ return {slope}; }}"]
    lines += [f"DEVICE static double {key}(int k) {{ return {name}_{key}[k]; }}" for key in arrays if key != "joints"]
    return lines, [array(f"{name}_{key}", values, "float64") for key, values in arrays.items()]


def power(name: str, dual: PowerDual, dtype: str) -> str:
    """The type of a power."""
    lines = [f"struct {name} : Power<{name}> {{ // by two polynomials"]
    slope = 0.0 if math.isnan(dual.slope_at_one) else float(dual.slope_at_one)
    lines += [f"static constexpr double alpha = {dual.alpha!r}, at_one = {dual.at_one!r}, slope_at_one = {slope!r};"]
    arrays: list[str] = []
    for prefix, parts in (("", dual.parts), ("slope_", dual.slopes)):
        found = {parity: (weight, gap) for parity, weight, gap in parts}
        for parity, word in ((1, "even"), (-1, "odd")):
            part = prefix + word
            weight, gap = found.get(parity, (0.0, None))
            lines += [f"static constexpr F {part} = {literal(weight, dtype)};"]
            if gap is None:
                continue
            for kind, values in (("regular", gap.regular), ("singular", gap.singular)):
                arrays += [array(f"{name}_{part}_{kind}", values, dtype)]
            given = f"gap, {literal(gap.excess, dtype)}, {name}_{part}_regular, {name}_{part}_singular"
            lines += [f"DEVICE static F {part}_gap(F gap) {{ return power_gap<{gap.order}>({given}); }}"]
    return "\n\n".join(["\n".join(arrays), "\n    ".join(lines) + "\n};"])


def _bool(value: object) -> str:
    return str(bool(value)).lower()


def _wide(value: float, beyond: str = "1.7976931348623157e308") -> str:
    """A number, or what stands for one that is infinite."""
    return beyond if math.isinf(value) else repr(float(value))
