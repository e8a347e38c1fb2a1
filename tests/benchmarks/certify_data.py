"""How long a data certificate takes, against the Gram matrix and its eigenvalues in floating point, in one run.

Run it from the repository: ``python tests/benchmarks/certify_data.py [n]``. Two hidden ReLU layers, NTK, n uniform
points on the spheres of d = 20 and d = 3. The bar: the ratio at most 5, the lower bound within 1 % of λ_min.
"""

import sys
import time

import numpy as np

import kernelc
from kernelc import Activation, Dense, Network
from kernelc.certificates.data.certificate import certify_data

RELU = [Activation("relu"), Dense(W_std="sqrt(2)")]
NET = Network([Dense(W_std="sqrt(2)"), *RELU, Activation("relu"), Dense()], name="relu-2-hidden")


def timed(call):
    start = time.perf_counter()
    value = call()
    return value, time.perf_counter() - start


def main(n):
    kernel = kernelc.compile(NET)
    kernel(np.eye(3))  # not to time what is done once
    for d in (20, 3):
        x = np.random.default_rng(0).standard_normal((n, d))
        x *= np.sqrt(d) / np.linalg.norm(x, axis=1)[:, None]
        K, gram = timed(lambda x=x: kernel(x))
        values, eigen = timed(lambda K=K: np.linalg.eigvalsh(K))
        found, certify = timed(lambda x=x: certify_data(NET, x))
        print(
            f"n = {n}, d = {d}: {found.verdict}, {found.lower_bound:.8g} <= λ_min <= {found.upper_bound:.8g}, "
            f"eigvalsh {values[0]:.8g}; Gram {gram:.2f} s, eigvalsh {eigen:.2f} s, certificate {certify:.2f} s, "
            f"ratio {certify / (gram + eigen):.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
