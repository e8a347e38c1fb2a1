"""The whole compiler on one screen: derive, evaluate, lower, emit, load.

text ─load→ Network ─derive→ SymbolicKernel ─lower→ Program ─emit→ source text ─load→ CompiledKernel
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kernelc import recursion, registry
from kernelc.errors import InputError
from kernelc.evaluation import Method, QRangeRefusal, check_method, evaluate
from kernelc.files import atomic_write_text
from kernelc.gram import CompiledKernel
from kernelc.lowering import lower
from kernelc.network import Network, load
from kernelc.sheet import defaults, sheet
from kernelc.steps import activations
from kernelc.symbolic import SymbolicKernel

DTYPES = ("float64", "float32")
WIDE = ((1e-4, 1e4), (1e-3, 1e3), (1e-2, 1e2), (0.1, 10.0))  # of a module that others will import: the first that does
NARROW = (0.1, 10.0)  # q_range to begin with where it can grow with the data

NetworkLike = Network | str | Path
Range = tuple[float, float]
Progress = Callable[[float], None]


def as_network(net: NetworkLike) -> Network:
    """A Network as it is; a path or the name of a bundled spec, read."""
    return net if isinstance(net, Network) else load(net)


def derive(net: NetworkLike) -> SymbolicKernel:
    """The symbolic NNGP and NTK of a Network, of a spec file or of a bundled spec.

    Raises SpecError where the spec is wrong, UnsupportedError where an activation has no dual.
    """
    return recursion.derive(as_network(net))


def compile(
    net: NetworkLike,
    backend: str = "auto",
    dtype: str = "float64",
    collapse: bool = True,
    q_range: Range | None = None,
    duals: Method = "auto",
    progress: Progress | None = None,
) -> CompiledKernel:
    """Compile a Network, a spec file or a bundled spec.

    ``dtype`` is "float64" or "float32". ``q_range`` bounds E[z²] at the activations that are evaluated by a table;
    None, the default, lets it grow with the data. ``duals`` says how the activations of the special and series tiers
    are evaluated: "table", "closed", or "auto" for what is fastest where it is right. ``progress`` gets the share done
    while a table is built. ``collapse`` has no effect yet. Raises SpecError, UnsupportedError, BackendError (no such
    backend here) and InputError (no such dtype, method or range).
    """
    if q_range is not None:
        return _compile(as_network(net), backend, dtype, _checked(q_range), duals, progress)
    return _growing(as_network(net), backend, dtype, NARROW, duals, progress)


def build(
    net: NetworkLike,
    path: str | Path,
    backend: str = "auto",
    dtype: str = "float64",
    collapse: bool = True,
    q_range: Range | None = None,
    duals: Method = "auto",
    progress: Progress | None = None,
) -> Path:
    """Compile and write the module to ``path``, whole or not at all; returns the path. Raises what ``compile`` does.

    ``q_range`` is (1e-4, 1e4) by default, and less where an activation takes no more; the module says what it is.
    """
    path, net = Path(path), as_network(net)
    if q_range is None:
        kernel = _widest(net, backend, dtype, duals, progress)
    else:
        kernel = compile(net, backend, dtype, collapse, q_range, duals, progress)
    atomic_write_text(path, kernel.source)
    return path


def _widest(net: Network, backend: str, dtype: str, duals: Method, progress: Progress | None) -> CompiledKernel:
    """The kernel for the widest of the usual ranges that its activations take."""
    for q_range in WIDE[:-1]:
        with suppress(QRangeRefusal):
            return _compile(net, backend, dtype, q_range, duals, progress)
    return _compile(net, backend, dtype, WIDE[-1], duals, progress)


def _compile(
    net: Network, backend: str, dtype: str, q_range: Range, duals: Method, progress: Progress | None
) -> CompiledKernel:
    if str(dtype) not in DTYPES:
        raise InputError(f"dtype: expected one of {', '.join(DTYPES)}, found {dtype!r}")
    target = registry.get(backend)
    kernel = derive(net)
    evaluated = evaluate(activations(kernel.steps), check_method(duals), q_range, progress)
    program = lower(kernel, {e.dual: e.attachment for e in evaluated})
    source = target.emit(program, sheet(net, kernel, evaluated, q_range), str(dtype))
    module = target.load(source, net.name)
    return CompiledKernel(net.name, source, module, defaults(net), kernel.ntk_reason)


def _growing(
    net: Network, backend: str, dtype: str, q_range: Range, duals: Method, progress: Progress | None
) -> CompiledKernel:
    """A kernel whose tables are built anew for a wider range when data leaves theirs."""
    kernel = _compile(net, backend, dtype, q_range, duals, progress)

    def widened(low: float, high: float) -> CompiledKernel:
        wider = min(q_range[0], _round(low, math.floor)), max(q_range[1], _round(high, math.ceil))
        return _growing(net, backend, dtype, wider, duals, progress)

    kernel.widened = widened
    return kernel


def _round(q: float, direction: Callable[[float], int]) -> float:
    """The next power of √10: other data then finds the same table."""
    return float(f"{10 ** (direction(2 * math.log10(q)) / 2):.3g}")


def _checked(q_range: Range) -> Range:
    if not (len(q_range) == 2 and 0 < q_range[0] < q_range[1] < float("inf")):
        raise InputError(f"q_range: expected 0 < low < high, found {q_range}")
    return float(q_range[0]), float(q_range[1])
