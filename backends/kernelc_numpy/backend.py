"""emit and load for NumPy."""

from types import ModuleType

from kernelc.backend import Backend, Sheet
from kernelc.emit import ModuleWriter
from kernelc.program import Program
from kernelc.runtime import execute


class NumPyBackend(Backend):
    """Plain NumPy over tiles that stay in cache."""

    name = "numpy"
    description = "NumPy over tiles that stay in cache: the reference"

    def missing(self) -> str | None:
        """Nothing: NumPy is a dependency of kernelc."""
        return None

    def emit(self, program: Program, sheet: Sheet, dtype: str) -> str:
        """The module's text."""
        return ModuleWriter(program, sheet, dtype).text()

    def load(self, source: str, name: str) -> ModuleType:
        """The module."""
        return execute(source, name)
