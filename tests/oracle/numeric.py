"""E[φ(u)φ(v)] and E[φ'(u)φ'(v)] for any φ, by iterated Gauss–Legendre quadrature in 80-bit arithmetic.

With u = s1 z and v = s2(ρz + κy), z and y standard normal, κ = √(1 − ρ²),

    E[φ(u)φ(v)] = E_z[φ(s1 z) G(z)],    G(z) = E_y[φ(s2(ρz + κy))].

The inner integral is split, for every z anew, where v is a kink of φ; the outer one where u is, and where s2 ρz is:
there G has a layer as wide as κ/ρ. Around every such point panels shrink by halves to the width of φ's own layers. On
every panel the integrand is then analytic far beyond the ends, so that 24 nodes make 20 digits; what remains is the
rounding of the arithmetic, 1e-19.

Two points that are nearly parallel keep their angle through any number of layers, because a pair carries 1 − ρ, from
E[(aφ(u) − bφ(v))²], an integral of its own, and the covariance is never asked for it.
"""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from oracle.activations import LONG
from oracle.precision import mp

LD = np.longdouble
REACH = 10.5  # standard deviations: e^{−10.5²/2} = 1e-24
CHUNK = 400_000  # integrand values at a time


class Moments(NamedTuple):
    """E[φ(u)φ(v)], E[φ'(u)φ'(v)] (nan without φ') and E[(aφ(u) − bφ(v))²] for the weights (a, b)."""

    nngp: np.longdouble
    ntk: np.longdouble
    apart: np.longdouble


def long(value):
    """An mpf or a decimal, to 80 bits."""
    return LD(mp.nstr(mp.mpf(value), 25))


@cache
def rule(n):
    """Gauss–Legendre nodes and weights on [−1, 1]: Newton on the Legendre recurrence, with digits to spare."""
    pairs = []
    with mp.workdps(35):
        for k in range(n):
            z = mp.cos(mp.pi * (k + mp.mpf(3) / 4) / (n + mp.mpf(1) / 2))
            for _ in range(7):
                low, high = mp.mpf(1), z
                for j in range(2, n + 1):
                    low, high = high, ((2 * j - 1) * z * high - (j - 1) * low) / j
                slope = n * (z * high - low) / (z * z - 1)
                z -= high / slope
            pairs.append((long(z), long(2 / ((1 - z * z) * slope**2))))
    nodes, weights = map(np.array, zip(*pairs, strict=True))
    return nodes, weights


def offsets(width, cap):
    """0 and ±width·2ʲ up to the cap: the edges of panels that shrink towards a point."""
    ladder = [LD(0)]
    while width < cap:
        ladder += [width, -width]
        width = 2 * width
    return np.array(ladder)


def lattice(reach, cap):
    """Evenly spaced edges on [−reach, reach], no further apart than the cap."""
    return np.linspace(-reach, reach, int(np.ceil(2 * reach / cap)) + 1, dtype=LD)


def panels(edges, n):
    """(row, nodes, weights) of every panel that is not empty; a row of ``edges`` is one integral."""
    nodes, weights = rule(n)
    low, high = edges[:, :-1], edges[:, 1:]
    row, column = np.nonzero(high > low)
    middle, half = (high + low)[row, column] / 2, (high - low)[row, column] / 2
    return row, middle[:, None] + half[:, None] * nodes, half[:, None] * weights


def gauss(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * LONG.pi)


def rough(activation):
    """(point, is it a kink) for every point around which panels shrink."""
    return [(LD(k), True) for k in activation.kinks] + [(LD(k), False) for k in activation.centres]


def extent(activation, s1, s2):
    """How far to integrate, in standard deviations: φ may grow, and may be 0 up to far out."""
    return LD(REACH + activation.dead / min(s1, s2) + activation.growth * (s1 + s2))


def cap_of(activation, cap, *frequencies):
    """Panels also keep to less than a wave."""
    return min([LD(cap)] + [4 / (LD(activation.wave) * f) for f in frequencies if activation.wave * f > 0])


def line(activation, s1, s2, sign, n=24, cap=1.0, weights=(1, 1)):
    """The moments of u = s1 z, v = ±s2 z."""
    phi, dphi = activation.at(LONG)
    reach, cap = extent(activation, s1, s2), cap_of(activation, cap, s1, s2)
    edges = [lattice(reach, cap)]
    for point, _ in rough(activation):
        edges += [where / s + offsets(activation.width / s, cap) for where, s in ((point, s1), (sign * point, s2))]
    edges = np.unique(np.clip(np.concatenate(edges), -reach, reach))[None]
    _, z, w = panels(edges, n)
    w = w * gauss(z)
    f, g = phi(s1 * z), phi(sign * s2 * z)
    slopes = np.sum(w * dphi(s1 * z) * dphi(sign * s2 * z)) if dphi else LD("nan")
    return Moments(np.sum(w * f * g), slopes, np.sum(w * (weights[0] * f - weights[1] * g) ** 2))


def plane(activation, s1, s2, rho, kappa, n=24, cap=1.0, weights=(1, 1)):
    """The moments where 0 < κ."""
    phi, dphi = activation.at(LONG)
    reach = extent(activation, s1, s2)
    outer = cap_of(activation, cap, s1, s2 * abs(rho))
    inner = cap_of(activation, cap, s2 * kappa)
    edges = [lattice(reach, outer)]
    for point, kink in rough(activation):
        edges.append(point / s1 + offsets(activation.width / s1, outer))
        if rho:
            layer = kappa if kink else max(kappa, activation.width / s2)
            edges.append(point / (s2 * rho) + offsets(layer / abs(rho), outer))
    edges = np.unique(np.clip(np.concatenate(edges), -reach, reach))[None]
    _, z, w = (array.ravel() for array in panels(edges, n))
    w = w * gauss(z)

    fixed = lattice(reach, inner)
    ladder = offsets(activation.width / (s2 * kappa), inner)
    points = [point for point, _ in rough(activation)]
    step = max(1, CHUNK // (n * (len(fixed) + len(ladder) * len(points))))
    total = np.zeros(3, dtype=LD)
    for start in range(0, len(z), step):
        zs = z[start : start + step, None]
        splits = [((point / s2 - rho * zs) / kappa + ladder) for point in points]
        splits = np.clip(
            np.concatenate([*splits, np.broadcast_to(fixed, (len(zs), len(fixed)))], axis=1), -reach, reach
        )
        row, y, weight = panels(np.sort(splits, axis=1), n)
        weight = weight * gauss(y) * w[start : start + step][row][:, None]
        u, v = s1 * zs, s2 * (rho * zs[row] + kappa * y)
        f, g = phi(u)[row], phi(v)
        total[0] += np.sum(weight * f * g)
        total[2] += np.sum(weight * (weights[0] * f - weights[1] * g) ** 2)
        if dphi:
            total[1] += np.sum(weight * dphi(u)[row] * dphi(v))
    return Moments(total[0], total[1] if dphi else LD("nan"), total[2])


def moments(activation, q1, q2, rho, kappa, n=24, cap=1.0, weights=(1, 1)):
    """All moments; ρ and κ = √(1 − ρ²) as longdouble, both, so that κ has its digits near ρ = ±1."""
    s1, s2 = np.sqrt(LD(q1)), np.sqrt(LD(q2))
    if kappa == 0:
        return line(activation, s1, s2, int(rho), n, cap, weights)
    return plane(activation, s1, s2, LD(rho), LD(kappa), n, cap, weights)


class Layer(NamedTuple):
    """Pre-activations of every pair (i, j), i ≤ j: K, 1 − ρ and Θ."""

    nngp: dict
    gap: dict
    ntk: dict


def first_dense(rows, w2, b2):
    """The layer of W x/√d + b, from exact sums."""
    exact = [[mp.mpf(value) for value in row] for row in np.asarray(rows).tolist()]
    pairs = [(i, j) for i in range(len(exact)) for j in range(i, len(exact))]
    nngp = {(i, j): w2 * mp.fdot(exact[i], exact[j]) / len(exact[i]) + b2 for i, j in pairs}
    gap = {(i, j): long(1 - c / mp.sqrt(nngp[i, i] * nngp[j, j])) for (i, j), c in nngp.items()}
    nngp = {pair: long(c) for pair, c in nngp.items()}
    return Layer(nngp, gap, dict(nngp))


def next_dense(layer, activation, w2, b2, **effort):
    """φ, then a dense layer: K' = w² E[φφ] + b², Θ' = w² (Θ E[φ'φ'] + E[φφ]) + b².

    With K'_ii = 1/a² and K'_jj = 1/b², 1 − ρ' is half of w² E[(aφ(u) − bφ(v))²] + b² (a − b)²: nothing cancels.
    """
    w2, b2 = long(w2), long(b2)
    nngp, gap, ntk, size, seen = {}, {}, {}, {}, {}
    for i, j in sorted(layer.nngp, key=lambda pair: pair[0] != pair[1]):  # the diagonal first
        q1, q2, deficit = layer.nngp[i, i], layer.nngp[j, j], layer.gap[i, j]
        kappa = np.sqrt(deficit * (2 - deficit))
        rho, kappa = (1 - deficit, kappa) if kappa > 1e-17 else (LD(1), LD(0))
        key = (q1, q2, rho, kappa)
        if key not in seen:
            seen[key] = moments(activation, *key, weights=(size.get(i, LD(1)), size.get(j, LD(1))), **effort)
        values, slopes, apart = seen[key]
        nngp[i, j] = w2 * values + b2
        ntk[i, j] = w2 * (layer.ntk[i, j] * slopes + values) + b2
        if i == j:
            size[i], gap[i, j] = 1 / np.sqrt(nngp[i, i]), LD(0)
        else:
            gap[i, j] = (w2 * apart + b2 * (size[i] - size[j]) ** 2) / 2 if kappa else LD(0)
    return Layer(nngp, gap, ntk)


def network(rows, activations, W_std, b_std, depths=None, **effort):
    """{depth: (nngp, ntk)} of dense, φ1, dense, φ2, ..., dense; matrices of longdouble; ``depths`` counts the φ."""
    w2, b2 = mp.mpf(W_std) ** 2, mp.mpf(b_std) ** 2
    layer, results = first_dense(rows, w2, b2), {}
    for depth, activation in enumerate(activations, 1):
        layer = next_dense(layer, activation, w2, b2, **effort)
        if depth in (depths or (len(activations),)):
            results[depth] = tuple(square(values, len(rows)) for values in (layer.nngp, layer.ntk))
    return results


def square(values, n):
    """The symmetric matrix of a dict over pairs."""
    matrix = np.empty((n, n), dtype=LD)
    for (i, j), value in values.items():
        matrix[i, j] = matrix[j, i] = value
    return matrix


DATA = Path(__file__).parents[1] / "data"


class Tabulated(NamedTuple):
    """One entry of duals.json in mpf; q1 and q2 are float64; ntk and its scale are None where φ' has no square.

    The angle four times over, so that nobody need lose it: ρ, κ = √(1 − ρ²), gap = (1 − ρ)/2 and θ = arccos ρ. A scale
    is √(E11 E22), by which errors are divided.
    """

    name: str
    q1: float
    q2: float
    rho: object
    kappa: object
    gap: object
    theta: object
    nngp: object
    ntk: object
    nngp_scale: object
    ntk_scale: object

    @property
    def c(self):
        return self.rho * mp.sqrt(mp.mpf(self.q1) * mp.mpf(self.q2))


@cache
def tabulated():
    """{activation: [Tabulated, ...]} of all of duals.json."""
    stored = json.loads((DATA / "duals.json").read_text(), parse_float=mp.mpf, parse_int=mp.mpf)
    angles = stored["correlations"]
    tables = {}
    for name, entry in stored["activations"].items():
        slopes, nothing = entry["ntk"] is not None, [[None] * len(angles)] * len(entry["q"])
        ntk = entry["ntk"] if slopes else nothing
        ntk_scale = entry["ntk_scale"] if slopes else nothing[0][:1] * len(entry["q"])
        rows = zip(entry["q"], entry["nngp"], ntk, entry["nngp_scale"], ntk_scale, strict=True)
        tables[name] = [
            Tabulated(name, *map(float, q), **angle, nngp=k, ntk=t, nngp_scale=k_scale, ntk_scale=t_scale)
            for q, values, slopes_row, k_scale, t_scale in rows
            for angle, k, t in zip(angles, values, slopes_row, strict=True)
        ]
    return tables
