"""The kernels between two layers of a generated module: the same module, cut off after a stage."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np


def kernels(module: Any, x: np.ndarray, get: tuple[str, ...]) -> tuple[dict[str, np.ndarray], ...]:
    """The kernels in ``get`` after every stage of a module that kernelc wrote; () for one that shows no stages."""
    blocks = getattr(module, "BLOCKS", None)
    if not isinstance(module, ModuleType) or not isinstance(blocks, tuple):
        return ()
    try:
        return _after_each(module, blocks, x, get)
    except (Exception, SystemExit):  # somebody edited it: its layers cannot be seen
        return ()


def _after_each(
    module: Any, blocks: tuple[Any, ...], x: np.ndarray, get: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], ...]:
    unrolled = [(1, *block[1:]) for block in blocks for _ in range(block[0])]
    found = []
    try:
        for h in range(1, len(unrolled) + 1):
            module.__dict__["BLOCKS"] = tuple(unrolled[:h])
            found.append(dict(zip(get, module.kernel(x.copy(), None, get), strict=True)))
    finally:
        module.__dict__["BLOCKS"] = blocks
    return tuple(found)
