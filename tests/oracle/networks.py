"""The NNGP and NTK of an infinitely wide network, layer by layer, for every pair of points at once.

A network is a plain nested list: ("dense", dict(W_std="1.5", b_std="0.1", train="all", width=512)), ("normalize",),
("residual", [...]), ("sum", [[...], [...]]), ("repeat", n, [...]) and activations as (name, parameters).

Jacot et al. (2018), arXiv:1806.07572; Lee et al. (2018), arXiv:1711.00165; residual and summed branches add because
independent weights make them uncorrelated (Yang 2019, arXiv:1910.12478).
"""

from typing import NamedTuple

import numpy as np

from oracle.duals import DUALS
from oracle.precision import mp, number


class State(NamedTuple):
    """E[z(x_i) z(x_j)] and Θ(x_i, x_j) for the pairs (i, j), i ≤ j, all (i, i) among them; the width of the layer."""

    nngp: dict
    ntk: dict
    width: int


def dense(state, parameterization, W_std=1, b_std=0, train="all", width=512):
    """Affine layer; the standard parameterization as in Sohl-Dickstein et al. (2020), arXiv:2001.07301."""
    w2, b2 = number(W_std) ** 2, number(b_std) ** 2
    moves_weights, moves_bias = train in ("all", "weights"), train in ("all", "bias")
    per_weight, per_bias = {"ntk": (w2, b2), "standard": (state.width, 1)}[parameterization]
    nngp = {pair: w2 * k + b2 for pair, k in state.nngp.items()}
    ntk = {
        pair: w2 * state.ntk[pair] + moves_weights * per_weight * k + moves_bias * per_bias
        for pair, k in state.nngp.items()
    }
    return State(nngp, ntk, width)


def activation(state, dual):
    """Φ(z) for a Gaussian z: nngp' = E[φφ], ntk' = ntk · E[φ'φ'], where a frozen or vanishing ntk stays 0."""
    nngp, ntk = {}, {}
    for (i, j), c in state.nngp.items():
        nngp[i, j], slopes = dual(state.nngp[i, i], state.nngp[j, j], c)
        ntk[i, j] = state.ntk[i, j] and state.ntk[i, j] * slopes
    return State(nngp, ntk, state.width)


def normalize(state):
    """Every input row onto the sphere of radius √d."""
    nngp = {(i, j): c / mp.sqrt(state.nngp[i, i] * state.nngp[j, j]) for (i, j), c in state.nngp.items()}
    return State(nngp, state.ntk, state.width)


def add(*states):
    nngp, ntk = ({pair: sum(s[kind][pair] for s in states) for pair in states[0].nngp} for kind in (0, 1))
    return State(nngp, ntk, states[0].width)


def propagate(network, state, parameterization):
    """The state after all layers of the network."""
    for layer in network:
        match layer:
            case ("dense", parameters):
                state = dense(state, parameterization, **parameters)
            case ("normalize",):
                state = normalize(state)
            case ("residual", layers):
                state = add(propagate(layers, state, parameterization), state)
            case ("sum", branches):
                state = add(*(propagate(layers, state, parameterization) for layers in branches))
            case ("repeat", times, layers):
                state = propagate(layers * times, state, parameterization)
            case (name, parameters):
                state = activation(state, DUALS[name](**parameters).dual)
    return state


def inputs(rows, pairs):
    """The input kernel X Xᵀ/d; d is the width of the input; Θ = 0."""
    exact = [[mp.mpf(value) for value in row] for row in np.asarray(rows).tolist()]
    width = len(exact[0])
    nngp = {(i, j): mp.fdot(exact[i], exact[j]) / width for i, j in pairs}
    return State(nngp, dict.fromkeys(pairs, mp.zero), width)


def reference(network, x1, x2=None, parameterization="ntk", get=("nngp", "ntk")):
    """(K, scale) of one kernel, or a tuple of them: object arrays of mpf, scale_ij = √(K_ii K_jj)."""
    rows = x1 if x2 is None else np.concatenate([x1, x2])
    n, m = len(x1), len(rows)
    entries = [(i, j) for i in range(n) for j in (range(i, n) if x2 is None else range(n, m))]
    pairs = dict.fromkeys([(i, i) for i in range(m)] + entries)
    state = propagate(network, inputs(rows, pairs), parameterization)

    def matrices(kernel):
        values, scale = np.zeros((2, n, m if x2 is None else m - n), dtype=object)
        for i, j in entries:
            at = (i, j) if x2 is None else (i, j - n)
            values[at], scale[at] = kernel[i, j], mp.sqrt(kernel[i, i]) * mp.sqrt(kernel[j, j])
            if x2 is None:
                values[j, i], scale[j, i] = values[at], scale[at]
        return values, scale

    results = {"nngp": state.nngp, "ntk": state.ntk}
    return matrices(results[get]) if isinstance(get, str) else tuple(matrices(results[name]) for name in get)


def relative_error(K, truth, scale):
    """|K − K*|/√(K*_ii K*_jj) per entry as float64; what is not finite, or not exactly 0 at a zero row, is inf.

    >>> relative_error(np.array([[1.5, 0.0], [0.0, 1e-300]]), np.array([[mp.mpf(1), 0], [0, 0]]), np.diag([2, 0]))
    array([[0.25, 0.  ],
           [0.  ,  inf]])
    """

    def entry(value, exact, size):
        if not np.isfinite(value):
            return np.inf
        gap = abs(mp.mpf(float(value)) - exact)
        return float(gap / size) if size else (0.0 if gap == 0 else np.inf)

    if np.shape(K) != np.shape(truth):
        raise ValueError(f"shape {np.shape(K)} against {np.shape(truth)}")
    return np.vectorize(entry, otypes=[float])(K, truth, scale)
