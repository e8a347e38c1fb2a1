"""What every generated module does with its arguments, whatever its array library."""

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

F: Any = np.float64  # these names stand for the constants that a generated module defines itself
NO_NTK: Any = None  # why there is no NTK; empty where there is one
CHUNK = 256  # rows that are converted at once
SPHERE = 32  # units in the last place by which norms on one sphere may differ: what normalizing leaves
KEPT = 8  # of what is built for many calls: the last ones


def checked(x: Any, name: str) -> Any:
    """``x`` as a finite real array of shape (n, d), d >= 1; raises ValueError otherwise."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected real numbers, found an array of dtype {x.dtype}")
    if x.ndim != 2:
        hint = f"; one point is {name}[None, :]" if x.ndim == 1 else ""
        raise ValueError(f"{name}: expected shape (n, d), one row a point, found {x.shape}{hint}")
    if x.shape[1] == 0:
        raise ValueError(f"{name}: expected at least one column, found shape {x.shape}")
    for rows in panels(len(x), CHUNK):
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(x[rows].astype(F, copy=False))
        if bad.any():
            i, j = np.argwhere(bad)[0]
            value = x[rows][i, j]
            reason = "finite numbers" if not np.isfinite(value) else f"numbers within the range of {np.dtype(F)}"
            raise ValueError(f"{name}: expected {reason}, found {value} in row {rows.start + i}, column {j}")
    return x


def refuse(out: Any, wanted: str) -> NoReturn:
    """Say that ``out`` is not what was wanted."""
    found = f"{getattr(out, 'dtype', type(out).__name__)} of shape {np.shape(out)}"
    raise ValueError(f"out: expected {wanted}, found {found}")


def panels(n: int, size: int) -> Iterator[slice]:
    """Slices that cover range(n), ``size`` at a time."""
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def alike(values: Any, ulps: float) -> bool:
    """Whether two numbers differ by no more than some units in the last place."""
    return bool(abs(values[1] - values[0]) <= ulps * np.finfo(F).eps * abs(values[0]))


def wanted(get: Any) -> tuple[str, ...]:
    """``get`` as a tuple of kernel names."""
    names = tuple(get) if isinstance(get, tuple | list) and get else (get,)
    for name in names:
        if name not in ("nngp", "ntk"):
            raise ValueError(f"get: expected 'nngp', 'ntk' or a tuple of them, found {name!r}")
    if NO_NTK and "ntk" in names:
        raise ValueError(NO_NTK)
    return names
