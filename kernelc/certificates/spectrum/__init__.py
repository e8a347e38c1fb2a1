"""Taylor coefficients and eigenvalues of a network's kernel on the sphere."""

from kernelc.certificates.spectrum.compute import Spectrum, spectrum, theory_text

__all__ = ["Spectrum", "spectrum", "theory_text"]
