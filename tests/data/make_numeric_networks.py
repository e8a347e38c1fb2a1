"""Write numeric_networks.npz: NNGP and NTK of fully connected networks whose duals are integrals, good to 1e-15.

    python tests/data/make_numeric_networks.py [name ...]

About half an hour for all; with names, only these are computed anew. Needs 80-bit longdouble (x86). The first hidden
layers are computed a second time on a finer mesh, and the run fails where the two differ by more than 1e-17.

Keys: ``X``, the rows x, y, x again, x + 1e-9 n, −x, 0.3 x, 3 x; ``<name>/<depth>/toml``, the spec;
``<name>/<depth>/nngp`` and ``/ntk``.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from oracle.activations import ACTIVATIONS
from oracle.numeric import network

FILE = Path(__file__).with_name("numeric_networks.npz")
W_STD, B_STD, DEPTHS = "1.5", "0.1", (1, 3, 10)
ONE_ACTIVATION = ("tanh", "softplus", "silu", "mish", "softsign", "gelu_tanh", "elu")
ONE_ACTIVATION += ("hard_tanh", "hard_swish", "relu6", "softshrink")
MIXED = {"tanh_relu_elu": ("tanh", "relu", "elu")}


def points(seed=20, d=5):
    """x, y, x again, x + 1e-9 n, −x, 0.3 x, 3 x."""
    x, y, n = np.random.default_rng(seed).standard_normal((3, d))
    return np.array([x, y, x, x + 1e-9 * n, -x, 0.3 * x, 3 * x])


def toml(name, depth):
    """The spec of one network; every activation here is a built-in with its defaults."""
    layers = f'["dense", {{ repeat = {depth}, layers = ["{name}", "dense"] }}]'
    if name in MIXED:
        layers = "[" + ", ".join(['"dense"', *(f'"{each}", "dense"' for each in MIXED[name])]) + "]"
    return (
        f'schema = 1\nname = "{name}-{depth}"\nparameterization = "ntk"\n\n'
        f"[defaults.dense]\nW_std = {W_STD}\nb_std = {B_STD}\n\n[network]\nlayers = {layers}\n"
    )


def compute(name):
    """The entries of one name."""
    names = MIXED.get(name, (name,) * DEPTHS[-1])
    depths = (len(names),) if name in MIXED else DEPTHS
    rows, activations = points(), [ACTIVATIONS[each] for each in names]
    kernels = network(rows, activations, W_STD, B_STD, depths)
    checked = depths[:1]
    for depth, again in network(rows, activations[: checked[0]], W_STD, B_STD, checked, n=32, cap=0.7).items():
        for first, second in zip(kernels[depth], again, strict=True):
            size = np.sqrt(np.outer(np.diag(first), np.diag(first)))
            assert (abs(first - second) <= 1e-17 * size).all(), (name, depth)
    entries = {}
    for depth, (nngp, ntk) in kernels.items():
        entries[f"{name}/{depth}/toml"] = np.array(toml(name, depth))
        entries[f"{name}/{depth}/nngp"], entries[f"{name}/{depth}/ntk"] = nngp.astype(float), ntk.astype(float)
    return entries


def main(names):
    stored = dict(np.load(FILE)) if FILE.exists() else {}
    for name in names or (*ONE_ACTIVATION, *MIXED):
        stored |= {"X": points()} | compute(name)
        np.savez_compressed(FILE, **stored)
        print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
