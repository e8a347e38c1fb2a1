"""What a generated CuPy module does with a device: kernels, errors, arguments; its text is embedded there."""

import functools
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cupy
import numpy as np

from kernelc.runtime.inputs import checked

F: Any = np.float64  # stand-ins for what a generated module defines itself
ARITHMETIC: Any = None
LAYERS: Any = None
MACHINERY: Any = None

THREADS = 32  # in a block of a kernel that has a thread for each point: few, so that a panel is shared by all of a card
SQUARE = 32  # pairs of points in a row of the square that a block of threads computes
FULL_MEMORY = "the GPU's memory is full, even for a block of fewer than 64 rows: free some"
FULL_OF_CUDA = (  # what the driver says, cuBLAS, and the runtime where CuPy allocates without its pool
    "CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED", "cudaErrorMemoryAllocation",
)  # fmt: skip
WARNED: set[int] = set()  # cards that were named as slow
SLOW = 16  # times that double precision is slower than single, from which on a card is not made for it


class DeviceError(RuntimeError):
    """The GPU cannot do what was asked: there is none, its memory is full, its driver is too old."""


@functools.cache
def compiled() -> Any:
    """The kernels; CuPy compiles them for each device, and keeps the machine code on disk.

    It writes the text to a file in the locale's encoding, which may have no letters for the comments.
    """
    code = (ARITHMETIC + LAYERS + MACHINERY).encode("ascii", "backslashreplace").decode()
    return cupy.RawModule(code=code, options=("--std=c++17", "--fmad=false"))


def launch(name: str, grid: tuple[int, ...], block: tuple[int, ...], *arguments: Any) -> None:
    """Run a kernel on the current stream. Arrays are passed as pointers, None as a null pointer."""
    values = [np.uintp(0) if a is None else np.int64(a) if isinstance(a, int) else a for a in arguments]
    compiled().get_function(name)(grid, block, tuple(values))


def for_each(name: str, n: int, *arguments: Any) -> None:
    """Run a kernel with a thread for each of n points."""
    if n:
        launch(name, (-(-n // THREADS),), (THREADS,), *arguments, n)


@contextmanager
def device_errors() -> Iterator[None]:
    """What CuPy says of the GPU, as DeviceError."""
    try:
        yield
    except Exception as error:  # of CuPy's own only some are RuntimeErrors
        if said := _explained(error):
            raise DeviceError(said) from None
        raise


def _explained(error: Exception) -> str | None:
    """What an error of CuPy means, and what to do; None for errors of another kind."""
    reason = str(error)
    if memory_is_full(error):
        return f"the GPU's memory is full ({reason}): free some, or use smaller inputs"
    if isinstance(error, cupy.cuda.compiler.CompileException):
        return f"CUDA's compiler failed, which may be too old for this GPU: {reason}"
    if isinstance(error, cupy.cuda.runtime.CUDARuntimeError | cupy.cuda.driver.CUDADriverError):
        if "NoDevice" in reason or "NO_DEVICE" in reason:
            return f"there is no NVIDIA GPU here ({reason}); backend='auto' runs on the CPU"
        if "NO_BINARY_FOR_GPU" in reason:  # its compiler knows older ones, and compiled for one of these
            return f"this CuPy is too old for this GPU ({reason}): update it"
        if "InsufficientDriver" in reason or "UNSUPPORTED_PTX" in reason:
            hint = "update it, or install a CuPy for an older CUDA: cupy-cuda12x in place of cupy-cuda13x"
            return f"the GPU's driver is too old for this CuPy ({reason}): {hint}"
        return f"the GPU failed: {reason}"
    lacking = isinstance(error, ImportError) or type(error).__name__ == "DynamicLibNotFoundError"
    if lacking or (isinstance(error, RuntimeError) and "CUDA headers" in reason):  # which its compiler reads
        hint = "pip install 'cupy-cuda13x[ctk]', or 'cupy-cuda12x[ctk]' for a driver older than 580"
        line = reason.partition("\n")[0]
        return f"CuPy lacks a library of CUDA ({line}): {hint}"
    if type(error).__name__ == "CUBLASError":
        return f"the GPU failed in the matrix product: {reason}"
    return None


def memory_is_full(error: Exception) -> bool:
    """Whether an error says that the GPU has no memory left: CuPy's own, which is no RuntimeError, or one of CUDA's."""
    if isinstance(error, cupy.cuda.memory.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(name in str(error) for name in FULL_OF_CUDA)


def on_device(x: Any) -> bool:
    """Whether an array is CuPy's."""
    return isinstance(x, cupy.ndarray)


def accepted(x: Any, name: str) -> Any:
    """``x`` as a finite real array of shape (n, d), NumPy's or CuPy's; raises ValueError otherwise."""
    if not on_device(x):
        return checked(x, name)
    if x.ndim != 2 or x.shape[1] == 0 or x.dtype.kind not in "biuf":
        return checked(np.broadcast_to(np.empty((), x.dtype), x.shape), name)  # which says what is wrong
    with device_errors(), x.device:
        if not bool(cupy.isfinite(x.astype(F, copy=False)).all()):
            checked(cupy.asnumpy(x), name)
    return x


def device_of(*arrays: Any) -> Any:
    """The device that some arrays are on; the current one for NumPy's. Raises ValueError where they are apart."""
    given = [a for a in arrays if a is not None]
    if len({on_device(a) for a in given}) > 1:
        raise ValueError("x1 and x2: expected both NumPy arrays or both CuPy arrays, found one of each")
    if not on_device(given[0]):
        return cupy.cuda.Device()
    numbers = {a.device.id for a in given}
    if len(numbers) > 1:
        found = " and ".join(map(str, sorted(numbers)))
        raise DeviceError(f"x1 and x2: expected arrays on one GPU, found them on GPUs {found}")
    return given[0].device


def attempted(call: Callable[[], Any]) -> Any:
    """What a call gives; None where memory is full, with nothing left of what it had taken before."""
    try:
        return call()
    except (MemoryError, RuntimeError) as error:
        if not memory_is_full(error):
            raise
    return None  # by now the error is gone, which held the arrays of all functions that it came through


def host_memory(size: int) -> Any:
    """Memory of the host that the device writes to by itself; where the host has none left, memory that it does not."""
    try:
        return cupy.cuda.alloc_pinned_memory(size)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if "cudaErrorMemoryAllocation" not in str(error):
            raise
        return bytearray(size)


def expect_device(array: Any, device: Any, name: str) -> None:
    """Raise DeviceError where an array is on another device."""
    if on_device(array) and array.device.id != device.id:
        raise DeviceError(f"{name}: expected an array on GPU {device.id}, found one on GPU {array.device.id}")


def warn_of_rounding() -> None:
    """Warn where CuPy is told to multiply matrices of float32 with fewer digits."""
    if np.dtype(F).itemsize == 4 and os.environ.get("CUPY_TF32", "0") not in ("", "0"):
        message = "CUPY_TF32 makes CuPy round inner products to 11 bits, and so these kernels: unset it"
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def warn_of_slow_double(device: int) -> None:
    """Warn once of a card that is not made for double precision."""
    if device in WARNED:
        return
    WARNED.add(device)
    ratio = cupy.cuda.Device(device).attributes.get("SingleToDoublePrecisionPerfRatio", 0)
    if np.dtype(F).itemsize == 8 and ratio >= SLOW:
        message = f"GPU {device} is {ratio} times slower in float64 than in float32: dtype='float32' is an alternative"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
