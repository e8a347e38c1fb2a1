"""Program → the text of a Numba module: the pair code of each layer becomes loops over a tile."""

from kernelc.emit import ModuleWriter
from kernelc.program import Block
from kernelc.runtime import definitions
from kernelc_numba.embedding import elementary_text, own_text
from kernelc_numba.layer import Layer
from kernelc_numba.printer import NumbaPrinter


class NumbaWriter(ModuleWriter):
    """Loops over tiles, in place."""

    imports_first = ("import sys", *ModuleWriter.imports_first)
    imports = ("import numba", "import numpy as np")
    opening = definitions(own_text("compiling"))
    tile, zonal_tile = (256, 512), (512, 512)
    library = "Numba"
    pair_printer = NumbaPrinter

    def pairwise(self) -> str:
        """The loops that every pair goes through, and the elementary functions that the layers use."""
        used = {i.op for block in self.program.blocks for i in block.pair.instrs if i.rate == "pair"}
        parts = [definitions(own_text("loops")), elementary_text(self.dtype, used)]
        return "\n\n".join(part for part in parts if part)

    def pair_functions(self, n: int, title: str, block: Block) -> list[str]:
        """The loops of a layer, and ``pair_n``, which runs them."""
        return Layer(n, title, block, self.constants, self.dtype).text()
