"""The NumPy backend: the plainest printer, the reference that the others are held to."""

from kernelc_numpy.backend import NumPyBackend

backend = NumPyBackend()

__all__ = ["backend"]
