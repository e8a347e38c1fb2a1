"""What a generated numexpr module calls its expressions with; its text is embedded there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numexpr
import numpy as np

shared: Any = None  # stands for what a generated module defines itself

FREE: dict[Any, list[Any]] = {}  # compiled expressions that no thread is using: each has a scratch memory of its own


def evaluate(expression: str, **operands: Any) -> Any:
    """The value of an expression at arrays that broadcast to a tile, compiled for their dtypes (float is float32)."""
    arrays = [np.asarray(v) for v in operands.values()]
    free = FREE.setdefault((expression, tuple(operands), tuple(a.dtype.char for a in arrays)), [])
    try:
        compiled = free.pop()
    except IndexError:
        known = {"?": bool, "i": np.int32, "l": np.int64, "q": np.int64, "f": float, "d": np.float64}
        kinds = [(name, known[a.dtype.char]) for name, a in zip(operands, arrays, strict=True)]
        compiled = numexpr.NumExpr(expression, kinds)
    try:
        return compiled(*arrays)
    finally:
        free.append(compiled)


def library_on_one_thread() -> Any:
    """numexpr without threads of its own, while blocks are shared among ours."""
    return shared(numexpr, serial)


@contextmanager
def serial() -> Iterator[None]:
    """numexpr on one thread."""
    before = numexpr.set_num_threads(1)
    try:
        yield
    finally:
        numexpr.set_num_threads(before)
