"""A process that measures: reads one JSON object a line, answers with one. ``python worker.py THREADS``.

``open`` prepares a run and calls it once, ``time`` times a call, ``close`` forgets all runs, ``memory`` gives the peak
of a call, ``differ`` compares a sample of a result with the reference, ``about`` gives versions.
"""

import os
import sys

THREADS = int(sys.argv[1]) if __name__ == "__main__" else 0
if THREADS:  # before anything that starts threads is imported
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for name in ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "NUMBA", "KERNELC"):
        os.environ[f"{name}_NUM_THREADS"] = str(THREADS)
    os.environ |= {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if hasattr(os, "sched_setaffinity"):  # XLA starts as many threads as it has cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])

import json  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402
from dataclasses import replace  # noqa: E402

import numpy as np  # noqa: E402

from speed import about, contenders  # noqa: E402
from speed.runs import Run  # noqa: E402

SAMPLE = 200  # rows and columns that are compared
calls = {}


def subset(n: int) -> np.ndarray:
    """The rows and columns that are compared."""
    return np.linspace(0, n - 1, min(n, SAMPLE)).astype(int)


def prepare(run: Run, sample: str | None = None) -> None:
    """Compile, warm up, and leave a part of the result in a file."""
    calls[run] = contenders.call(run, *run.inputs())
    result = calls[run]()
    if sample:
        rows = np.ix_(subset(run.n), subset(run.n))
        np.save(sample, np.stack([contenders.scale(run) * np.asarray(matrix)[rows] for matrix in result]))


def timed(run: Run) -> float:
    """Seconds of one call; what it returns is thrown away afterwards.

    A virtual machine may have given memory back to its host since the last call: it is fetched before, for everyone.
    """
    np.ones((2, len(run.names), run.n, run.n), run.dtype)
    start = time.perf_counter()
    result = calls[run]()
    seconds = time.perf_counter() - start
    del result
    return seconds


def differ(run: Run, sample: str) -> float:
    """The largest |K − K*| / √(K*_ii K*_jj) of a sample; K* by kernelc's numpy backend in float64, layer by layer."""
    x1, x2 = (None if x is None else x[subset(run.n)].astype(float) for x in run.inputs())
    kernel = contenders.compiled(run, "numpy", "float64", collapse=False)
    worst = []
    for name, found in zip(run.names, np.load(sample), strict=True):
        roots = [np.sqrt(kernel.diag(x, name)) for x in (x1, x1 if x2 is None else x2)]
        worst.append(np.max(np.abs(found - kernel(x1, x2, name)) / np.outer(*roots)))
    return float(np.max(worst))  # NaN where one is


def resident(key: str) -> float:
    """VmRSS or VmHWM, in MiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(key))


def memory(run: Run) -> float:
    """MiB that a call needs beyond its inputs and its result, above what is resident after one of a few rows."""
    contenders.call(replace(run, n=64), *replace(run, n=64).inputs())()
    call = contenders.call(run, *run.inputs())
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak starts anew, from what is resident now
    result = call()
    return resident("VmHWM") - before - sum(np.asarray(matrix).nbytes for matrix in result) / 2**20


DO = {"open": prepare, "time": timed, "differ": differ, "memory": memory}


def answer(asked: dict) -> object:
    """What one message asks for."""
    do = asked.pop("do")
    if do == "about":
        return about.versions()
    if do == "close":
        return calls.clear()
    return DO[do](Run(**asked.pop("run")), **asked)


def main() -> None:
    """Answer until the pipe closes; only answers go to it, whatever libraries print."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            reply = {"is": answer(json.loads(line))}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        out.write(json.dumps(reply) + "\n")


if __name__ == "__main__":
    main()
