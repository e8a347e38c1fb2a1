"""What a generated CuPy module does with one point at a time; its text is embedded there."""

from typing import Any

import cupy
import numpy as np

from kernelc.runtime.inputs import panels
from kernelc_cupy.device import (
    FULL_MEMORY,
    DeviceError,
    accepted,
    attempted,
    device_errors,
    device_of,
    for_each,
    on_device,
    warn_of_rounding,
    warn_of_slow_double,
)

F: Any = np.float64  # stand-ins for what a generated module defines itself
NORMALIZE: Any = None
SAVED: Any = None
DUALS: Any = ()
SERIES: Any = ()
deviations: Any = None

PANEL = 4096  # rows that are on the device together, at most
FEWEST = 64  # of those: where there is no room for so few, there is none
SHARE = 0.25  # of the free memory that panels of rows may take


class Panel:
    """Some points on the device: see ``Points`` in the CUDA code for its arrays."""

    def __init__(self, x: Any, parameters: Any) -> None:
        self.n, self.dim = x.shape
        self.x = cupy.array(x, dtype=F, order="C")  # a copy: it is scaled
        self.norms, self.length = cupy.empty((2, self.n)), cupy.empty(self.n)
        self.power = cupy.empty(self.n, np.int32)
        for_each("norms", self.n, self.x, self.dim, self.norms, self.length, self.power)
        self.layers(parameters)

    def layers(self, parameters: Any) -> None:
        """Run the layers on the points' norms."""
        self.values, self.ends = cupy.empty((3 + SAVED, self.n), F), cupy.empty((2, self.n), F)
        self.seen = cupy.full((2 * len(DUALS), self.n), np.nan)
        for_each("rows", self.n, self.norms, self.length, parameters, self.values, self.ends, self.seen)

    def size(self) -> int:
        """Its memory, in bytes."""
        return sum(a.nbytes for a in (self.x, self.norms, self.length, self.power, self.values, self.ends))

    def arguments(self) -> tuple[Any, ...]:
        """What kernels take of it."""
        return self.x, self.values, self.length, self.power, self.n


def for_device(parameters: dict[str, float]) -> Any:
    """The parameters, and behind them the tables of activations, as kernels take them."""
    return cupy.asarray(np.concatenate([list(parameters.values()), SERIES]))


class Rows:
    """What depends on one point only: sqrt(x.x/d), the kernels' diagonals, and panels of points on the device."""

    accepted = staticmethod(accepted)

    def __init__(self, x: Any, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        self.x = x
        p = dict(parameters, input_width=float(x.shape[1]))
        with np.errstate(all="ignore"):  # √ of what is negative
            for name, value in deviations(p):
                if not value >= 0:
                    raise ValueError(f"{name}: expected a standard deviation, at least 0, found {value}")
        with device_errors(), device_of(x) as device:
            warn_of_slow_double(device.id)
            warn_of_rounding()
            self.parameters = for_device(p)
            self.room = SHARE * (device.mem_info[0] + cupy.get_default_memory_pool().free_bytes())
            self.kept: dict[tuple[int, int], Panel] = {}
            found = self._found(PANEL)
        self.scale, nngp, ntk, *seen = np.concatenate([np.empty((3 + 2 * len(DUALS), 0)), *found], axis=1)
        for dual, low, high in zip(DUALS, seen[::2], seen[1::2], strict=True):
            dual.check(low, high)
        if NORMALIZE and (self.scale == 0).any():
            raise ValueError(f"row {int(np.argmax(self.scale == 0))} is zero and cannot be put on the sphere")
        ends = {"nngp": nngp.astype(F), "ntk": ntk.astype(F)}
        for name in get:
            bad = ~np.isfinite(ends[name])
            if bad.any():
                raise ValueError(f"row {int(np.argmax(bad))} of the input is out of the domain: its {name} overflows")
        self.diagonal = {name: self._like_x(value) for name, value in ends.items()}

    def _found(self, size: int) -> list[Any]:
        """What was read from panels of that size, or of smaller ones where memory is short."""
        found: Any = attempted(lambda: [self._read(self.panel(rows)) for rows in panels(len(self.x), size)])
        if found is not None:
            return list(found)
        give_back(self.kept)
        if min(size, len(self.x)) < FEWEST:
            raise DeviceError(FULL_MEMORY)
        return self._found(min(size, len(self.x)) // 2)

    def _read(self, panel: Panel) -> Any:
        return np.vstack([cupy.asnumpy(a) for a in (panel.norms[:1], panel.ends, panel.seen)])

    def _like_x(self, value: Any) -> Any:
        if not on_device(self.x):
            return value
        with device_errors(), device_of(self.x):
            value = cupy.asarray(value)
            cupy.cuda.get_current_stream().synchronize()  # what is returned is there, whichever stream goes on with it
        return value

    def panel(self, rows: slice) -> Panel:
        """Some rows on the device; kept there while there is room."""
        key = rows.start, rows.stop
        if key in self.kept:
            return self.kept[key]
        panel = Panel(self.x[rows], self.parameters)
        if sum(p.size() for p in self.kept.values()) + panel.size() < self.room:
            cupy.cuda.get_current_stream().synchronize()  # other streams use it too
            self.kept[key] = panel
        return panel


def give_back(*kept: dict[Any, Any]) -> None:
    """Free what is kept on the current device without need."""
    cupy.cuda.Device().synchronize()  # one stream may still read what is to be another's memory
    for panels_of_rows in kept:
        panels_of_rows.clear()
    cupy.get_default_memory_pool().free_all_blocks()
