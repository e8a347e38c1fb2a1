"""The kernels in tests/data: computed by others, so that even the oracle has someone to answer to."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, eq=False)
class Published:
    """One network on one set of inputs, and what others got for it."""

    name: str
    toml: str
    x1: np.ndarray
    x2: np.ndarray | None
    nngp: np.ndarray
    ntk: np.ndarray

    @property
    def is_truth(self):
        """Computed with more digits than float64 has, and so good on the diagonal too."""
        return self.name.startswith("truth/")


def load():
    """Every entry of reference.json on every one of its sets."""
    with np.load(DATA / "reference.npz") as archive:
        arrays = dict(archive)
    inputs = {name.removeprefix("in/"): array for name, array in arrays.items() if name.startswith("in/")} | {
        None: None
    }
    return [
        Published(
            f"{entry['id']}/{key}",
            entry["spec"],
            inputs[sets["x1"]],
            inputs[sets["x2"]],
            arrays[f"{entry['id']}/{key}/nngp"],
            arrays[f"{entry['id']}/{key}/ntk"],
        )
        for entry in json.loads((DATA / "reference.json").read_text())["kernels"]
        for key, sets in entry["sets"].items()
    ]


PUBLISHED = load()
