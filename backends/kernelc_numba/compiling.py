"""How a generated Numba module compiles its loops; its text is embedded there."""

import sys
import threading
from collections.abc import Callable
from typing import Any

import numba


class Loop:
    """A loop over a tile, compiled for the types of its first call; the machine code is kept on disk beside this file.

    There is one set of types for each loop, so that processes that compile at once all write the same. Arrays are
    C-contiguous; those whose names end in ``_any`` may have any layout.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.lock = function, threading.Lock()
        self.compiled: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Run the loop."""
        if self.compiled is None:
            with self.lock:
                self.compiled = self.compiled or self._compile(arguments)
        return self.compiled(*arguments)

    def _compile(self, arguments: tuple[Any, ...]) -> Any:
        names = self.function.__code__.co_varnames
        types = tuple(_type(argument, name) for argument, name in zip(arguments, names, strict=False))
        options: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
        module = sys.modules.get(self.function.__module__)
        if module and vars(module) is self.function.__globals__:  # Numba finds kept code by its module's name
            try:
                return numba.njit(types, cache=True, **options)(self.function)
            except Exception:  # there is no place to keep it, or what was kept is damaged
                pass
        return numba.njit(types, **options)(self.function)


def _type(argument: Any, name: str) -> Any:
    """The type of an argument, for Numba."""
    found: Any = numba.typeof(argument)  # type: ignore[no-untyped-call]
    return found.copy(layout="A") if name.endswith("_any") else found
