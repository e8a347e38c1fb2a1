"""Finite networks: sampled, and their kernels measured, with nothing that the derivation of kernels uses."""

from kernelc.montecarlo.single import empirical

__all__ = ["empirical"]
