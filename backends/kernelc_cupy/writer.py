"""Program → the text of a CuPy module: CUDA source for the layers, and the Python that runs it."""

from __future__ import annotations

from kernelc import runtime
from kernelc.backend import Sheet
from kernelc.emit import ModuleWriter, section
from kernelc.program import Program
from kernelc.runtime import definitions
from kernelc.templates import LAYERED
from kernelc.wording import docstring, identity, public, self_test
from kernelc_cupy.embedding import own_text
from kernelc_cupy.source import CudaSource

IMPORT_CUPY = """
try:
    import cupy
except ImportError as error:
    raise ImportError(
        "this module runs on an NVIDIA GPU, through CuPy: pip install 'cupy-cuda13x[ctk]', or 'cupy-cuda12x[ctk]' for "
        "a driver older than 580"
    ) from error
"""
NO_TABLES = "DUALS = SERIES = ()  # activations by tables: there is none"


class CuPyWriter(ModuleWriter):
    """A module whose layers are CUDA code."""

    imports_first = (
        "import ctypes",
        "import functools",
        "import os",
        "import threading",
        "import warnings",
        "from collections.abc import Callable, Iterator",
        "from contextlib import contextmanager, nullcontext",
        "from typing import Any, NoReturn",
    )
    imports = ("import numpy as np", "", *IMPORT_CUPY.strip().splitlines())
    library = "CuPy"

    def __init__(self, program: Program, sheet: Sheet, dtype: str) -> None:
        super().__init__(program, sheet, dtype)
        self.cuda = CudaSource(program, dtype)

    def text(self) -> str:
        """The whole module."""
        layers = self.cuda.layers()
        deviations = self.deviations()  # printing names the constants that the settings define
        parts = [
            docstring(self.program, self.sheet, self.library),
            self.import_lines(),
            identity(self.sheet),
            self.settings(),
            section("The layers, in CUDA C++: what each does to one point, and to a pair of points"),
            _quoted("LAYERS", layers),
            self.schedule(),
            deviations,
            section("What this module is for"),
            public(self.program),
            self_test(self.sheet, self.dtype),
            section("The machinery: the same in every module"),
            *map(runtime.source, ("inputs", "calls")),
            *(definitions(own_text(f"{name}.py")) for name in ("device", "points", "grams")),
            *(map(runtime.source, ("collapse", "zonal")) if self.program.collapse else [LAYERED]),
            *(self.tables() if self.cuda.attached.tables else []),
            _quoted("ARITHMETIC", self.cuda.arithmetic()),
            _quoted("MACHINERY", self.cuda.machinery()),
            'if __name__ == "__main__":\n    self_test()',
        ]
        return "\n\n".join(p.strip("\n") + "\n" for p in parts)

    def settings(self) -> str:
        """The constants of the module."""
        rows = "double-double" if self.program.careful else "float64"
        lines = [
            f"F = np.{self.dtype}  # of results and of pairs; what depends on one point only is computed in {rows}",
            f"NORMALIZE = {self.program.normalize}  # input rows onto the sphere |x|² = d",
            f"NO_NTK = {self.program.ntk_reason!r}  # why there is no NTK; empty where there is one",
            *([] if self.cuda.attached.tables else [NO_TABLES, self.numbers_saved()]),
            *self.collapse_settings(),
            *self.plain.lines(),
        ]
        return "\n".join(lines)

    def numbers_saved(self) -> str:
        """The constant that tables have a share in."""
        return f"SAVED = {self.cuda.attached.saved(self.cuda.program)}  # numbers that all layers save for a point"

    def tables(self) -> list[str]:
        """The tables of activations, and their numbers for the device."""
        names = self.cuda.attached.tables
        duals = ", ".join(f"DeviceTable({name})" for name in names)
        return [
            runtime.source("table"),
            definitions(own_text("tables.py")),
            *[attachment.text for attachment in self.program.attachments if attachment.name in names],
            f"DUALS = ({duals},)",
            f"SERIES = packed(*DUALS)  # as kernels take it, behind the parameters\n{self.numbers_saved()}",
        ]

    def schedule(self) -> str:
        """How often each layer runs."""
        rows = [f"    ({block.count}, {block.title!r})," for block in self.program.blocks]
        return "\n".join(["BLOCKS = (  # times, layers", *rows, ")"])


def _quoted(name: str, text: str) -> str:
    return f'{name} = r"""\n{text.strip()}\n"""'
