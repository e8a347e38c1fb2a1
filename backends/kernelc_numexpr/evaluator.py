"""What a generated numexpr module calls its expressions with; its text is embedded there."""

import functools
from typing import Any

import numexpr
import numpy as np


@functools.cache
def compiled(expression: str, names: tuple[str, ...], kinds: tuple[str, ...]) -> Any:
    """The expression, compiled once for each combination of dtypes; numexpr's ``float`` is float32."""
    known = {"?": bool, "i": np.int32, "l": np.int64, "q": np.int64, "f": float, "d": np.float64}
    return numexpr.NumExpr(expression, [(name, known[kind]) for name, kind in zip(names, kinds, strict=True)])


def evaluate(expression: str, **operands: Any) -> Any:
    """The value of an expression at arrays that broadcast to a tile."""
    arrays = [np.asarray(v) for v in operands.values()]
    return compiled(expression, tuple(operands), tuple(a.dtype.char for a in arrays))(*arrays)
