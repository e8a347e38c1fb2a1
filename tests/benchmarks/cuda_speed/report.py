"""Lines of tables from what workers measured: arithmetic alone, so that it is tested where there is no GPU."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from cuda_speed.cases import Case
from cuda_speed.ceilings import BARS

SPEED = ("contender", "NTK, depth 3", "dtype", "call", "n", "s", "entries/s", "without the product, s",
         "of the bandwidth limit", "of the DP limit", "kernelc is")  # fmt: skip
ACCURACY = ("kernel", "dtype", "differs by")
HOST = ("kernel", "dtype", "n", "s", "copy alone, s", "ratio")
NO_FORM = "no closed form"  # so no straightforward implementation either
GOAL = 3  # times as fast as straightforward CuPy


@dataclass(frozen=True)
class Limits:
    """Of this card in this run, as measured: seconds to copy one byte, and double-precision operations in a second."""

    copy: float
    double: float

    def bandwidth(self, case: Case) -> float:
        """The seconds of one read and one write of every entry."""
        return self.copy * case.itemsize * case.n**2


def median(found: dict[str, Any] | None) -> float | None:
    """The median time of a contender; None where it has none."""
    return statistics.median(found["seconds"]) if found and found.get("seconds") else None


def percent(share: float | None) -> str:
    """A share; nothing where there is none."""
    return "" if share is None else f"{share:.0%}"


def of_double(case: Case, ours: dict[str, Any], limits: Limits) -> float | None:
    """The share of the double-precision limit that kernelc's kernels reach; operations are counted in machine code."""
    if case.dtype != "float64" or not ours.get("double") or not ours.get("kernels"):
        return None
    return float(ours["double"] * case.n**2 / (statistics.median(ours["kernels"]) * limits.double))


def without_product(name: str, found: dict[str, Any], product: float | None) -> float | None:
    """Seconds beside the product: in kernelc's kernels, by events; of others, what is left of the whole."""
    if name == "kernelc":
        return statistics.median(found["kernels"]) if found.get("kernels") else None
    whole = median(found)
    return None if whole is None or product is None or whole <= product else whole - product


def lines(case: Case, found: dict[str, dict[str, Any]], limits: Limits) -> list[list[str]]:
    """A line for every contender of one case; one that failed says how."""
    product, ours = median(found.get("product")), median(found.get("kernelc"))
    rows = []
    for name, result in found.items():
        if result.get("error") == NO_FORM:
            continue
        shared = [name, f"{case.activation}, {case.way}", case.dtype, case.call, str(case.n)]
        whole = median(result)
        if whole is None:
            rows.append([*shared, result.get("error", "failed"), *[""] * 5])
            continue
        start = [*shared, f"{whole:.4g}"]
        if name == "product":
            rows.append([*start, *[""] * 5])
            continue
        rest = without_product(name, result, product)
        share = None if rest is None else limits.bandwidth(case) / rest
        double = of_double(case, result, limits) if name == "kernelc" else None
        faster = "" if ours is None or name == "kernelc" else f"{whole / ours:.1f} times as fast"
        of = [f"{case.n**2 / whole:.3g}", "" if rest is None else f"{rest:.4g}", percent(share), percent(double)]
        rows.append([*start, *of, faster])
    return rows


def verdicts(case: Case, found: dict[str, dict[str, Any]], limits: Limits) -> list[str]:
    """Which goals a case reaches; none is said to be reached without a measurement."""
    said = []
    ours, plain = median(found.get("kernelc")), median(found.get("CuPy"))
    label = f"{case.activation}, {case.way}, {case.dtype}, {case.call}, n = {case.n}"
    if ours is not None and plain is not None:
        said.append(f"{label}: {plain / ours:.1f} x straightforward CuPy, goal {GOAL}: {_met(plain / ours >= GOAL)}")
    if case.activation != "relu" or ours is None:
        return said
    rest = without_product("kernelc", found["kernelc"], None)
    if (case.way, case.dtype) == ("collapsed", "float32") and rest is not None:
        share = limits.bandwidth(case) / rest
        said.append(
            f"{label}: {share:.0%} of the bandwidth limit, goal {BARS['float32']:.0%}: {_met(share >= BARS['float32'])}"
        )
    if (case.way, case.dtype) == ("layers", "float64"):
        share = of_double(case, found["kernelc"], limits)
        met = "not known" if share is None else _met(share >= BARS["float64"])
        said.append(f"{label}: {percent(share) or '?'} of the DP limit, goal {BARS['float64']:.0%}: {met}")
    return said


def _met(reached: bool) -> str:
    return "met" if reached else "NOT met"


def again(found: dict[str, dict[str, Any]]) -> list[str]:
    """Who had no room, and so is to be compared at a smaller size."""
    return [name for name, result in found.items() if result.get("error") == "out of memory"]


def kind_of(error: BaseException) -> str:
    """What an array library's exception says, in one line."""
    text = f"{type(error).__name__}: {error}".strip()
    full = ("outofmemory", "out of memory", "resource_exhausted", "memory is full", "alloc_failed")
    return "out of memory" if any(sign in text.lower() for sign in full) else text.splitlines()[0][:200]
