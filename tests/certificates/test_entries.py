"""Every entry and every gap within its stated error, against balls at the exact rows."""

import numpy as np
import pytest
from flint import arb
from truth import NETWORKS

from kernelc import derive
from kernelc.certificates.balls import precision
from kernelc.certificates.data.directions import (
    directions,
    gap_error,
    gaps,
    halves,
    parallel,
    product_error,
    product_gaps,
)
from kernelc.certificates.data.entries import measure, on_sphere
from kernelc.certificates.data.exact_pairs import pairs
from kernelc.certificates.data.norms import candidates
from kernelc.certificates.data.scalar import COUNT, Scalar, bounds, keys
from kernelc.certificates.data.walk import walk

ONE_SPHERE = [
    "relu-2",
    "relu-2-bias",
    "erf-2-bias",
    "gelu-2-bias",
    "abs-3",
    "relu2-2",
    "residual-mixed",
    "sum",
    "standard",
]


def rows(n, d, seed=0):
    """Rows with near-duplicates and near-antipodes at all distances, on the sphere but for rounding."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    for k in range(1, n, 2):
        x[k] = (-1) ** (k // 2) * x[k - 1] + 10.0 ** -rng.uniform(0, 16) * rng.standard_normal(d)
    return x * np.sqrt(d) / np.linalg.norm(x, axis=1)[:, None]


@pytest.mark.parametrize("d", [2, 7, 300])
def test_gaps_are_within_their_errors(d):
    x = rows(24, d)
    found, n = directions(x), len(x)
    cut = halves(found)
    near = np.array([(i, j) for i in range(n) for j in range(n) if i != j])
    product, sign = product_gaps(cut, slice(0, n), slice(0, n))
    same = sign[near[:, 0], near[:, 1]] > 0
    difference = gaps(found, near[:, 0], near[:, 1], same)
    with precision(400):
        balls = [[arb(v) for v in row] for row in x.tolist()]
        for (i, j), y, positive in zip(near, difference, same, strict=True):
            dot, one, two = (
                sum(a * b for a, b in zip(balls[p], balls[q], strict=True)) for p, q in ((i, j), (i, i), (j, j))
            )
            exact = (1 - (1 if positive else -1) * dot / (one * two).sqrt()) / 2
            assert abs(exact - arb(y)) <= gap_error(found, y)
            assert abs(exact - arb(product[i, j])) <= product_error(found, cut, product[i, j])


@pytest.mark.parametrize("name", ONE_SPHERE)
def test_pieces_are_within_their_errors(name):
    scalar = Scalar(walk(derive(NETWORKS[name]), "ntk", 3), arb(1))
    rng = np.random.default_rng(0)
    for key in (1, 2, 60, 200, 330, *range(390, COUNT + 1, 4), COUNT):
        lo, hi = bounds(key)
        y = np.concatenate([[lo, hi], rng.uniform(lo, hi, 4)])
        assert (keys(y[2:]) == key).all()
        for side in (1, -1):
            table = scalar.table([(key, side)])
            values = table.values(y, np.zeros(len(y), dtype=np.int64))
            with precision(500):
                for at, value in zip(y, values, strict=True):
                    exact = scalar.walk.zonal(scalar.q, side * (1 - 2 * arb(at)))
                    assert abs(exact - arb(value)) <= table.errors[0]
            slopes = np.abs(np.diff(values[:2]) / (hi - lo))
            assert slopes[0] <= table.slopes[0] * (1 + 1e-6) + 2 * table.errors[0] / (hi - lo)


@pytest.mark.parametrize("name", ONE_SPHERE)
@pytest.mark.parametrize("scale", [1.0, 0.37])
def test_matrices_are_within_their_errors(name, scale):
    net, x = NETWORKS[name], rows(20, 4, seed=5) * scale
    kernel, found = walk(derive(net), "ntk", 4), directions(x)
    for radii in candidates(kernel, found, normalize=False):
        exact = pairs(kernel, x, radii.directed)
        enclosed = on_sphere(Scalar(kernel, radii.q), found, measure(found), radii, exact)
        assert enclosed is not None
        assert (enclosed.matrix == enclosed.matrix.T).all()
        truth = pairs(kernel, x, radii.directed, 400).matrix()
        error = np.array(
            [[float((truth[i, j] - arb(enclosed.matrix[i, j])).mid()) for j in range(20)] for i in range(20)]
        )
        assert np.linalg.norm(error, 2) <= enclosed.error
        assert enclosed.error < 1e-11 * np.max(np.abs(enclosed.matrix))


def test_parallel_is_exact():
    a = np.array([1.0, 0.1, -3.0])
    assert parallel(a, 2 * a) == 1
    assert parallel(a, -0.5 * a) == -1
    assert parallel(a, 3 * a) == 0  # 3·0.1 rounds
    assert parallel(a, np.nextafter(a, 9)) == 0
    assert parallel(np.array([0.0, 1.0]), np.array([0.0, 5.0])) == 1
    assert parallel(np.array([0.0, 1.0]), np.array([1e-300, 5.0])) == 0
