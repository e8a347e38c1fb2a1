"""The numexpr backend: one compiled expression a line, several threads. The CPU default."""

from kernelc_numexpr.backend import NumexprBackend

backend = NumexprBackend()

__all__ = ["backend"]
