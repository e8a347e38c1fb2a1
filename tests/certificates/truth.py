"""Random small cases for data certificates, and what 200-digit arithmetic says of their claims.

The matrices come from the oracle of ``tests/oracle``, which shares nothing with kernelc: its formulas are written by
hand from the literature, its recursion is its own, and it reads the network from the canonical TOML.
"""

import numpy as np
from oracle.networks import reference
from oracle.precision import mp
from oracle.specs import read

from kernelc import Activation, Dense, Network, Normalize, Residual, Sum

DIGITS = 220


def networks():
    """Name → network: with and without bias, shallow and deep, exact duals of every kind."""
    he, half = "sqrt(2)", "0.5"
    he_relu = [Activation("relu"), Dense(W_std=he)]
    found = {
        "relu-1": [Dense(W_std=he), Activation("relu"), Dense()],
        "relu-2": [Dense(W_std=he), *he_relu, Activation("relu"), Dense()],
        "relu-5": [Dense(W_std=he), *he_relu * 4, Activation("relu"), Dense()],
        "relu-2-bias": [Dense(W_std=he, b_std="0.1"), Activation("relu"), Dense(W_std=he, b_std="0.3")] * 2,
        "relu-bias-late": [Dense(), Activation("relu"), Dense(b_std=half), Activation("relu"), Dense()],
        "relu-ends": [Dense(b_std="0.1"), Activation("relu")],
        "leaky": [Dense(b_std=half), Activation("leaky_relu", alpha="0.1"), Dense(), Activation("relu"), Dense()],
        "erf-1": [Dense(), Activation("erf"), Dense()],
        "erf-3": [Dense(W_std="1.5"), *[Activation("erf"), Dense(W_std="1.5")] * 3],
        "erf-2-bias": [Dense(b_std=half), Activation("erf"), Dense(b_std="0.1"), Activation("erf"), Dense()],
        "gelu-1": [Dense(W_std=he), Activation("gelu"), Dense()],
        "gelu-2-bias": [Dense(b_std="0.1"), Activation("gelu"), Dense(), Activation("gelu"), Dense()],
        "abs-1": [Dense(), Activation("abs"), Dense()],
        "abs-3": [Dense(), *[Activation("abs"), Dense()] * 3],
        "abs-2-bias": [Dense(b_std=half), Activation("abs"), Dense(), Activation("abs"), Dense()],
        "square-1": [Dense(), Activation("monomial", k=2), Dense()],
        "square-2-bias": [Dense(b_std="0.3"), Activation("monomial", k=2), Dense(), Activation("monomial", k=2),
        Dense()], "relu2-2": [Dense(), Activation("relu2"), Dense(), Activation("relu2"), Dense()],
        "linear": [Dense(b_std=half), Dense()],
        "sin": [Dense(b_std="0.1"), Activation("sin"), Dense()],
        "gaussian": [Dense(), Activation("gaussian"), Dense()],
        "residual-relu": [Dense(), Residual([Activation("relu"), Dense(W_std=he)]), Residual([Activation("relu"),
        Dense()])], "residual-mixed": [Dense(b_std="0.2"), Residual([Activation("gelu"), Dense()]),
        Activation("relu"), Dense()], "residual-erf": [Dense(), Residual([Activation("erf"), Dense()]),
        Activation("erf"), Dense()], "sum": [Dense(), Sum([[Activation("relu"), Dense()], [Activation("erf"),
        Dense()]]), Activation("relu"), Dense()], "normalize-relu": [Normalize(), Dense(W_std=he),
        Activation("relu"), Dense(b_std="0.1")], "normalize-erf": [Normalize(), Dense(), Activation("erf"), Dense()],
        "frozen": [Dense(train="none"), Activation("relu"), Dense(train="weights"), Activation("relu"), Dense()],
    }  # fmt: skip
    found = {name: Network(layers, name=name) for name, layers in found.items()}
    layers = [Dense(W_std="1.4"), Activation("relu"), Dense(b_std=0), Activation("erf"), Dense()]
    found["standard"] = Network(layers, name="standard", parameterization="standard")
    return found


def points(rng):
    """Rows of every kind: (rows, normalize)."""
    n, d = int(rng.integers(1, 13)), int(rng.integers(1, 6))
    x = rng.standard_normal((n, d))
    kind = rng.integers(0, 8)
    if kind == 0:  # a lattice: duplicates, parallels and antipodes that are exact
        x = rng.integers(-2, 3, (n, d)).astype(float)
    if kind in (1, 2):  # clusters
        centres = rng.integers(0, max(1, n // 3), n)
        x = x[centres] + 10.0 ** -rng.integers(1, 17) * rng.standard_normal((n, d))
    if kind in (2, 3, 4, 5):
        x /= np.linalg.norm(x, axis=1)[:, None]
    if kind in (2, 4):
        x *= np.sqrt(d)
    if n > 1 and rng.random() < 0.3:
        i, j = rng.choice(n, 2, replace=False)
        x[j] = x[i] * rng.choice([1, -1, 2, -0.5, 3])
    if n > 1 and rng.random() < 0.3:
        i, j = rng.choice(n, 2, replace=False)
        sign = rng.choice([1, 1, -1])
        x[j] = sign * x[i] + 10.0 ** -rng.uniform(3, 16) * rng.standard_normal(d)
    return x, bool(rng.random() < 0.2)


def matrix(net, x, get, normalize):
    """The exact matrix, an mp matrix of ``DIGITS`` digits."""
    network, parameterization = read(net.dumps())
    network = [("monomial", {"k": 2}) if layer == ("monomial", {}) else layer for layer in network]  # the default
    if normalize and network[0] != ("normalize",):
        network = [("normalize",), *network]
    with mp.workdps(DIGITS):
        values, _ = reference(network, np.asarray(x), parameterization=parameterization, get=get)
        return mp.matrix(values.tolist())


def positive(K, shift):
    """Whether K − shift·I is positive definite: Cholesky in 200 digits, whose rounding no case here comes near to."""
    n = K.rows
    with mp.workdps(DIGITS):
        A = K - mp.mpf(shift) * mp.eye(n)
        for k in range(n):
            if not A[k, k] > 0:
                return False
            for i in range(k + 1, n):
                factor = A[i, k] / A[k, k]
                for j in range(i, n):
                    A[i, j] = A[j, i] = A[i, j] - factor * A[k, j]
        return True


def wrong(certificate, K):
    """What is false in a certificate, as text; '' where all is true.

    The oracle's own error is below 1e-100: an angle of 0 comes out of acos(1 − 1e-220).
    """
    size = max(abs(K[i, i]) for i in range(K.rows)) or 1
    if certificate.lower_bound > certificate.upper_bound:
        return "lower > upper"
    if certificate.verdict == "singular":
        return "not singular" if positive(K, size * mp.mpf(10) ** -100) else ""
    if certificate.verdict == "pd" and not certificate.lower_bound > 0:
        return "pd without a bound"
    if certificate.verdict == "pd" and not positive(K, certificate.lower_bound):
        return "lower bound too high"
    slack = size * mp.mpf(10) ** -100
    upper = certificate.upper_bound
    return "upper bound too low" if np.isfinite(upper) and positive(K, mp.mpf(upper) + slack) else ""


NETWORKS = networks()


def case(seed):
    """The seed-th random case: (network, rows, kernel, normalize)."""
    rng = np.random.default_rng(seed)
    net = NETWORKS[list(NETWORKS)[int(rng.integers(len(NETWORKS)))]]
    x, normalize = points(rng)
    get = "nngp" if rng.random() < 0.3 else "ntk"
    return net, x, get, normalize
