"""What a generated module says about itself: its recursion in words, the tiers of its duals, exact sample values."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kernelc.backend import Sheet
from kernelc.bindings import outline
from kernelc.errors import SpecError
from kernelc.evaluation import Evaluated
from kernelc.exact import kernel_values
from kernelc.network import Network
from kernelc.steps import activations
from kernelc.symbolic import SymbolicKernel

SAMPLES = ((1.0, 0.5, -0.25), (0.75, 0.5, 0.125), (-1.0, 0.25, 1.5))
SHRINK = (1.0, 0.25, 1 / 64)  # a network may overflow, or vanish, at one scale and not at another
RANGE = (1e-30, 1e30)  # of a sample's kernel values on the diagonal, float32's range included


def sheet(
    net: Network, kernel: SymbolicKernel, evaluated: tuple[Evaluated, ...] = (), q_range: tuple[float, float] = (0, 0)
) -> Sheet:
    """The sheet of a network, with the exact values of its self-test at the parameters' defaults."""
    samples, values = _samples(kernel, defaults(net))
    return Sheet(
        name=net.name,
        description=net.description,
        reference=net.reference,
        spec=_spec(net),
        recursion=tuple(outline(kernel.steps, kernel.normalize, has_ntk=not kernel.ntk_reason)),
        duals=_duals(kernel, evaluated),
        domain=_domain(kernel, evaluated, q_range),
        samples=samples,
        tolerance=1e-11 if evaluated else 1e-13,
        collapse_error=None,
        values=values,
    )


def _spec(net: Network) -> str:
    """The canonical spec; a comment where a Python function leaves none."""
    try:
        return net.dumps()
    except SpecError as error:
        return f"# {error}"


def defaults(net: Network) -> dict[str, float]:
    """The parameters of a network with their default values."""
    return {name: float(value) for name, value in net.parameters.items()}


def _duals(kernel: SymbolicKernel, evaluated: tuple[Evaluated, ...]) -> tuple[str, ...]:
    methods = {e.dual: e for e in evaluated}
    lines: dict[str, None] = {}
    for step in activations(kernel.steps):
        found = methods.get(step.dual)
        how, error = (f", by {found.method}", found.error) if found else ("", step.dual.error_bound)
        lines[f"{step.label}: tier {step.dual.tier}{how}, error {upward(error)} of sqrt(E11 E22)"] = None
    return tuple(lines)


def upward(error: float) -> str:
    """One digit, never less than the error."""
    if error == 0:
        return "0"
    power = math.floor(math.log10(error))
    digit = math.ceil(error / 10.0**power - 1e-9)
    return f"{digit * 10.0**power:.0e}"


def _domain(kernel: SymbolicKernel, evaluated: tuple[Evaluated, ...], q_range: tuple[float, float]) -> str:
    found = [a.dual for a in activations(kernel.steps)]
    scale_free = all(d.degree is not None and d.degree <= 1 for d in found)
    guards = sorted({str(d.domain) for d in found if d.domain not in (True, None) and str(d.domain) != "True"})
    tables = [e.label for e in evaluated if e.method == "table"]
    text = (
        "Domain: rows of any norm from 1e-150 to 1e150, and zero rows."
        if scale_free
        else "Domain: E[z^2] from 1e-3 to 100 at every activation, and zero rows; further out while nothing overflows."
    )
    if tables:
        own = f"E[z^2] from {q_range[0]:g} to {q_range[1]:g} at {', '.join(tables)}, evaluated by tables, and zero rows"
        others = {d for d in found if d.degree is None or d.degree > 1} - {
            e.dual for e in evaluated if e.method == "table"
        }
        text = f"Domain: {own}{'; E[z^2] from 1e-3 to 100 at the other activations' if others else ''}."
    return text + (f" Needed at every activation: {'; '.join(guards)}." if guards else "")


Matrix = tuple[tuple[float, ...], ...]


def _samples(kernel: SymbolicKernel, parameters: Mapping[str, float]) -> tuple[Matrix, tuple[tuple[str, Matrix], ...]]:
    """Points, and the exact kernels there; empty where the kernel is out of range at every scale tried."""
    get = ("nngp",) if kernel.ntk_reason else ("nngp", "ntk")
    depth = sum(1 for _ in activations(kernel.steps))
    rows = SAMPLES if depth <= 10 else SAMPLES[:2] if depth <= 1000 else SAMPLES[:1]  # 50 digits take their time
    for scale in SHRINK:
        points = tuple(tuple(scale * v for v in row) for row in rows)
        try:
            exact = kernel_values(kernel, points, get, parameters)
        except OverflowError:
            continue
        if all(RANGE[0] < exact["nngp"][i][i] < RANGE[1] for i in range(len(points))):
            return points, tuple((name, tuple(tuple(map(float, row)) for row in exact[name])) for name in get)
    return (), ()
