"""Inputs that hurt, as the accuracy contract names them. The oracle takes the float64 rows exactly as they stand."""

import numpy as np


def edge_points(d, seed=0, homogeneous=False, zero=True):
    """Normals; a duplicate; near-duplicates at 1e-9 and 1e-13; antipodes, exact and near; scaled copies; zero rows.

    Homogeneous networks also get norms 1e-100 and 1e100. Networks that normalise their input have no zero rows.
    """
    rng = np.random.default_rng(seed)
    x, y, z, n = rng.standard_normal((4, d))
    rows = [
        x,
        y,
        z,
        x,
        x + 1e-9 * n,
        x + 1e-13 * n,
        -x,
        -x + 1e-9 * n,
        2 * x,
        2 * x + 1e-9 * n,
        10 * x,
        1e-3 * x,
        -3 * y,
    ]
    if zero:
        rows += [0 * x, 0 * x]
    if homogeneous:
        rows += [1e-100 * y, -1e-100 * x, 1e100 * x, 1e100 * (y + 1e-9 * n)]
    return np.array(rows)


def separated_points(d, seed=0):
    """Rows that are parallel exactly or far from it, for deep networks of jumps.

    A jump turns an angle θ into √θ, so that three of them make 1e-2 of the 1e-16 by which 10 x, once rounded, is not a
    multiple of x: such an entry tells of the rounding and no longer of the rows.
    """
    x, y, z, n = np.random.default_rng(seed).standard_normal((4, d))
    return np.array([x, y, z, n, x, -x, 2 * x, -0.25 * y, x + y, 0 * x, 0 * x])


def line_points():
    """d = 1: every row is parallel to every other."""
    return np.array([[-3.0], [-1.0], [-1e-9], [0.0], [1e-9], [0.5], [1.0], [1.0 + 1e-9], [2.0], [7.0]])


def offset_points(offset, d=6, n=8, seed=1):
    """Rows with a large common offset: all correlations near 1."""
    return offset + np.random.default_rng(seed).standard_normal((n, d))


def integer_points(d=5, n=9, seed=2):
    """Rows of int64, with repeated, opposite and zero rows."""
    rows = np.random.default_rng(seed).integers(-2, 3, (n, d))
    rows[3], rows[4], rows[5] = rows[0], -rows[1], 0
    return rows


SPECIAL = {
    "line": line_points(),
    "single": np.array([[0.3, -1.2, 0.7]]),
    "integers": integer_points(),
    "offset 10": offset_points(10),
    "offset 1e4": offset_points(1e4),
}
