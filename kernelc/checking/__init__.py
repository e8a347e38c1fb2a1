"""Three oracles for a network's kernels: quadrature for its duals, other backends, and sampled finite networks."""

from kernelc.checking.run import check
from kernelc.checking.report import CheckReport

__all__ = ["CheckReport", "check"]
