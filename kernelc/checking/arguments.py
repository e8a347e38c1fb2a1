"""What a check was asked for, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelc.checking.oracles import depth
from kernelc.driver import NetworkLike, as_network, derive
from kernelc.errors import InputError, UnsupportedError
from kernelc.layers import MAX_WIDTH, Dense, Normalize
from kernelc.messages import quote
from kernelc.montecarlo.arrays import on_host
from kernelc.montecarlo.estimate import LARGEST, Plan
from kernelc.montecarlo.single import checked_get, count, points
from kernelc.network import Network

FEWEST = 20  # networks
DEEP = 32  # affine layers that networks of the usual widths serve
WIDTHS, NETWORKS = (128, 256), 6400
DEFAULT_POINTS = (5, 3)


@dataclass(frozen=True)
class Arguments:
    """The points (n, d) on the host, the kernels to judge, and what to sample; ``notes`` say what was left out."""

    x: np.ndarray
    get: tuple[str, ...]
    plan: Plan
    notes: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """The kernels that are looked at: the NNGP always, for its layers."""
        return ("nngp", "ntk") if "ntk" in self.get else ("nngp",)


def arguments(net: NetworkLike, x: Any, get: Any, widths: Any, networks: Any, seed: Any) -> Arguments:
    """Raises InputError, SpecError or UnsupportedError for what cannot be checked."""
    net = as_network(net)
    symbolic = derive(net)
    names, notes = _names(get, symbolic.ntk_reason)
    rows = np.random.default_rng(0).standard_normal(DEFAULT_POINTS) if x is None else points("x", x)
    if not len(rows):
        raise InputError("x: expected at least one point, found none")
    factor = -(-depth(net.layers) // DEEP)
    widths = tuple(factor * width for width in WIDTHS) if widths is None else _widths(widths)
    if (needed := 48 * len(rows) * max(widths) * depth(net.layers)) > LARGEST:
        raise InputError(
            f"widths: one network of width {max(widths)} on {len(rows)} points needs {needed / 2**30:.0f} GiB; "
            "take smaller ones or fewer points"
        )
    networks = max(FEWEST, NETWORKS // factor**2) if networks is None else count("networks", networks, FEWEST)
    plan = Plan(net, rows, widths, networks, count("seed", seed, 0), "ntk" in names)
    return Arguments(on_host(rows), names, plan, (*notes, *_signs(net, rows.shape[1]), *_zeros(net, on_host(rows))))


def _names(get: Any, ntk_reason: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = tuple(dict.fromkeys(checked_get(get)))
    if not ntk_reason or "ntk" not in names:
        return names, ()
    if names == ("ntk",):
        raise UnsupportedError(ntk_reason)
    return ("nngp",), (f"the nngp alone is checked; no ntk: {ntk_reason}",)


def _signs(net: Network, d: int) -> tuple[str, ...]:
    first = next(layer for layer in net.flat if not isinstance(layer, Normalize))
    if not isinstance(first, Dense) or first.weights != "rademacher":
        return ()
    return (
        f"the first layer has weights of ±1: on {d} inputs its units are sums of {d} terms, and Gaussian, as the "
        "kernel takes them, only for many inputs",
    )


def _zeros(net: Network, x: np.ndarray) -> tuple[str, ...]:
    zero = np.flatnonzero(~x.any(axis=1))
    if not len(zero) or net.parameterization != "standard":
        return ()
    return (
        f"row {zero[0]} is zero: where no bias is drawn but biases are trained, its Θ rests on φ'(0), which the kernel "
        "takes in the limit of a vanishing bias; leave the row out",
    )


def _widths(widths: Any) -> tuple[int, ...]:
    if not isinstance(widths, Iterable) or isinstance(widths, str):
        raise InputError(f"widths: expected a few widths, such as (128, 256), found {quote(widths)}")
    found = tuple(count("widths", width, 1, MAX_WIDTH) for width in widths)
    if len(set(found)) < max(2, len(found)):  # one width says nothing of what is left at infinite width
        raise InputError(f"widths: expected two or more different widths, such as (128, 256), found {quote(widths)}")
    return tuple(sorted(found))
