"""The Numba backend: every layer a vectorised loop over tiles, on every core. The fast CPU target."""

from kernelc_numba.backend import NumbaBackend

backend = NumbaBackend()

__all__ = ["backend"]
