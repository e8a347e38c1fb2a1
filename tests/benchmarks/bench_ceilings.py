"""What the machine code of CUDA kernels allows: ``python tests/benchmarks/bench_ceilings.py [--markdown]``.

Ceilings, not measurements; no GPU is needed. The instructions of one pair are counted in the machine code of NVIDIA's
compiler and set against published figures of cards, see `cuda_speed/ceilings.py`. The share is of the double-precision
limit in float64, layer by layer, and of the bandwidth limit of one read and one write an entry in float32, collapsed.
"""

import argparse
from collections.abc import Iterator

from cuda_speed.cards import CARDS, Card
from cuda_speed.ceilings import BARS, Ceiling, ceiling
from cuda_speed.kernels import Kernels, kernels, relu_with_bias
from cuda_speed.sass import classes
from speed.tables import show

KINDS = (  # title, spec, dtype, kernel
    ("layers, no bias", "relu-3", "float64", "layers_ntk"),
    ("layers, bias", relu_with_bias(3), "float64", "layers_ntk"),
    ("collapsed", "relu-3", "float32", "table_ntk"),
)
COLUMNS = ("ReLU, depth 3", "dtype", "card", "call", "instructions", "double", "again", "warps", "binds", "ceiling",
           "bar", "above it")  # fmt: skip


def cases() -> Iterator[tuple[str, str, str, Card, bool, Kernels, Ceiling]]:
    """(title, dtype, kernel, card, whether it is of K(x), the machine code, its ceiling)."""
    for title, spec, dtype, name in KINDS:
        for card in CARDS:
            made = kernels(spec, dtype, card.capability)
            for mirrored in (False, True):
                itemsize = 4 if dtype == "float32" else 8
                found = ceiling(made.pair(name, mirrored), made.idle(name), card, itemsize, mirrored)
                yield title, dtype, name, card, mirrored, made, found


def share(dtype: str, found: Ceiling) -> float:
    """The share of the limit that the bar is set for."""
    return found.of_bandwidth if dtype == "float32" else found.of_double


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", action="store_true")
    rows = []
    for title, dtype, name, card, mirrored, made, found in cases():
        pair, value = made.pair(name, mirrored), share(dtype, found)
        counted = [f"{n:.0f}" for n in (pair.total(), classes(pair)["double"], made.idle(name).total())]
        warps = card.warps(made.registers[name], made.shared[name])
        end = [found.binds, f"{value:.0%}", f"{BARS[dtype]:.0%}", "yes" if value > BARS[dtype] else "NO"]
        rows.append([title, dtype, card.name, "K(x)" if mirrored else "K(x1, x2)", *counted, str(warps), *end])
    show("Ceilings, not measurements", COLUMNS, [rows], parser.parse_args().markdown)


if __name__ == "__main__":
    main()
