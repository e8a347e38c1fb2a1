"""What a generated CuPy module does with one point at a time; its text is embedded there."""

from typing import Any

import cupy
import numpy as np

from kernelc.runtime.inputs import panels
from kernelc_cupy.device import device_errors, device_of, for_each, on_device, warn_of_slow_double

F: Any = np.float64  # stand-ins for what a generated module defines itself
NORMALIZE: Any = None
SAVED: Any = None
deviations: Any = None

PANEL = 4096  # rows that are on the device together, at most
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
        for_each("rows", self.n, self.norms, self.length, parameters, self.values, self.ends)

    def size(self) -> int:
        """Its memory, in bytes."""
        return sum(a.nbytes for a in (self.x, self.norms, self.length, self.power, self.values, self.ends))

    def arguments(self) -> tuple[Any, ...]:
        """What kernels take of it."""
        return self.x, self.values, self.length, self.power, self.n


class Rows:
    """What depends on one point only: sqrt(x.x/d), the kernels' diagonals, and panels of points on the device."""

    def __init__(self, x: Any, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        self.x = x
        p = dict(parameters, input_width=float(x.shape[1]))
        with np.errstate(all="ignore"):  # √ of what is negative
            for name, value in deviations(p):
                if not value >= 0:
                    raise ValueError(f"{name}: expected a standard deviation, at least 0, found {value}")
        with device_errors(), device_of(x) as device:
            warn_of_slow_double(device.id)
            self.parameters = cupy.asarray(np.array(list(p.values())))
            self.room = SHARE * (device.mem_info[0] + cupy.get_default_memory_pool().free_bytes())
            self.kept: dict[tuple[int, int], Panel] = {}
            found = [self._read(self.panel(rows)) for rows in panels(len(x), PANEL)]
        self.scale, nngp, ntk = (
            (np.concatenate([np.empty(0), *part]) for part in zip(*found, strict=True))
            if found
            else (np.empty(0), np.empty(0), np.empty(0))
        )
        if NORMALIZE and (self.scale == 0).any():
            raise ValueError(f"row {int(np.argmax(self.scale == 0))} is zero and cannot be put on the sphere")
        ends = {"nngp": nngp.astype(F), "ntk": ntk.astype(F)}
        for name in get:
            bad = ~np.isfinite(ends[name])
            if bad.any():
                raise ValueError(f"row {int(np.argmax(bad))} of the input is out of the domain: its {name} overflows")
        self.diagonal = {name: self._like_x(value) for name, value in ends.items()}

    def _read(self, panel: Panel) -> tuple[Any, Any, Any]:
        nngp, ntk = cupy.asnumpy(panel.ends)
        return cupy.asnumpy(panel.norms[0]), nngp, ntk

    def _like_x(self, value: Any) -> Any:
        return cupy.asarray(value) if on_device(self.x) else value

    def panel(self, rows: slice) -> Panel:
        """Some rows on the device; kept there while there is room."""
        key = rows.start, rows.stop
        if key in self.kept:
            return self.kept[key]
        panel = Panel(self.x[rows], self.parameters)
        cupy.cuda.get_current_stream().synchronize()  # other streams use it too
        if sum(p.size() for p in self.kept.values()) + panel.size() < self.room:
            self.kept[key] = panel
        return panel
