"""emit and load for numexpr."""

from importlib.util import find_spec
from types import ModuleType

from kernelc.backend import Backend, Sheet
from kernelc.errors import BackendError
from kernelc.program import Program
from kernelc.runtime import execute
from kernelc_numexpr.printer import NumexprWriter


class NumexprBackend(Backend):
    """numexpr: the pairs' formulas compiled to its virtual machine, on every core."""

    name = "numexpr"
    description = "numexpr: compiled expressions over tiles, on every core"

    def missing(self) -> str | None:
        """Whether numexpr is there."""
        return None if find_spec("numexpr") else "numexpr is not installed: pip install numexpr"

    def emit(self, program: Program, sheet: Sheet, dtype: str) -> str:
        """The module's text."""
        return NumexprWriter(program, sheet, dtype).text()

    def load(self, source: str, name: str) -> ModuleType:
        """The module."""
        if reason := self.missing():
            raise BackendError(reason)
        return execute(source, name)
