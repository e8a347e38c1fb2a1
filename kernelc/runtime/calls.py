"""What the public functions of every generated module call, whatever its array library."""

from typing import Any

import numpy as np

from kernelc.runtime.inputs import refuse

F: Any = np.float64  # stand-ins for what a generated module defines itself
Rows: Any = None
Gram: Any = None


def prepared(x1: Any, x2: Any, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The Gram matrices of two sets of points; ``x2=None`` stands for x1 itself."""
    x1 = Rows.accepted(x1, "x1")
    x2 = None if x2 is None else Rows.accepted(x2, "x2")
    if x2 is not None and x1.shape[1] != x2.shape[1]:
        raise ValueError(f"x1 and x2: expected as many columns, found {x1.shape[1]} and {x2.shape[1]}")
    one = Rows(x1, parameters, get)
    return Gram(one, one if x2 is None else Rows(x2, parameters, get), parameters, get)


def gram(x1: Any, x2: Any, get: tuple[str, ...], parameters: dict[str, float], out: Any = None) -> dict[str, Any]:
    """The matrices ``get``, each of shape (n, m) and of the module's dtype; ``out`` is filled if it is given."""
    pairs = prepared(x1, x2, parameters, get)
    if out is not None and (np.shape(out) != pairs.shape or getattr(out, "dtype", None) != np.dtype(F)):
        refuse(out, f"{np.dtype(F)} of shape {pairs.shape}")
    outs = {name: pairs.empty() if out is None else out for name in pairs.get}
    pairs.fill(outs)
    return outs
