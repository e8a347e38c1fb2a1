"""The machine code of a network's kernels for a card, by NVIDIA's compiler; needs no GPU."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import kernelc
from cuda_speed.pairs import of_idle_pair, of_pair, repeats
from cuda_speed.sass import Instruction, disassembled
from kernelc.lowering import lower
from kernelc_cupy.source import CudaSource

sys.path.append(str(Path(__file__).parents[2] / "kernelc_cupy"))
from nvrtc import KERNEL, compiled  # of the tests of CUDA code

SHARED = re.compile(r"(\d+) bytes smem")
CUPY = b"--ftz=true"  # CuPy adds it to the options of every module
BIAS = '{ dense = { W_std = "sqrt(2)", b_std = 0.1 } }'


def relu_with_bias(depth: int) -> str:
    """A spec whose pairs need all layers, whatever their norms."""
    layers = f'[{BIAS}, {{ repeat = {depth}, layers = ["relu", {BIAS}] }}]'
    return f'schema = 1\nname = "relu-bias-{depth}"\n[network]\nlayers = {layers}\n'


@dataclass(frozen=True)
class Kernels:
    """Machine code, with what occupancy depends on."""

    code: dict[str, list[Instruction]]
    registers: dict[str, int]
    shared: dict[str, int]  # bytes of a block
    repeats: list[int]  # trips of the loops over repeated layers

    def pair(self, name: str, mirrored: bool) -> Counter[str]:
        """What `layers_ntk`, `table_both`, ... executes for a pair."""
        way, _, kind = name.partition("_")
        return of_pair(self.code[name], kind, self.repeats if way == "layers" else [], mirrored)

    def idle(self, name: str) -> Counter[str]:
        """What the kernel that is run after it executes for a pair that it has nothing to do for."""
        return of_idle_pair(self.code[f"{name}_again"])


@cache
def kernels(spec: str, dtype: str, capability: int) -> Kernels:
    """The kernels of a spec, or of a bundled one by its name."""
    program = lower(kernelc.derive(kernelc.loads(spec) if "schema" in spec else kernelc.load(spec)))
    source = CudaSource(program, dtype)
    cubin, report = compiled(source.arithmetic() + source.layers() + source.machinery(), capability, CUPY)
    parts = KERNEL.split(report.log)
    smem = {name: SHARED.search(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    shared = {name: int(match[1]) if match else 0 for name, match in smem.items()}
    return Kernels(disassembled(cubin), report.registers, shared, repeats(program))
