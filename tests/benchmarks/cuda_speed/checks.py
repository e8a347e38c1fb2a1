"""What only kernelc's worker is asked for: the card, its limits, accuracy, operations of a pair, arrays of the host."""

from __future__ import annotations

import math
import shutil
import subprocess
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

import kernelc
from cuda_speed.cases import Case, sample
from cuda_speed.pairs import of_pair, repeats
from cuda_speed.sass import classes, disassembled
from cuda_speed.worker import synchronize, timed
from kernelc.lowering import lower

CHAINS, STEPS = 8, 4096  # of the kernel that measures the rate of double precision
RATE = f"""
extern "C" __global__ void rate(double *out, const double *line) {{
    const double a = line[0], b = line[1];
    double x[{CHAINS}];
#pragma unroll
    for (int k = 0; k < {CHAINS}; k++) x[k] = threadIdx.x + k;
#pragma unroll 8
    for (int n = 0; n < {STEPS}; n++) {{
#pragma unroll
        for (int k = 0; k < {CHAINS}; k++) x[k] = fma(x[k], a, b);
    }}
    double total = 0;
#pragma unroll
    for (int k = 0; k < {CHAINS}; k++) total += x[k];
    out[blockIdx.x * blockDim.x + threadIdx.x] = total;
}}
"""
OPTIONS = ("--std=c++17", "--fmad=false")  # those of the modules
CUPY = "-ftz=true"  # what CuPy adds
ROOM = 2**30  # bytes of the card that arrays of the host may take: less than their matrix
SMI = "clocks.sm,clocks.max.sm,clocks.mem,power.limit,ecc.mode.current"


def machine(case: Case, rounds: int) -> dict[str, Any]:
    """The card and the versions of what is used."""
    cp = import_module("cupy")
    properties = cp.cuda.runtime.getDeviceProperties(0)
    found = {
        "card": properties["name"].decode(),
        "capability": cp.cuda.Device().compute_capability,
        "SMs": properties["multiProcessorCount"],
        "memory": f"{properties['totalGlobalMem'] / 2**30:.0f} GiB",
        "driver": cp.cuda.runtime.driverGetVersion(),
        "CUDA": cp.cuda.runtime.runtimeGetVersion(),
        "CuPy": cp.__version__,
    }
    for package in ("torch", "jax", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", f"--query-gpu={SMI}", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True)
        found[SMI] = done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout else "?"
    return found


def limits(case: Case, rounds: int) -> dict[str, Any]:
    """Seconds a byte of a copy, as large as the case's matrix if there is room for two, and double-precision operations
    in a second.
    """
    cp = import_module("cupy")
    free = cp.cuda.Device().mem_info[0]
    n = min(case.n, math.isqrt(int(0.4 * free) // case.itemsize))
    copy = min(_copies(cp, case.of(n), rounds)) / (n**2 * case.itemsize)
    blocks, threads = 64 * cp.cuda.runtime.getDeviceProperties(0)["multiProcessorCount"], 256
    out = cp.empty(blocks * threads, "float64")
    kernel = cp.RawModule(code=RATE, options=OPTIONS).get_function("rate")
    arguments = (out, cp.asarray(np.array([0.999, 0.001])))
    spent = min(timed(lambda: kernel((blocks,), (threads,), arguments), rounds))
    return {"copy": copy, "double": blocks * threads * CHAINS * STEPS / spent}


def _copies(cp: Any, case: Case, rounds: int) -> list[float]:
    one, two = (cp.ones((case.n, case.n), case.dtype) for _ in range(2))
    return timed(lambda: cp.copyto(two, one), rounds)


def accuracy(case: Case, rounds: int) -> dict[str, Any]:
    """The largest error, relative to √(K_ii K_jj), against kernelc's NumPy backend in double precision."""
    cp = import_module("cupy")
    x, net = sample(case), kernelc.loads(case.spec)
    true = kernelc.compile(net, backend="numpy")(x.astype("float64"))
    found = cp.asnumpy(kernelc.compile(net, backend="cupy", dtype=case.dtype)(cp.asarray(x)))
    root = np.sqrt(np.diag(true))
    return {"differs": float((np.abs(found - true) / (root[:, None] * root)).max())}


def double(case: Case, rounds: int) -> dict[str, Any]:
    """Double-precision operations for one entry, in the machine code that this card gets."""
    cp = import_module("cupy")
    net = kernelc.loads(case.spec)
    module = kernelc.compile(net, backend="cupy", dtype=case.dtype).module
    cubin = machine_code(cp, module.ARITHMETIC + module.LAYERS + module.MACHINERY)
    counted = repeats(lower(kernelc.derive(net))) if case.way == "layers" else []
    pair = of_pair(disassembled(cubin)[case.kernel], "ntk", counted, case.one)
    return {"double": classes(pair)["double"] / (2 if case.one else 1), "instructions": pair.total()}


def machine_code(cp: Any, code: str) -> bytes:
    """What CuPy's compiler makes of a module, by CuPy's options."""
    nvrtc = cp.cuda.nvrtc
    program = nvrtc.createProgram(code, "kernels.cu", [], [])
    try:
        nvrtc.compileProgram(program, (*OPTIONS, CUPY, f"-arch=sm_{cp.cuda.Device().compute_capability}"))
        return bytes(nvrtc.getCUBIN(program))
    finally:
        nvrtc.destroyProgram(program)


def host(case: Case, rounds: int) -> dict[str, Any]:
    """Seconds of K(x) for arrays of the host, larger than what may be on the card, and of copying such a matrix."""
    cp = import_module("cupy")
    pool = cp.get_default_memory_pool()
    k = kernelc.compile(kernelc.loads(case.spec), backend="cupy", dtype=case.dtype)
    x = case.points()[0]
    room = min(ROOM, case.n**2 * case.itemsize // 2)
    pool.set_limit(size=room)
    try:
        whole = timed(lambda: k(x), rounds)
    finally:
        pool.set_limit(size=0)
    rows = max(room // 4 // (case.n * case.itemsize), 1)
    block = cp.ones((rows, case.n), case.dtype)
    pinned = cp.cuda.alloc_pinned_memory(block.nbytes)  # the card writes to it by itself: there is no faster copy
    out = np.frombuffer(pinned, case.dtype, block.size).reshape(block.shape)

    def copies() -> None:
        for _ in range(-(-case.n // rows)):
            cp.asnumpy(block, out=out)

    synchronize()
    return {"seconds": whole, "copy": timed(copies, rounds), "room": room}
