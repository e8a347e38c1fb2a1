"""Sums and products of floats together with what rounding took from them."""

from typing import Any


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """s + e == a + b exactly, s the rounded sum (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """p + e == a*b exactly, p the rounded product (Dekker, with Veltkamp's splitting)."""
    p = a * b
    t, u = 134217729.0 * a, 134217729.0 * b  # 2**27 + 1
    a1, b1 = t - (t - a), u - (u - b)
    a2, b2 = a - a1, b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2
