"""What studies are given, checked, and what they draw from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernelc.driver import NetworkLike, as_network, compile
from kernelc.errors import InputError
from kernelc.layers import MAX_WIDTH
from kernelc.messages import quote
from kernelc.montecarlo.single import count
from kernelc.network import Network

POINTS, TARGETS = 0, 1  # spawn keys; networks have longer ones
MOST = 10_000  # points or networks


@dataclass(frozen=True)
class Setting:
    """A network, the points that it is seen on (n, d), and its tangent kernel there at infinite width (n, n)."""

    net: Network
    x: np.ndarray
    limit: np.ndarray


def setting(net: NetworkLike, points: int, dimension: int, seed: int) -> Setting:
    """Points drawn uniformly on the sphere of radius √d. Raises InputError, SpecError or UnsupportedError."""
    net = as_network(net)
    n, d = count("points", points, 1, MOST), count("dimension", dimension, 1, MOST)
    x = np.sqrt(d) * sphere(n, d, seed)
    limit = compile(net).ntk(x)
    if not limit.any():
        raise InputError(f"{net.name}: no layer is trained, so that its tangent kernel is 0; train one")
    return Setting(net, x, limit)


def sphere(n: int, d: int, seed: int) -> np.ndarray:
    """Points (n, d) drawn uniformly on the unit sphere."""
    x = generator(seed, POINTS).standard_normal((n, d))
    unit: np.ndarray = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit


def generator(seed: int, stream: int) -> np.random.Generator:
    """The random numbers for one purpose; raises InputError for a seed that is none."""
    return np.random.default_rng(np.random.SeedSequence(count("seed", seed, 0), spawn_key=(stream,)))


def widths(values: Sequence[int], least: int = 2) -> tuple[int, ...]:
    """Distinct widths in order; raises InputError for fewer than ``least``."""
    found = tuple(sorted(count("widths", width, 1, MAX_WIDTH) for width in values))
    if len(set(found)) < max(least, len(found)):
        raise InputError(
            f"widths: expected {least} or more different widths, such as 64,128,256, found {quote(values)}"
        )
    return found


def several(name: str, value: int) -> int:
    """A number of networks, at least 2: a standard error needs them; raises InputError."""
    return count(name, value, 2, MOST)


def positive(name: str, value: float, below: float = float("inf")) -> float:
    """A positive number; raises InputError."""
    if not 0 < value < below:
        limit = "" if below == float("inf") else f" below {below:g}"
        raise InputError(f"{name}: expected a positive number{limit}, found {quote(value)}")
    return float(value)
