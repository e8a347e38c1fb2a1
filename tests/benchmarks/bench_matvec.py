"""Conjugate gradients for (K + λ) a = y without the matrix: ``python tests/benchmarks/bench_matvec.py [N] [STEPS]``.

The NTK of relu-3 for N points (100,000: K itself would take 75 GiB). Prints the time of a product and the peak memory
beyond what was resident before, the inputs included; for Linux, which knows the peak.
"""

import sys
import time

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

import kernelc


def resident(key: str) -> float:
    """A figure of /proc/self/status, in MiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(key))


def main(n: int, steps: int) -> None:
    """Run some steps of conjugate gradients."""
    k = kernelc.compile("relu-3")
    small = np.random.default_rng(0).standard_normal((2000, 10))
    k.matvec(small, None, small[:, 0])  # compiles, and builds the table
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # the peak starts anew, from what is resident now
    x = np.random.default_rng(1).standard_normal((n, 10))
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
    times: list[float] = []

    def product(v: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        found = k.matvec(x, None, v.ravel()) + 0.1 * n * v.ravel()
        times.append(time.perf_counter() - start)
        return found

    a, _ = cg(LinearOperator((n, n), product, dtype=float), y, rtol=1e-10, maxiter=steps)
    rest = np.linalg.norm(product(a) - y) / np.linalg.norm(y)
    print(f"n = {n}, backend {k.module.__doc__.split(' for ')[1].split('.')[0]}: {np.median(times):.1f} s a product "
          f"({np.median(times) / n / n * 1e9:.2f} ns an entry), residual {rest:.1e} after {steps} steps, "
          f"peak {resident('VmHWM') - before:.0f} MiB")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
