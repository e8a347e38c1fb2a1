"""Tables on the disk: one .npz each in the user's cache directory, named by all that it depends on."""

from __future__ import annotations

import hashlib
import os
import zipfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path
from sympy import Expr, srepr

from kernelc.files import atomic_path
from kernelc.tables.record import PARTS, ROWS, Table, TablePart

FORMAT = 6


def directory() -> Path:
    """Where tables are kept: $KERNELC_CACHE_DIR, or the platform's place for caches."""
    given = os.environ.get("KERNELC_CACHE_DIR")
    return Path(given) if given else user_cache_path("kernelc", appauthor=False) / "tables"


def key(phi: Expr, q_range: tuple[float, float], target: float) -> str:
    """The name of a table: a digest of the activation, the range, the target and the versions of what builds it."""
    content = (FORMAT, version("kernelc"), np.__version__, srepr(phi), *map(float, q_range), float(target))
    return hashlib.sha256(repr(content).encode()).hexdigest()[:32]


def load(name: str) -> Table | None:
    """The table of that name, or None; a damaged file counts as none."""
    try:
        with np.load(directory() / f"{name}.npz", allow_pickle=False) as data:
            parity = [p for p in ("odd", "even") if f"{p}_basis" in data]
            parts = tuple(TablePart(p, *(data[f"{p}_{field}"] for field in PARTS)) for p in parity)
            low, high, delta, error, at_zero, slope_at_zero = map(float, data["settings"])
            moment, flux, share, mean, slope_mean = (data[name] for name in ROWS)
            return Table(
                (low, high), delta, parts, moment, flux, share, mean, slope_mean, at_zero, slope_at_zero, error
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError):
        return None


def save(name: str, table: Table) -> None:
    """Keep a table, whole or not at all; a disk that takes none is no error."""
    settings = (*table.q_range, table.delta, table.error, table.at_zero, table.slope_at_zero)
    with suppress(OSError):
        directory().mkdir(parents=True, exist_ok=True)
        with atomic_path(directory() / f"{name}.npz") as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = {"settings": np.array(settings), **dict(table.arrays())}
            np.savez(file, **arrays)
