"""Tables: the duals of activations without a closed form, as Chebyshev series with a measured error.

``lookup`` finds the table of an activation on the disk or builds it; ``definition`` writes it into a generated module.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sympy import Expr

from kernelc.duals.numpy_code import numeric
from kernelc.foreign import PythonFunction
from kernelc.tables import build as builder
from kernelc.tables import cache
from kernelc.tables.build import TARGET
from kernelc.tables.callables import numeric_of_callable
from kernelc.tables.record import Table
from kernelc.tables.sampling import sampled
from kernelc.tables.text import definition

__all__ = ["TARGET", "Table", "definition", "lookup"]


PythonFunction.resolve = staticmethod(numeric_of_callable)


def lookup(
    phi: Expr,
    q_range: tuple[float, float],
    target: float = TARGET,
    progress: Callable[[float], None] | None = None,
    work: float = builder.WORK,
) -> Table:
    """The table of φ for E[u²] in ``q_range``, from the cache on the disk if it was built before.

    Raises UnsupportedError where its error stays above ``target``, or it would take more than ``work`` values of φ.
    """
    if isinstance(phi, PythonFunction):
        return _of_function(phi, q_range, target)
    key = cache.key(phi, q_range, target)
    found = cache.load(key)
    if found is None:
        found = builder.build(sampled(numeric(phi)), q_range, target, progress, work)
        cache.save(key, found)
    return found


@lru_cache(maxsize=16)
def _of_function(phi: Expr, q_range: tuple[float, float], target: float) -> Table:
    """The table of a Python function, kept as long as the process lives: a function has no name on the disk."""
    return builder.build(sampled(numeric(phi)), q_range, max(target, 1e-11))
