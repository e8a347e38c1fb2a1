"""Peak memory of an n × n Gram matrix: ``python tests/benchmarks/bench_memory.py [N] [SPEC ...]``.

The contract: output + inputs + 64 MiB, above the resident size after import and one warm-up call. Each kernel runs in
a process of its own; /proc/self/status knows its peak (VmHWM), so this is for Linux.
"""

import subprocess
import sys

MEASURE = """
import sys, time
import numpy as np
import kernelc

def resident(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(key))

spec, backend, n, d = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
k = kernelc.compile(spec, backend)
k(np.random.default_rng(0).standard_normal((2, d)))
x = np.zeros((0, d))
before = resident("VmRSS")
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")  # the peak starts anew, from what is resident now
x = np.random.default_rng(1).standard_normal((n, d))
start = time.perf_counter()
K = k(x)
seconds = time.perf_counter() - start
print(resident("VmHWM") - before, (x.nbytes + K.nbytes) / 2**20, seconds)
"""
ALLOWED = 64  # MiB


def measure(spec: str, backend: str, n: int, d: int) -> None:
    """One line of the table."""
    command = [sys.executable, "-c", MEASURE, spec, backend, str(n), str(d)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, arrays, seconds = map(float, result.stdout.split())
    verdict = "yes" if peak - arrays <= ALLOWED else "NO"
    print(
        f"{spec:8} {backend:8} {n:6} {d:4} {arrays:9.0f} {peak:9.0f} {peak - arrays:8.1f} {verdict:>5} {seconds:8.1f}"
    )


def main(n: int, specs: list[str]) -> None:
    """Print the table."""
    print("spec     backend       n    d  arrays/MiB peak/MiB  beyond <= 64 seconds")
    for spec in specs:
        for backend in ("numpy", "numexpr"):
            for d in (10, 784):
                measure(spec, backend, n, d)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, sys.argv[2:] or ["relu-3", "erf-3"])
