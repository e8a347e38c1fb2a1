"""Weight matrices of finite networks, drawn in full or only as far as the points see them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kernelc.montecarlo.architecture import Affine
from kernelc.montecarlo.arrays import Array, namespace

BLOCK = 1 << 22  # entries of a weight matrix held at once (32 MiB)
Seeds = tuple[np.random.SeedSequence, ...]


class Drawn:
    """W (n_out, n_in) of each network of a batch, drawn row block by row block, and again for the way back.

    The numbers depend on the network's seed alone, not on the batch, and no matrix is ever held whole.
    """

    def __init__(self, affine: Affine, seeds: Seeds) -> None:
        self.affine, self.seeds = affine, seeds

    def forward(self, a: Array) -> Array:
        """W a of every point: (R, n, n_in) → (R, n, n_out)."""
        z = namespace(a).empty((*a.shape[:2], self.affine.n_out))
        for r, rows, block in self.blocks():
            z[r][:, rows] = a[r] @ _like(a, block).T
        return z

    def backward(self, delta: Array) -> Array:
        """Wᵀδ: (R, k, n_out) → (R, k, n_in)."""
        back = namespace(delta).zeros((*delta.shape[:2], self.affine.n_in))
        for r, rows, block in self.blocks():
            back[r] += delta[r][:, rows] @ _like(delta, block)
        return back

    def blocks(self) -> Iterator[tuple[int, slice, np.ndarray]]:
        """(network, rows, those rows of its W), in order."""
        n_in, n_out = self.affine.n_in, self.affine.n_out
        size = max(1, BLOCK // n_in)
        for r, seed in enumerate(self.seeds):
            random = generator(seed, 0)
            for start in range(0, n_out, size):
                rows = slice(start, min(start + size, n_out))
                shape = (rows.stop - start, n_in)
                if self.affine.signs:
                    yield r, rows, 2.0 * random.integers(0, 2, shape, dtype=np.int8) - 1.0
                else:
                    yield r, rows, random.standard_normal(shape)


class Revealed:
    """A Gaussian W of which only W a of the points and Wᵀδ of their gradients is ever drawn: the same law at less cost.

    For orthonormal Q that spans the points, G = W Q has independent normal entries, whatever Q, and the rest of W, that
    on the complement of Q, is independent of G (Bolthausen 2014, arXiv:1201.2891, § 4; Yang 2019, arXiv:1902.04760).
    So W a needs n_out·n normal numbers and Wᵀδ, δ = Q' R', another n_in·n.
    """

    def __init__(self, affine: Affine, seeds: Seeds) -> None:
        self.affine, self.seeds = affine, seeds

    def forward(self, a: Array) -> Array:
        """W a of every point: (R, n, n_in) → (R, n, n_out)."""
        self.basis, coefficients = namespace(a).linalg.qr(a.swapaxes(1, 2))
        self.seen = self._normal(a, 0, (self.affine.n_out, coefficients.shape[1]))
        return (self.seen @ coefficients).swapaxes(1, 2)

    def backward(self, delta: Array) -> Array:
        """Wᵀδ: (R, k, n_out) → (R, k, n_in)."""
        coefficients = namespace(delta).linalg.qr(delta.swapaxes(1, 2), mode="r")
        unseen = coefficients.swapaxes(1, 2) @ self._normal(delta, 1, (coefficients.shape[1], self.affine.n_in))
        return unseen + (delta @ self.seen - unseen @ self.basis) @ self.basis.swapaxes(1, 2)

    def _normal(self, like: Array, stream: int, shape: tuple[int, int]) -> Array:
        return _like(like, np.stack([generator(seed, stream).standard_normal(shape) for seed in self.seeds]))


Weights = Drawn | Revealed


def biases(like: Array, affine: Affine, seeds: Seeds) -> Array:
    """The biases b (R, 1, n_out), standard normal."""
    return _like(like, np.stack([generator(seed, 2).standard_normal((1, affine.n_out)) for seed in seeds]))


def layer_seeds(seeds: Seeds, number: int) -> Seeds:
    """The seeds of one layer in each network of a batch."""
    return tuple(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number)) for seed in seeds)


def generator(seed: np.random.SeedSequence, stream: int) -> np.random.Generator:
    """The random numbers of one layer of one network: always the same, in whatever order layers and networks come."""
    spawned = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, stream))
    return np.random.Generator(np.random.SFC64(spawned))


def _like(like: Array, values: np.ndarray) -> Array:
    return namespace(like).asarray(values)
