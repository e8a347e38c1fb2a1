"""The NTK as one writes it down, in any array library: whole matrices, and a pass over memory for every operation."""

from __future__ import annotations

import math
from typing import Any

KNOWN = ("relu", "erf", "gelu")  # what has a closed form in the literature


def relu(xp: Any, q1: Any, q2: Any, c: Any) -> tuple[Any, Any]:
    """E[φφ'], E[φ'φ''] of ReLU (Cho & Saul 2009)."""
    norms = (q1 * q2) ** 0.5
    cosine = (c / norms).clip(-1, 1)
    theta = math.pi - xp.arccos(cosine)
    return norms * ((1 - cosine * cosine) ** 0.5 + theta * cosine) / (2 * math.pi), theta / (2 * math.pi)


def erf(xp: Any, q1: Any, q2: Any, c: Any) -> tuple[Any, Any]:
    """The same of erf (Williams 1997)."""
    product = (1 + 2 * q1) * (1 + 2 * q2)
    return 2 / math.pi * xp.arcsin(2 * c / product**0.5), 4 / math.pi / (product - 4 * c * c) ** 0.5


def gelu(xp: Any, q1: Any, q2: Any, c: Any) -> tuple[Any, Any]:
    """The same of GELU (Tsuchida et al. 2020), in the form of neural-tangents."""
    product, plus = q1 * q2, (1 + q1) * (1 + q2)
    square = plus - c * c
    root = square**0.5
    angle = xp.arctan2(c, root)
    nngp = ((c * c + product * square) / (plus * root) + c * angle) / (2 * math.pi) + c / 4
    slope = (1 / square + (1 - product) / plus + 1) * c / root / (2 * math.pi) + 1 / 4 + angle / (2 * math.pi)
    return nngp, slope


def diagonal(xp: Any, activation: str, q: Any) -> Any:
    """E[φ²] at a variance."""
    if activation == "relu":
        return q / 2
    if activation == "erf":
        return 2 / math.pi * xp.arcsin(2 * q / (1 + 2 * q))
    return q * (1 / 4 + (q / ((1 + q) * (1 + 2 * q) ** 0.5) + xp.arcsin(q / (1 + q)) / 2) / math.pi)


DUALS = {"relu": relu, "erf": erf, "gelu": gelu}


def ntk(xp: Any, activation: str, x1: Any, x2: Any, w: float, b: float, depth: int) -> Any:
    """The NTK of a fully connected network with σ_w² = w, σ_b² = b."""
    x2 = x1 if x2 is None else x2
    c = w * (x1 @ x2.T) / x1.shape[1] + b
    q1, q2 = (w * (x * x).sum(1) / x.shape[1] + b for x in (x1, x2))
    total = c
    for _ in range(depth):
        dots, slopes = DUALS[activation](xp, q1[:, None], q2[None, :], c)
        c = w * dots + b
        total = w * slopes * total + c
        q1, q2 = (w * diagonal(xp, activation, q) + b for q in (q1, q2))
    return total
