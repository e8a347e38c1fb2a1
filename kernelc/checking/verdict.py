"""Kernel matrices against the samples of finite networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelc.checking.oracles import difference
from kernelc.checking.report import KernelResult, LayerResult
from kernelc.checking.statistics import ROUNDING, Agreement, coefficients, compare
from kernelc.montecarlo.estimate import Samples

Matrices = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Verdict:
    """The samples, and what they say of matrices (n, n); ``grain`` is the least error that they can resolve."""

    samples: Samples
    widths: tuple[int, ...]
    grain: float = ROUNDING

    def kernel(self, name: str, matrix: np.ndarray) -> KernelResult:
        """One kernel by itself."""
        found = self._compare([self._columns(name)], [matrix])
        worst = int(np.argmax(np.nan_to_num(np.abs(found.z), nan=np.inf)))
        i, j = (int(axis[worst]) for axis in np.triu_indices(self.samples.n))
        mean, error, z = (self._matrix(values) for values in (found.mean, found.error, found.z))
        distance = _distance(matrix, mean)
        if distance[j, i] > distance[i, j]:
            i, j = j, i
        return KernelResult(name, found.p_value, found.ratio, found.ratio_error, (i, j), matrix, mean, error, z)

    def together(self, matrices: Matrices) -> float:
        """The p-value of one test over all entries of all matrices."""
        columns = [self._columns(name) for name in matrices]
        return self._compare(columns, list(matrices.values())).p_value

    def layers(self, own: Sequence[Matrices], judged: Sequence[Matrices]) -> tuple[LayerResult, ...]:
        """Σ^(h) of kernelc's own kernel at every stage, and how a module's stages, if it shows them, depart from it."""
        results = []
        for h, title in enumerate(self.samples.titles):
            found = self._compare([self.samples.stage(h)], [own[h]["nngp"]])
            departs = {}
            if len(judged) == len(own):
                departs = {name: difference(judged[h][name], own[h][name]) for name in judged[h]}
            results.append(LayerResult(h + 1, title, found.p_value, float(np.abs(found.z).max()), departs))
        return tuple(results)

    def _columns(self, name: str) -> slice:
        last = len(self.samples.titles) - 1
        return self.samples.stage(last if name == "nngp" else last + 1)

    def _compare(self, columns: Sequence[slice], matrices: Sequence[np.ndarray]) -> Agreement:
        samples = [np.hstack([self.samples.values[m][:, part] for part in columns]) for m in self.widths]
        mean = sum(w * s.mean(axis=0) for w, s in zip(coefficients(self.widths), samples, strict=True))
        means = [self._matrix(part) for part in np.split(np.asarray(mean), len(columns))]
        upper = np.triu_indices(self.samples.n)
        roots = [np.sqrt(np.abs(np.diag(m))) for m in means]
        scales = [np.outer(root, root) for root in roots]
        expected = [_farther(k, m) for k, m in zip(matrices, means, strict=True)]
        return compare(
            samples,
            self.widths,
            np.concatenate([k[upper] for k in expected]),
            np.concatenate([s[upper] for s in scales]),
            self.grain,
        )

    def _matrix(self, values: np.ndarray) -> np.ndarray:
        matrix = np.zeros((self.samples.n, self.samples.n))
        matrix[np.triu_indices(self.samples.n)] = values
        return matrix + np.triu(matrix, 1).T


def _farther(matrix: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Of K_ij and K_ji, which a wrong module may have unequal, the one that is farther from the networks."""
    distance = _distance(matrix, mean)
    return np.where(distance >= distance.T, matrix, matrix.T)


def _distance(matrix: np.ndarray, mean: np.ndarray) -> np.ndarray:
    distance: np.ndarray = np.nan_to_num(np.abs(matrix - mean), nan=np.inf)
    return distance
