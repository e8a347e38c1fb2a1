"""emit and load for CuPy."""

import warnings
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from kernelc.backend import Backend, Sheet
from kernelc.errors import BackendError
from kernelc.program import Program
from kernelc.runtime import execute
from kernelc_cupy.writer import CuPyWriter

INSTALL = "pip install 'kernelc[cuda13]', or 'kernelc[cuda12]' for a driver older than 580"


class CuPyBackend(Backend):
    """CuPy: all layers of a pair in one CUDA kernel, on an NVIDIA GPU."""

    name = "cupy"
    description = "CuPy: all layers in one CUDA kernel, on an NVIDIA GPU"

    def missing(self) -> str | None:
        """Whether CuPy is there, with a driver and a GPU that it can use."""
        if not find_spec("cupy"):
            return f"cupy is not installed: {INSTALL}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns where it finds no CUDA, which is said below
                cupy = import_module("cupy")
            count = cupy.cuda.runtime.getDeviceCount()
        except Exception as error:  # of CuPy's many ways to fail without a driver, each has a class of its own
            old = "; where there is one, its driver is too old for this CuPy" * ("InsufficientDriver" in str(error))
            return f"cupy finds no GPU ({_first_line(error)}): it needs an NVIDIA GPU and its driver{old}"
        if not count:
            return "cupy finds no GPU: it needs an NVIDIA GPU and its driver"
        try:
            cupy.cuda.nvrtc.getVersion()
            cupy.cuda.cublas.getVersion  # noqa: B018 (it is loaded when it is first asked for)
        except Exception as error:
            return f"cupy lacks a library of CUDA ({_first_line(error)}): {INSTALL}"
        return None

    def emit(self, program: Program, sheet: Sheet, dtype: str) -> str:
        """The module's text."""
        return CuPyWriter(program, sheet, dtype).text()

    def load(self, source: str, name: str) -> ModuleType:
        """The module."""
        if reason := self.missing():
            raise BackendError(reason)
        return execute(source, name)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
