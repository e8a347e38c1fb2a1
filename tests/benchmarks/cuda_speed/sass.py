"""Machine code of NVIDIA's cards (SASS), read from a cubin by nvdisasm; needs no GPU.

`disassembled` gives the instructions of every kernel, `classes` sorts counted ones by the unit that executes them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SECTION = re.compile(r"^\s*\.section\s+\.text\.(\w+),", re.MULTILINE)
LINE = re.compile(
    r"^(?P<label>[.$]\w+):|^\s*/\*(?P<at>[0-9a-f]{4,})\*/\s+(?:@(?P<guard>!?U?PT?\d?)\s+)?(?P<opcode>[A-Z][\w.]*)(?P<rest>[^;]*);",
    re.MULTILINE,
)
TARGET = re.compile(r"`\(([.$]\w+)\)")

# The unit that executes an instruction; what is in no list is refused, never guessed.
UNITS = {
    "double": "DFMA DMUL DADD DSETP DMNMX",
    "single": "FFMA FMUL FADD FSWZADD IMAD HFMA2 IMUL IDP",  # 32-bit FMA units; integer products and many moves too
    "integer": """IADD3 IADD VIADD VIADDMNMX VIMNMX IMNMX IABS ISETP ICMP LOP3 LOP PLOP3 SHF SHL SHR LEA SEL MOV MOV32I
        PRMT FSEL FSETP FMNMX FCHK CS2R P2R R2P BMSK SGXT VOTE UPLOP3 LOP32I IADD32I CSEL ISCADD FLO POPC BREV""",
    "special": "MUFU F2F F2I I2F FRND I2I F2FP I2FP F2IP S2R",  # MUFU, conversions: 16 results a clock
    "global": "LDG STG LD ST RED REDG ATOM ATOMG CCTL",
    "shared": "LDS STS ATOMS LDSM",
    "local": "LDL STL",
    "constant": "LDC",
    "uniform": """UMOV UIADD3 ULDC ULOP3 ULEA USHF UIMAD USEL UISETP UFLO UPOPC USGXT UBMSK S2UR R2UR UPRMT VOTEU LDCU
        UIADD3X UR2UP UP2UR UVIADD UVIADDMNMX UVIMNMX CS2UR REDUX""",
    "control": """BRA EXIT BSSY BSYNC BREAK BAR YIELD WARPSYNC CALL RET NOP BMOV JMP BPT DEPBAR MEMBAR ERRBAR NANOSLEEP
        RPCMOV ACQBULK LEPC UBRA ENDCOLLECTIVE PREEXIT""",
}
UNIT = {opcode: unit for unit, opcodes in UNITS.items() for opcode in opcodes.split()}
MEMORY = ("global", "shared", "local")


@dataclass(frozen=True)
class Instruction:
    """One instruction; `target` is where it may jump to, or where threads that part here meet again (BSSY)."""

    address: int
    guard: str  # the predicate that it is executed under, "" for none
    opcode: str  # with its modifiers: LDG.E.64
    operands: str
    target: int | None

    @property
    def name(self) -> str:
        """The opcode alone."""
        return self.opcode.partition(".")[0]

    @property
    def conditional(self) -> bool:
        """Whether it depends on a predicate, before the opcode or as an operand (`@P0 BRA P1, ...`)."""
        return self.guard not in ("", "PT") or re.search(r"\bU?P\d", self.operands.partition("`")[0]) is not None

    @property
    def calls(self) -> bool:
        """Whether it calls a subroutine: `__cuda_sm20_dsqrt...` and the like."""
        return self.name == "CALL" and not self.jumps

    @property
    def jumps(self) -> bool:
        """Whether it is a jump; a CALL of a label inside the kernel is one."""
        if self.name == "CALL":
            return "`(.L" in self.operands
        return self.name == "BRA" and not self.opcode.startswith(("BRA.DIV", "BRA.CONV"))


def nvdisasm() -> str:
    """NVIDIA's disassembler: of the package nvidia-cuda-nvdisasm, or of a CUDA toolkit."""
    inside = sorted(Path(sysconfig.get_path("purelib")).glob("nvidia/*/bin/nvdisasm*"))
    found = next(map(str, inside), None) or shutil.which("nvdisasm")
    if not found:
        raise FileNotFoundError("no nvdisasm: pip install nvidia-cuda-nvdisasm, or put that of a CUDA toolkit on PATH")
    return found


def disassembled(cubin: bytes) -> dict[str, list[Instruction]]:
    """Kernel → its instructions."""
    with tempfile.NamedTemporaryFile(suffix=".cubin", delete=False) as file:
        file.write(cubin)
    try:
        done = subprocess.run([nvdisasm(), "-c", file.name], capture_output=True, text=True, check=True)
    finally:
        os.unlink(file.name)
    _, *parts = SECTION.split(done.stdout)
    return {name: instructions(text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def instructions(text: str) -> list[Instruction]:
    """The instructions in the text of one section, labels resolved."""
    labels: dict[str, int] = {}
    found, waiting = [], []
    for match in LINE.finditer(text):
        if match["label"]:
            waiting.append(match["label"])
            continue
        at = int(match["at"], 16)
        labels |= dict.fromkeys(waiting, at)
        waiting = []
        found.append((at, match["guard"] or "", match["opcode"], match["rest"].strip()))
    end = found[-1][0] + 16 if found else 0
    labels |= dict.fromkeys(waiting, end)
    return [Instruction(*parts, _target(parts[3], labels)) for parts in found]


def _target(operands: str, labels: dict[str, int]) -> int | None:
    match = TARGET.search(operands)
    return labels.get(match[1]) if match else None


def unit(opcode: str) -> str:
    """The unit that executes an opcode; raises KeyError for what is not known."""
    return UNIT[opcode.partition(".")[0]]


def classes(counts: Counter[str]) -> dict[str, float]:
    """Unit → how many instructions of it there are among those counted, by opcode."""
    found = dict.fromkeys(UNITS, 0.0)
    for opcode, count in counts.items():
        found[unit(opcode)] += count
    return found


def width(opcode: str) -> int:
    """Bytes that a thread loads or stores by an instruction."""
    sizes = {"8": 1, "U8": 1, "S8": 1, "U16": 2, "S16": 2, "16": 2, "64": 8, "128": 16}
    return next((sizes[part] for part in opcode.split(".")[1:] if part in sizes), 4)
