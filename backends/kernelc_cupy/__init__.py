"""The CuPy backend: every layer of a pair in the registers of one CUDA kernel. The GPU target."""

from kernelc_cupy.backend import CuPyBackend

backend = CuPyBackend()

__all__ = ["backend"]
