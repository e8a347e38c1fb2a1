"""kernelc: a compiler for infinitely wide neural networks.

A spec of an architecture goes in; its exact NNGP and NTK kernels come out, in symbols and as an importable module.
The names below are the whole public interface; each is imported when it is first used, so that ``import kernelc``
costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelc import montecarlo
    from kernelc.certificates.certify import certify, verify_certificate
    from kernelc.certificates.record import Certificate
    from kernelc.checking import CheckReport, check
    from kernelc.driver import build, compile, derive
    from kernelc.errors import (
        BackendError,
        InputError,
        InternalError,
        KernelcError,
        LoweringError,
        SpecError,
        UnsupportedError,
    )
    from kernelc.evaluation.measured import dual
    from kernelc.layers import Activation, Dense, Normalize, Repeat, Residual, Sum
    from kernelc.network import Network, load, loads
    from kernelc.symbols import c, q1, q2

    __version__: str

__all__ = [
    "Activation",
    "BackendError",
    "Certificate",
    "CheckReport",
    "Dense",
    "InputError",
    "InternalError",
    "KernelcError",
    "LoweringError",
    "Network",
    "Normalize",
    "Repeat",
    "Residual",
    "SpecError",
    "Sum",
    "UnsupportedError",
    "__version__",
    "build",
    "c",
    "certify",
    "check",
    "compile",
    "derive",
    "dual",
    "load",
    "loads",
    "montecarlo",
    "q1",
    "q2",
    "verify_certificate",
]

_HOMES = {
    "kernelc.certificates.certify": ("certify", "verify_certificate"),
    "kernelc.certificates.record": ("Certificate",),
    "kernelc.checking": ("CheckReport", "check"),
    "kernelc.driver": ("build", "compile", "derive"),
    "kernelc.errors": (
        "BackendError",
        "InputError",
        "InternalError",
        "KernelcError",
        "LoweringError",
        "SpecError",
        "UnsupportedError",
    ),
    "kernelc.evaluation.measured": ("dual",),
    "kernelc.layers": ("Activation", "Dense", "Normalize", "Repeat", "Residual", "Sum"),
    "kernelc.network": ("Network", "load", "loads"),
    "kernelc.symbols": ("c", "q1", "q2"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time that it is asked for (PEP 562)."""
    value: object
    if name == "__version__":
        value = import_module("importlib.metadata").version("kernelc")
    elif name == "montecarlo":
        value = import_module("kernelc.montecarlo")
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
