"""CompiledKernel: a generated module as a Python object, for whole matrices, tiles and products."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelc.errors import BackendError, InputError, UnsupportedError
from kernelc.files import atomic_write_text
from kernelc.montecarlo.arrays import namespace

Get = str | tuple[str, ...]


@dataclass(eq=False)
class CompiledKernel:
    """A compiled kernel. Inputs are arrays of shape (n, d) and (m, d), one row a point; results have shape (n, m).

    ``x2=None`` stands for x1 itself: row i and column i are the same point, so the diagonal is exact and half of the
    matrix is computed. Every method raises InputError for arrays that are not real, finite and two-dimensional,
    UnsupportedError for the NTK of an activation that jumps, and BackendError where a GPU fails. The cupy backend takes
    CuPy arrays as well, and returns what it is given: CuPy's for CuPy's, NumPy's for NumPy's.
    """

    name: str
    source: str
    module: ModuleType
    parameters: Mapping[str, float]
    ntk_reason: str = ""
    widened: Callable[[float, float], CompiledKernel] | None = field(default=None, repr=False)
    """The same kernel for data whose second moments E[z²] reach from the first number to the second."""

    def __call__(self, x1: ArrayLike, x2: ArrayLike | None = None, get: Get = "ntk", **parameters: float) -> Any:
        """The kernel matrix that ``get`` names, "ntk" or "nngp"; a tuple of names gives a tuple of matrices."""
        return self._run(get, lambda module: module.kernel(x1, x2, get, **self._given(parameters)))

    def nngp(self, x1: ArrayLike, x2: ArrayLike | None = None, *, out: Any = None, **parameters: float) -> NDArray[Any]:
        """E[f(x) f(x')] over the weights, shape (n, m); written into ``out`` if it is given."""
        return self._into(out, x1, x2, "nngp", parameters)

    def ntk(self, x1: ArrayLike, x2: ArrayLike | None = None, *, out: Any = None, **parameters: float) -> NDArray[Any]:
        """The neural tangent kernel, shape (n, m); written into ``out`` if it is given."""
        return self._into(out, x1, x2, "ntk", parameters)

    def _into(
        self, out: Any, x1: ArrayLike, x2: ArrayLike | None, get: str, parameters: dict[str, float]
    ) -> NDArray[Any]:
        if out is None:
            matrix: NDArray[Any] = self(x1, x2, get, **parameters)
            return matrix
        self.fill(out, x1, x2, get, None, **parameters)
        filled: NDArray[Any] = out
        return filled

    def diag(self, x1: ArrayLike, get: Get = "ntk", **parameters: float) -> Any:
        """The diagonal of the Gram matrix of x1, shape (n,)."""
        return self._run(get, lambda module: module.diag(x1, get, **self._given(parameters)))

    def fill(
        self,
        out: Any,
        x1: ArrayLike,
        x2: ArrayLike | None = None,
        get: str = "ntk",
        progress: Callable[[float], None] | None = None,
        **parameters: float,
    ) -> None:
        """Write the matrix into ``out`` (an array or a memory map), tile by tile; ``progress`` gets the share done."""
        pairs = self._prepared(x1, x2, get, parameters)
        with self._checked(get):
            pairs.fill({get: out}, progress)

    def tiles(
        self, x1: ArrayLike, x2: ArrayLike | None = None, get: str = "ntk", **parameters: float
    ) -> Iterator[tuple[slice, slice, NDArray[Any]]]:
        """(rows, columns, block) for blocks that cover the matrix, which is never held as a whole."""
        pairs = self._prepared(x1, x2, get, parameters)
        # copies: a block below the diagonal is the mirror image of one above, which the caller may have changed
        return self._blocks(pairs, get, _copied)

    def matvec(
        self, x1: ArrayLike, x2: ArrayLike | None, v: ArrayLike, get: str = "ntk", **parameters: float
    ) -> NDArray[Any]:
        """K(x1, x2) @ v for v of shape (m,) or (m, k), tile by tile; the matrix is never held as a whole."""
        vector: Any = np.asarray(v) if namespace(v) is np else v
        pairs = self._prepared(x1, x2, get, parameters)
        n, m = pairs.shape
        with self._checked(get), _at(vector):
            finite = vector.dtype.kind in "biuf" and bool((abs(vector) < np.inf).all())
        if not finite:
            raise InputError(f"v: expected finite real numbers, found an array of dtype {vector.dtype}")
        if vector.ndim not in (1, 2) or len(vector) != m:
            raise InputError(f"v: expected shape ({m},) or ({m}, k), found {vector.shape}")
        if hasattr(pairs, "product"):  # on a device, where the blocks are
            with self._checked(get):
                return cast(NDArray[Any], pairs.product(vector, get))
        out = np.zeros((n, *vector.shape[1:]), dtype=self.module.F)
        for i, j, values in self._blocks(pairs, get):
            out[i] += values @ vector[j]
        return out

    def _prepared(self, x1: ArrayLike, x2: ArrayLike | None, get: str, parameters: Mapping[str, float]) -> Any:
        given = self._inner(parameters)
        return self._run(get, lambda module: module.prepared(x1, x2, given, _single(get)))

    def _blocks(
        self, pairs: Any, get: str, taken: Callable[[Any], Any] = lambda block: block
    ) -> Iterator[tuple[slice, slice, Any]]:
        with self._checked(get):
            for i, j, values in pairs.blocks():
                yield i, j, taken(values[get])

    def save(self, path: str | Path) -> None:
        """Write the module's text to a file, whole or not at all."""
        atomic_write_text(Path(path), self.source)

    def _given(self, parameters: Mapping[str, float]) -> dict[str, float]:
        unknown = set(parameters) - set(self.parameters)
        if unknown:
            known = ", ".join(self.parameters) or "none"
            raise InputError(f"{self.name} has no parameter {', '.join(sorted(unknown))}; it has {known}")
        return {**self.parameters, **{name: _finite(name, value) for name, value in parameters.items()}}

    def _inner(self, parameters: Mapping[str, float]) -> dict[str, float]:
        """The same under the names that a module's own functions know."""
        return {f"{name}_": value for name, value in self._given(parameters).items()}

    def _run(self, get: Get, call: Callable[[ModuleType], Any]) -> Any:
        """The result of a call of the module; of a wider one, where the data leaves the range of a table."""
        with self._checked(get):
            while True:
                try:
                    return call(self.module)
                except ValueError as error:
                    ends: tuple[float, float] | None = getattr(error, "ends", None)  # of a QRangeError
                    if self.widened is None or ends is None:
                        raise
                wider = self.widened(*ends)
                self.source, self.module, self.widened = wider.source, wider.module, wider.widened

    @contextmanager
    def _checked(self, get: Get) -> Iterator[None]:
        """What generated modules say as ValueError, as kernelc's own errors."""
        if self.ntk_reason and "ntk" in (get if isinstance(get, tuple | list) else (get,)):
            raise UnsupportedError(self.ntk_reason)
        try:
            yield
        except ValueError as error:
            raise InputError(str(error)) from None
        except RuntimeError as error:
            if type(error).__name__ != "DeviceError":  # a class of the module's own
                raise
            raise BackendError(str(error)) from None
        except MemoryError as error:
            if type(error).__module__.split(".")[0] != "cupy":
                raise
            raise BackendError(f"the GPU's memory is full ({error}): free some") from None


def _at(array: Any) -> Any:
    """A context in which the device that an array is on is the current one."""
    return nullcontext() if namespace(array) is np else array.device


def _copied(block: Any) -> Any:
    """A copy, on the same device. It is there when this returns: the block's memory may be another stream's next."""
    with _at(block):
        copy, library = block.copy(order="C"), namespace(block)
        if library is not np:
            library.cuda.get_current_stream().synchronize()
        return copy


def _single(get: object) -> tuple[str]:
    """``get`` as a tuple of one name."""
    if get not in ("nngp", "ntk"):
        raise InputError(f"get: expected 'nngp' or 'ntk', found {get!r}")
    return (str(get),)


def _finite(name: str, value: object) -> float:
    """A parameter's value."""
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "biuf" or not np.isfinite(number):
        raise InputError(f"{name}: expected a finite real number, found {value!r}")
    return float(number)
