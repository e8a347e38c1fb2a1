"""E[φ(u)φ(v)] to many digits for an analytic φ without a closed form: the trapezoidal rule in two dimensions.

For a Gaussian weight and a function that is analytic in a strip of half-width a the error falls like e^{−2πa/h}
(Trefethen & Weideman, SIAM Review 56, 2014). Two step sizes that agree are taken for the answer; this is no proof.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import mpmath
from sympy import Expr, lambdify

from kernelc.duals.pieces import SWITCHES
from kernelc.symbols import x

STEPS = ((6, 7), (12, 13), (24, 25))  # points for each unit of length, two to compare


@lru_cache(maxsize=1024)
def mean(phi: Expr, q: Any, c: Any, digits: int) -> Any | None:
    """E[φ(u)φ(v)], E[u²] = E[v²] = q, E[uv] = c, at the working precision; None where two rules disagree."""
    if phi.has(*SWITCHES):
        return None
    f = lambdify(x, phi, "mpmath")
    for coarse, fine in STEPS:
        one, two = _rule(f, q, c, coarse, digits), _rule(f, q, c, fine, digits)
        if abs(one - two) <= abs(two) * mpmath.mpf(10) ** (2 - digits):
            return two
    return None


def _rule(f: Callable[[Any], Any], q: Any, c: Any, points: int, digits: int) -> Any:
    """The sum over a grid in the independent coordinates (u + v)/√(2(q + c)) and (u − v)/√(2(q − c))."""
    reach = int(points * mpmath.sqrt(2 * (digits + 3) * mpmath.log(10))) + 1
    nodes = [mpmath.mpf(i) / points for i in range(-reach, reach + 1)]
    weights = [mpmath.exp(-(t**2) / 2) / (points * mpmath.sqrt(2 * mpmath.pi)) for t in nodes]
    along, across = mpmath.sqrt((q + c) / 2), mpmath.sqrt(max(q - c, 0) / 2)
    if across == 0:
        return mpmath.fsum(w * f(along * a) ** 2 for a, w in zip(nodes, weights, strict=True))
    if along == 0:
        return mpmath.fsum(w * f(across * b) * f(-across * b) for b, w in zip(nodes, weights, strict=True))
    total = mpmath.mpf(0)
    for a, w in zip(nodes, weights, strict=True):
        half = nodes[reach:]  # the product is even in the second coordinate
        row = [f(along * a + across * b) * f(along * a - across * b) for b in half]
        total += w * (2 * mpmath.fdot(row, weights[reach:]) - row[0] * weights[reach])
    return total
