"""The kernels of one finite network."""

from __future__ import annotations

from numbers import Integral
from operator import index
from os import PathLike
from typing import Any

import numpy as np

from kernelc.errors import InputError
from kernelc.layers import MAX_WIDTH
from kernelc.messages import quote
from kernelc.montecarlo.architecture import architecture
from kernelc.montecarlo.arrays import Array, namespace
from kernelc.montecarlo.passes import run
from kernelc.network import Network, load

GETS = ("nngp", "ntk")


def empirical(
    net: Network | str | PathLike[str],
    x1: Array,
    x2: Array | None = None,
    width: int | None = 1024,
    seed: int = 0,
    get: str | tuple[str, ...] = "ntk",
) -> Any:
    """The kernels of one sampled finite network, of shape (n, m); a tuple of names gives a tuple of matrices.

    ``x1`` (n, d) and ``x2`` (m, d), None for x1 itself, are NumPy or CuPy arrays, and so is the result. Every layer
    that feeds another is ``width`` wide (None: as the spec says); the same ``seed`` is the same network, whatever the
    points. "ntk" is Σ_θ ∂f/∂θ(x) ∂f/∂θ(x') over the trained parameters, the mean over outputs (Jacot et al. 2018);
    "nngp" is the covariance of the outputs over the weights of the last affine layer, the others given, and after an
    activation or a residual block the mean over units. Under ``parameterization = "standard"``, whose NTK grows with
    the widths, gradients count as if the widths were the spec's. Memory: the activations of n + m points, and 32 MiB
    of weights at a time. Raises SpecError for a wrong spec and InputError for arrays or a width that cannot be.
    """
    net = net if isinstance(net, Network) else load(net)
    names = checked_get(get)
    x1 = points("x1", x1)
    x2 = None if x2 is None else points("x2", x2)
    if x2 is not None and x1.shape[1] != x2.shape[1]:
        raise InputError(f"x1 and x2: expected as many columns, found {x1.shape[1]} and {x2.shape[1]}")
    width = None if width is None else count("width", width, 1, MAX_WIDTH)
    finite = architecture(net, x1.shape[1], width)
    seeds = (np.random.SeedSequence(count("seed", seed, 0)),)
    with np.errstate(over="ignore", invalid="ignore"):
        found = run(finite, x1, x2, seeds, ntk="ntk" in names, whole=True, trace=True)
    matrices = {"nngp": found.covariances[-1][0]}
    if found.ntk is not None:
        matrices["ntk"] = found.ntk[0]
    for name in names:
        if not namespace(x1).isfinite(matrices[name]).all():
            raise InputError(f"the {name} of this network overflows on these points; scale them down")
    return matrices[get] if isinstance(get, str) else tuple(matrices[name] for name in names)


def checked_get(get: object) -> tuple[str, ...]:
    """``get`` as a tuple of kernel names; raises InputError."""
    names = tuple(get) if isinstance(get, tuple | list) else (get,)
    for name in names:
        if not isinstance(name, str) or name not in GETS:
            raise InputError(f"get: expected 'nngp', 'ntk' or a tuple of them, found {quote(name)}")
    if not names:
        raise InputError("get: expected 'nngp', 'ntk' or a tuple of them, found none")
    return names


def points(name: str, x: Any) -> Array:
    """``x`` as a float64 array (n, d) of its own library; raises InputError."""
    try:
        x = namespace(x).asarray(x)
    except ValueError as error:
        raise InputError(f"{name}: expected an array of real numbers ({error})") from None
    if x.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected real numbers, found an array of dtype {x.dtype}")
    if x.ndim != 2 or x.shape[1] == 0:
        raise InputError(f"{name}: expected shape (n, d), one row a point, d ≥ 1, found {x.shape}")
    with np.errstate(over="ignore"):
        x = x.astype(np.float64)
    if not namespace(x).isfinite(x).all():
        raise InputError(f"{name}: expected finite numbers")
    return x


def count(name: str, value: object, least: int, most: int | None = None) -> int:
    """``value`` as an int in its range; raises InputError."""
    number = index(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is None or number < least or (most is not None and number > most):
        limit = f" and at most {most}" if most is not None else ""
        raise InputError(f"{name}: expected an integer, at least {least}{limit}, found {quote(value)}")
    return number
