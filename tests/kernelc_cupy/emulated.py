"""A module ``cupy`` that runs on the host: the stand-in's arrays, and kernels compiled by a C++ compiler.

A test may take memory away (``limit``, bytes of one array) or say which device arrays are made on.
"""

from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
from cupy_stand_in import Card, Device, host
from on_host import Kernel


class Stream:
    def __init__(self, non_blocking=False):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def synchronize(self):
        pass


class RawModule:
    def __init__(self, code, options):
        assert options == ("--std=c++17", "--fmad=false")
        assert code.isascii()  # CuPy writes it to a file in the locale's encoding
        assert "??" not in code  # the beginning of a trigraph: the compiler warns
        self.code = code

    def get_function(self, name):
        kernel = Kernel(self.code, name)
        return lambda grid, block, arguments: kernel(
            grid, block, [a.held if isinstance(a, Device) else a for a in arguments]
        )


def emulated() -> ModuleType:
    """A fresh module ``cupy``."""
    cupy = ModuleType("cupy")
    cupy.__spec__ = ModuleSpec("cupy", None)
    cupy.limit = float("inf")
    bases = {"OutOfMemoryError": MemoryError, "CompileException": Exception}  # as CuPy's own
    bases |= dict.fromkeys(("CUDARuntimeError", "CUDADriverError"), RuntimeError)
    errors = {name: type(name, (base,), {"__module__": "cupy"}) for name, base in bases.items()}

    def new(make):
        def made(shape, *rest, **options):
            held = make(shape, *rest, **options)
            if held.nbytes > cupy.limit:
                raise errors["OutOfMemoryError"](f"Out of memory allocating {held.nbytes} bytes")
            return Device(held)

        return made

    def taken(x):
        return x.held if isinstance(x, Device) else x

    cupy.ndarray = Device
    cupy.empty, cupy.zeros, cupy.ones, cupy.full = map(new, (np.empty, np.zeros, np.ones, np.full))
    cupy.array = lambda x, dtype=None, order="K": Device(np.array(taken(x), dtype=dtype, order=order))
    cupy.asarray = lambda x, dtype=None: (
        x if isinstance(x, Device) and dtype in (None, x.dtype) else Device(np.array(taken(x), dtype=dtype))
    )
    cupy.asnumpy = lambda x: taken(x).copy()
    cupy.isfinite = lambda x: Device(np.isfinite(host(x)))
    cupy.may_share_memory = lambda a, b: np.may_share_memory(host(a), host(b))
    cupy.RawModule = RawModule
    cupy.get_default_memory_pool = lambda: SimpleNamespace(free_bytes=lambda: 0, free_all_blocks=lambda: None)
    cupy.cuda = SimpleNamespace(
        Device=Card,
        nvrtc=SimpleNamespace(getVersion=lambda: (13, 0)),
        cublas=SimpleNamespace(getVersion=lambda handle: 130000),
        Stream=Stream,
        get_current_stream=Stream,
        alloc_pinned_memory=bytearray,
        memory=SimpleNamespace(OutOfMemoryError=errors["OutOfMemoryError"]),
        compiler=SimpleNamespace(CompileException=errors["CompileException"]),
        runtime=SimpleNamespace(CUDARuntimeError=errors["CUDARuntimeError"], getDeviceCount=lambda: 1),
        driver=SimpleNamespace(CUDADriverError=errors["CUDADriverError"]),
    )
    return cupy
