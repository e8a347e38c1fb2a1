"""Three oracles for a network's kernels: quadrature for its duals, other backends, and sampled finite networks."""

from kernelc.checking.report import CheckReport
from kernelc.checking.run import check

__all__ = ["CheckReport", "check"]
