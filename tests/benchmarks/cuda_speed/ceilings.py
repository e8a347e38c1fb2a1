"""What machine code and a card's published figures allow at most: ceilings, not measurements.

For every unit of an SM: the clocks that it needs at least for the instructions of one warp, 32 pairs, if nothing else
takes time: no latency, no miss of a cache, no bank conflict. The unit that needs most is the ceiling. Pairs are the
usual ones (`paths.py`); the kernel of pairs that ask for more care is run after the other, and finds none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cuda_speed.cards import Card
from cuda_speed.sass import MEMORY, classes, width

LANES = 32  # of a warp
BARS = {"float32": 0.6, "float64": 0.5}  # collapsed, of the bandwidth limit; layer by layer, of double precision's


@dataclass(frozen=True)
class Ceiling:
    """For one entry of the matrix, in clocks of an SM for 32 of them."""

    clocks: dict[str, float]  # unit → clocks of the main kernel
    idle: float  # clocks of the kernel after it
    limit: float  # clocks in which the memory reads and writes one entry each

    @property
    def total(self) -> float:
        """The least time."""
        return max(self.clocks.values()) + self.idle

    @property
    def binds(self) -> str:
        """The unit that takes longest."""
        return max(self.clocks, key=lambda unit: self.clocks[unit])

    @property
    def of_double(self) -> float:
        """The largest share of the double-precision limit."""
        return self.clocks["double"] / self.total

    @property
    def of_bandwidth(self) -> float:
        """The largest share of the bandwidth limit of one read and one write an entry."""
        return self.limit / self.total


def clocks(counts: Counter[str], card: Card) -> dict[str, float]:
    """Unit → clocks of an SM for these instructions of one warp."""
    by_unit = classes(counts)
    stores = sum(n * width(opcode) for opcode, n in counts.items() if opcode.partition(".")[0] in _ACCESSES)
    return {
        "double": by_unit["double"] * LANES / card.double,
        "issue": sum(counts.values()) / card.schedulers,
        "single": by_unit["single"] * LANES / card.single,
        "integer": by_unit["integer"] * LANES / card.integer,
        "special": by_unit["special"] * LANES / card.special,
        "L1": max(sum(by_unit[kind] for kind in MEMORY), stores * LANES / (4 * card.memory)),
    }


_ACCESSES = ("LDG", "STG", "LDS", "STS", "LDL", "STL", "LD", "ST")


def ceiling(pair: Counter[str], idle: Counter[str], card: Card, itemsize: int, mirrored: bool) -> Ceiling:
    """For K(x1, x2), or where each pair is two entries of K(x), one of them its mirror image."""
    entries = 2 if mirrored else 1
    byte = LANES * itemsize / card.bytes_a_clock  # clocks for one number of each lane
    needs = clocks(pair, card) | {"memory": (1 + entries) * byte}
    return Ceiling(
        {unit: value / entries for unit, value in needs.items()}, max(clocks(idle, card).values()) / entries, 2 * byte
    )
