"""Modules under test: generated, edited or written by hand, as long as they have nngp and ntk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from kernelc.errors import InputError
from kernelc.messages import quote


def opened(module: object) -> Any:
    """A module as it is (or any object with functions nngp and ntk), a path imported; raises InputError."""
    if not isinstance(module, str | Path):
        if not any(callable(getattr(module, name, None)) for name in ("nngp", "ntk")):
            raise InputError(
                f"module: expected a module with functions nngp and ntk, or the path of one, found {quote(module)}"
            )
        return module
    path = Path(module)
    if not path.is_file():
        raise InputError(f"{path}: there is no such module; write one with `kernelc build`")
    spec = spec_from_file_location(f"kernelc_checked_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: expected a Python file, whose name ends in .py")
    loaded = module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look their module up
    try:
        spec.loader.exec_module(loaded)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise InputError(f"{path} does not import: {type(error).__name__}: {error}") from error
    return opened(loaded)


def matrix(module: Any, name: str, x: np.ndarray) -> np.ndarray:
    """The kernel ``name`` of the module on the points x (n, d), in float64; raises InputError for anything else.

    Above the diagonal, the block of the first half of the points with the second comes from a call with two arguments.
    """
    function = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"the module has no function {name}(x1, x2=None), which get asks for; ask for the other")
    found, half = _called(name, function, x), len(x) // 2
    if half and _takes(function, 2):
        found[:half, half:] = _called(name, function, x[:half], x[half:])
    return found


def _called(name: str, function: Callable[..., Any], x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """function(x, y) or function(x), or function(x, x) where the second argument is not optional."""
    shape = (len(x), len(x if y is None else y))
    if y is None and not _takes(function, 1):
        y = x
    arguments = [rows.copy() for rows in (x, y) if rows is not None]  # a module may change its arguments
    try:
        found = np.asarray(function(*arguments))
    except (Exception, SystemExit) as error:
        raise InputError(f"the module's {name} fails on the points: {type(error).__name__}: {error}") from error
    if found.dtype.kind not in "biuf":
        raise InputError(f"the module's {name}: expected real numbers, found an array of dtype {found.dtype}")
    if found.shape != shape:
        given = "x)" if len(arguments) == 1 else f"x1, x2) of {shape[0]} and {shape[1]} rows"
        raise InputError(f"the module's {name}({given}: expected shape {shape}, found {found.shape}")
    return found.astype(np.float64)


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether it can be called with so many arguments."""
    try:
        signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True
