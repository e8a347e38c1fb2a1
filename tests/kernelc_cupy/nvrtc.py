"""NVIDIA's run-time compiler, which needs no GPU: CUDA code → machine code of a card, and a report on it."""

import re
from contextlib import contextmanager
from dataclasses import dataclass

from cuda.bindings import nvrtc

OPTIONS = (b"--std=c++17", b"--fmad=false")  # those of the modules, and
OPTIONS += (b"-ftz=true", b"--device-as-default-execution-space")  # those that CuPy adds, whoever asks
KERNEL = re.compile(r"Compiling entry function '(\w+)' for")
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


@dataclass(frozen=True)
class Report:
    """What the compiler says: its log, and registers and spilled bytes of every kernel."""

    log: str
    registers: dict[str, int]
    spilled: dict[str, int]


def compiled(code: str, card: int, *options: bytes) -> tuple[bytes, Report]:
    """The machine code (a cubin) for a compute capability such as 90, and the report."""
    given = [f"--gpu-architecture=sm_{card}".encode(), *OPTIONS, b"--ptxas-options=-v", *options]
    with _program(code, given) as (program, log):
        cubin = _text(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program)
    names = KERNEL.findall(log)
    parts = KERNEL.split(log)[2::2]  # what follows each name
    registers = {name: int(REGISTERS.search(part)[1]) for name, part in zip(names, parts, strict=True)}
    spilled = {name: sum(map(int, sum(SPILLS.findall(part), ()))) for name, part in zip(names, parts, strict=True)}
    return cubin, Report(log, registers, spilled)


def ptx(code: str) -> str:
    """The code for CUDA's virtual machine, as text."""
    with _program(code, [b"--gpu-architecture=compute_80", *OPTIONS]) as (program, _):
        return _text(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program).decode()


def sent(code: str) -> bytes:
    """The code as modules hand it to CuPy."""
    return code.encode("ascii", "backslashreplace")


@contextmanager
def _program(code, options):
    """A compiled program and its log; its memory is given back, or hundreds of them would fill a worker's."""
    program = _checked(nvrtc.nvrtcCreateProgram(sent(code), b"kernels.cu", 0, [], []))
    try:
        (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        log = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program).decode().rstrip("\0")
        assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, log
        yield program, log
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def _checked(answer):
    status, value = answer
    assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, status
    return value


def _text(size, get, program) -> bytes:
    count = _checked(size(program))
    text = bytes(count + 2)  # NVRTC writes into it: bytes of length 0 and 1 are objects that all of Python shares
    (status,) = get(program, text)
    assert status == nvrtc.nvrtcResult.NVRTC_SUCCESS, status
    return text[:count]
