"""emit and load for Numba."""

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from types import ModuleType

from kernelc.backend import Backend, Sheet, kept
from kernelc.errors import BackendError
from kernelc.program import Program
from kernelc.runtime import execute
from kernelc_numba.writer import NumbaWriter


class NumbaBackend(Backend):
    """Numba: a vectorised loop for every layer, compiled on first use and kept on disk."""

    name = "numba"
    description = "Numba: vectorised loops over tiles, on every core"

    def missing(self) -> str | None:
        """Whether Numba is there."""
        return None if find_spec("numba") else "numba is not installed: pip install 'kernelc[fast]'"

    def emit(self, program: Program, sheet: Sheet, dtype: str) -> str:
        """The module's text."""
        return NumbaWriter(program, sheet, dtype).text()

    def load(self, source: str, name: str) -> ModuleType:
        """The module, imported from a file named by its text, beside which Numba keeps the machine code."""
        if reason := self.missing():
            raise BackendError(reason)
        path = kept(source)
        spec = path and spec_from_file_location(path.stem, path)
        if not (spec and spec.loader):  # there is no place for a file: it compiles anew in every process
            return execute(source, name)
        module = module_from_spec(spec)
        sys.modules[spec.name] = module  # Numba finds the machine code by it
        spec.loader.exec_module(module)
        return module
