"""Arrays stay with their library: NumPy's, or CuPy's where the points are CuPy's."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

Array = Any


def namespace(array: Array) -> Any:
    """The module that an array belongs to: numpy or cupy."""
    return import_module("cupy" if type(array).__module__.split(".")[0] == "cupy" else "numpy")


def gram(a: Array, left: slice, right: slice) -> Array:
    """a_i·a_j of the rows in ``left`` with those in ``right``, for every network of a batch (R, n, width)."""
    return a[:, left] @ a[:, right].swapaxes(1, 2)


def on_host(array: Array) -> np.ndarray:
    """A NumPy array of float64, whatever library ``array`` belongs to."""
    return np.asarray(array if namespace(array) is np else array.get(), dtype=np.float64)
