"""The whole compiler on one screen: derive, lower, emit, load.

text ─load→ Network ─derive→ SymbolicKernel ─lower→ Program ─emit→ source text ─load→ CompiledKernel
"""

from __future__ import annotations

from pathlib import Path

from kernelc import recursion, registry
from kernelc.errors import InputError
from kernelc.files import atomic_write_text
from kernelc.gram import CompiledKernel
from kernelc.lowering import lower
from kernelc.network import Network, load
from kernelc.sheet import defaults, sheet
from kernelc.symbolic import SymbolicKernel

DTYPES = ("float64", "float32")

NetworkLike = Network | str | Path


def as_network(net: NetworkLike) -> Network:
    """A Network as it is; a path or the name of a bundled spec, read."""
    return net if isinstance(net, Network) else load(net)


def derive(net: NetworkLike) -> SymbolicKernel:
    """The symbolic NNGP and NTK of a Network, of a spec file or of a bundled spec.

    Raises SpecError where the spec is wrong, UnsupportedError where an activation has no closed form yet.
    """
    return recursion.derive(as_network(net))


def compile(
    net: NetworkLike,
    backend: str = "auto",
    dtype: str = "float64",
    collapse: bool = True,
    q_range: tuple[float, float] = (1e-4, 1e4),
) -> CompiledKernel:
    """Compile a Network, a spec file or a bundled spec.

    ``dtype`` is "float64" or "float32". ``collapse`` allows, and ``q_range`` bounds, approximations of a kernel; the
    closed forms that there are make none, so neither changes a result. Raises SpecError, UnsupportedError, BackendError
    (no such backend here) and InputError (no such dtype).
    """
    if str(dtype) not in DTYPES:
        raise InputError(f"dtype: expected one of {', '.join(DTYPES)}, found {dtype!r}")
    if not 0 <= q_range[0] < q_range[1]:
        raise InputError(f"q_range: expected 0 <= low < high, found {q_range}")
    net = as_network(net)
    target = registry.get(backend)
    kernel = derive(net)
    program = lower(kernel)
    source = target.emit(program, sheet(net, kernel), str(dtype))
    module = target.load(source, net.name)
    return CompiledKernel(net.name, source, module, defaults(net), kernel.ntk_reason)


def build(
    net: NetworkLike,
    path: str | Path,
    backend: str = "auto",
    dtype: str = "float64",
    collapse: bool = True,
    q_range: tuple[float, float] = (1e-4, 1e4),
) -> Path:
    """Compile and write the module to ``path``, whole or not at all; returns the path. Raises what ``compile`` does."""
    path = Path(path)
    atomic_write_text(path, compile(net, backend, dtype, collapse, q_range).source)
    return path
