"""What is measured on a GPU: networks, dtypes, calls and sizes. Nothing here needs one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

W, DEPTH = 2.0, 3  # σ_w² of every network, and its hidden layers
BIASES = {"collapsed": 0.0, "layers": 0.01}  # σ_b²
FEWEST = 1000  # rows, below which nobody is asked whether that fits
CONTENDERS = ("product", "kernelc", "CuPy", "PyTorch", "JAX")


@dataclass(frozen=True)
class Case:
    """The NTK of one network for n points, or for n and n others, of d coordinates."""

    activation: str
    way: str  # "collapsed", or "layers": every layer for every pair
    dtype: str
    one: bool  # K(x), or K(x1, x2)
    n: int
    d: int

    @property
    def spec(self) -> str:
        """The network for kernelc; without bias ReLU is homogeneous, and collapses for points of any norms."""
        dense = f'{{ dense = {{ W_std = "sqrt({W:g})", b_std = {BIASES[self.way] ** 0.5:g} }} }}'
        layers = f'[{dense}, {{ repeat = {DEPTH}, layers = ["{self.activation}", {dense}] }}]'
        return f'schema = 1\nname = "{self.activation}-{DEPTH}"\n[network]\nlayers = {layers}\n'

    @property
    def kernel(self) -> str:
        """The CUDA kernel of its pairs."""
        return "table_ntk" if self.way == "collapsed" else "layers_ntk"

    @property
    def itemsize(self) -> int:
        return np.dtype(self.dtype).itemsize

    @property
    def call(self) -> str:
        return "K(x)" if self.one else "K(x1, x2)"

    def points(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The same for every contender; norms differ, and so do all pairs' angles."""
        x, y = (np.random.default_rng(seed).standard_normal((self.n, self.d)).astype(self.dtype) for seed in (0, 1))
        return x, None if self.one else y

    def of(self, n: int) -> Case:
        """The same with another number of points."""
        return replace(self, n=n)

    def smaller(self) -> Case:
        """The same with half as many points."""
        return self.of(self.n // 2)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def cases(n: int, d: int) -> list[Case]:
    """ReLU both ways for one set and for two, and layer by layer what is not ReLU, in both dtypes."""
    found = []
    for dtype in ("float32", "float64"):
        found += [Case("relu", way, dtype, one, n, d) for way in BIASES for one in (True, False)]
        found += [Case(activation, "layers", dtype, True, n, d) for activation in ("erf", "gelu", "tanh")]
    return found


def sample(case: Case, rows: int = 600) -> np.ndarray:
    """Points to compare values on: some of the case's, duplicates, opposites, and some that are nearly parallel."""
    x = case.of(rows).points()[0]
    tiny = np.random.default_rng(2).standard_normal((8, case.d)).astype(case.dtype)
    scales = np.asarray([10.0 ** -(k + 1) for k in range(8)], case.dtype)[:, None]
    near = x[:8] + scales * tiny
    return np.concatenate([x, x[:4], -x[4:8], 3 * x[:4], near]).astype(case.dtype)
