"""The recursion as one writes it down: the formulas of the papers on whole matrices, in plain NumPy."""

import numpy as np


def relu(q1, q2, c):
    """E[φφ'], E[φ'φ''] of ReLU (Cho & Saul 2009)."""
    norms = np.sqrt(np.outer(q1, q2))
    cos = np.clip(c / norms, -1, 1)
    theta = np.arccos(cos)
    return norms * (np.sqrt(1 - cos**2) + (np.pi - theta) * cos) / (2 * np.pi), (np.pi - theta) / (2 * np.pi)


def erf(q1, q2, c):
    """The same of erf (Williams 1997)."""
    product = np.outer(1 + 2 * q1, 1 + 2 * q2)
    return 2 / np.pi * np.arcsin(2 * c / np.sqrt(product)), 4 / np.pi / np.sqrt(product - 4 * c**2)


def gelu(q1, q2, c):
    """The same of GELU (Tsuchida et al. 2020), in the form of neural-tangents."""
    product, plus = np.outer(q1, q2), np.outer(1 + q1, 1 + q2)
    square = plus - c**2
    root = np.sqrt(square)
    angle = np.arctan2(c, root)
    nngp = ((c**2 + product * square) / (plus * root) + c * angle) / (2 * np.pi) + c / 4
    slope = (1 / square + (1 - product) / plus + 1) * c / root / (2 * np.pi) + 1 / 4 + angle / (2 * np.pi)
    return nngp, slope


DIAGONALS = {
    "relu": lambda q: q / 2,
    "erf": lambda q: 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q)),
    "gelu": lambda q: q * (1 / 4 + (q / ((1 + q) * np.sqrt(1 + 2 * q)) + np.arcsin(q / (1 + q)) / 2) / np.pi),
}
DUALS = {"relu": relu, "erf": erf, "gelu": gelu}


def kernels(x1, x2, activation, depth, W, b):
    """(nngp, ntk) of a fully connected network with σ_w² = W, σ_b² = b."""
    x2 = x1 if x2 is None else x2
    dual, diagonal, d = DUALS[activation], DIAGONALS[activation], x1.shape[1]
    nngp = W * (x1 @ x2.T) / d + b
    q1, q2 = (W * np.sum(x**2, axis=1) / d + b for x in (x1, x2))
    ntk = nngp
    for _ in range(depth):
        dots, slopes = dual(q1, q2, nngp)
        nngp = W * dots + b
        ntk = W * slopes * ntk + nngp
        q1, q2 = W * diagonal(q1) + b, W * diagonal(q2) + b
    return nngp, ntk
