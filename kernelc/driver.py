"""The whole compiler on one screen: derive, evaluate, lower, emit, load.

text ─load→ Network ─derive→ SymbolicKernel ─lower→ Program ─emit→ source text ─load→ CompiledKernel
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from kernelc import recursion, registry
from kernelc.backend import Backend, Sheet
from kernelc.collapsing import collapse_error, stated
from kernelc.errors import InputError
from kernelc.evaluation import Method, QRangeRefusal, check_method, evaluate
from kernelc.files import atomic_write_text
from kernelc.gram import CompiledKernel
from kernelc.lowering import lower
from kernelc.network import Network, load
from kernelc.passes.collapse_zonal import collapse_zonal
from kernelc.program import Program
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
    while a table is built. ``collapse`` lets large matrices be read off a table in the angle, where kernels depend on
    nothing else: rows of one norm, or a homogeneous kernel (activations with kinks off the origin always run layer by
    layer). Raises SpecError, UnsupportedError, BackendError (no such backend here) and InputError (no such dtype,
    method or range).
    """
    options = _Options(backend, dtype, collapse, check_method(duals), progress)
    if q_range is not None:
        return _compile(as_network(net), options, _checked(q_range))
    return _growing(as_network(net), options, NARROW)


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
    """Write the module to ``path``, whole or not at all; returns the path. Raises what ``compile`` does.

    The backend's library, or a GPU, need not be here.

    ``q_range`` is (1e-4, 1e4) by default, and less where an activation takes no more; the module says what it is.
    """
    path, net = Path(path), as_network(net)
    options = _Options(backend, dtype, collapse, check_method(duals), progress)
    target = registry.get(backend, run=False)
    source = _widest(net, options, target) if q_range is None else _source(net, options, _checked(q_range), target)
    atomic_write_text(path, source)
    return path


@dataclass(frozen=True)
class _Options:
    """What to compile for, and how."""

    backend: str
    dtype: str
    collapse: bool
    duals: Method
    progress: Progress | None


def _widest(net: Network, options: _Options, target: Backend) -> str:
    """The module for the widest of the usual ranges that its activations take."""
    for q_range in WIDE[:-1]:
        with suppress(QRangeRefusal):
            return _source(net, options, q_range, target)
    return _source(net, options, WIDE[-1], target)


def _compile(net: Network, options: _Options, q_range: Range) -> CompiledKernel:
    target = registry.get(options.backend)
    source = _source(net, options, q_range, target)
    return CompiledKernel(net.name, source, target.load(source, net.name), defaults(net), derive(net).ntk_reason)


def _source(net: Network, options: _Options, q_range: Range, target: Backend) -> str:
    """The text of the module."""
    dtype = str(options.dtype)
    if dtype not in DTYPES:
        raise InputError(f"dtype: expected one of {', '.join(DTYPES)}, found {options.dtype!r}")
    kernel = derive(net)
    evaluated = evaluate(activations(kernel.steps), options.duals, q_range, options.progress)
    program = lower(kernel, {e.dual: e.attachment for e in evaluated})
    about = sheet(net, kernel, evaluated, q_range)
    if options.collapse and not any(e.slow_at_small_angles for e in evaluated):
        program = collapse_zonal(program, kernel)
        parameters = tuple(defaults(net).items())
        about = replace(about, collapse_error=_collapse_error(program, about, kernel, dtype, parameters))
    return target.emit(program, about, dtype)


@lru_cache(maxsize=32)  # the same network is often compiled for several backends
def _collapse_error(
    program: Program, about: Sheet, kernel: SymbolicKernel, dtype: str, parameters: tuple[tuple[str, float], ...]
) -> float | None:
    """The error of the table in the angle, measured on the plainest of modules: all build the same table."""
    plain = registry.get("numpy")
    error = collapse_error(plain.load(plain.emit(program, about, dtype), about.name), kernel, dict(parameters))
    return None if error is None else stated(error)


def _growing(net: Network, options: _Options, q_range: Range) -> CompiledKernel:
    """A kernel whose tables are built anew for a wider range when data leaves theirs."""
    kernel = _compile(net, options, q_range)

    def widened(low: float, high: float) -> CompiledKernel:
        wider = min(q_range[0], _round(low, math.floor)), max(q_range[1], _round(high, math.ceil))
        return _growing(net, options, wider)

    kernel.widened = widened
    return kernel


def _round(q: float, direction: Callable[[float], int]) -> float:
    """The next power of √10: other data then finds the same table."""
    return float(f"{10 ** (direction(2 * math.log10(q)) / 2):.3g}")


def _checked(q_range: Range) -> Range:
    if not (len(q_range) == 2 and 0 < q_range[0] < q_range[1] < float("inf")):
        raise InputError(f"q_range: expected 0 < low < high, found {q_range}")
    return float(q_range[0]), float(q_range[1])
