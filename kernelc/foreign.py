"""Python functions as activations: SymPy nodes that carry the function, for which there is no formula."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

from sympy import Expr, Function

from kernelc.symbols import x


class PythonFunction(Function):  # type: ignore[misc]
    """φ(x) by a Python function; each function has a subclass of its own."""

    nargs = (1,)
    python: ClassVar[Callable[..., Any]]
    resolve: ClassVar[Callable[[Callable[..., Any]], Any]]
    """What finds kinks and derivative of a Python function; set by kernelc.tables, which is built on this module."""

    def _eval_is_extended_real(self) -> bool:
        return True

    def fdiff(self, argindex: int = 1) -> Expr:
        """φ', as a Python function too."""
        return wrap(type(self).numeric().slope, f"{type(self).__name__}_prime")

    @classmethod
    @lru_cache(maxsize=64)
    def numeric(cls) -> Any:
        """φ and φ' in float64, kinks found (:class:`kernelc.duals.numpy_code.Numeric`)."""
        return PythonFunction.resolve(cls.python)


@lru_cache(maxsize=256)
def wrap(function: Callable[..., Any], name: str = "") -> Expr:
    """A Python function as an expression in x; the same for the same function."""
    given = name or getattr(function, "__name__", "")
    title = given if given.isidentifier() else "phi"
    return type(title, (PythonFunction,), {"python": staticmethod(function)})(x)
