"""The numexpr backend: one compiled expression a line. The CPU default where Numba is not installed."""

from kernelc_numexpr.backend import NumexprBackend

backend = NumexprBackend()

__all__ = ["backend"]
