"""What a generated CuPy module does with pairs: blocks of the matrix, each one product and one kernel.

NumPy arrays come and go by blocks, so that neither they nor the matrix need fit on the device.
"""

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import cupy
import numpy as np

from kernelc.runtime.collapse import collapsed
from kernelc.runtime.inputs import panels
from kernelc.runtime.zonal import zonal
from kernelc_cupy.device import SQUARE, DeviceError, accepted, device_errors, device_of, for_each, launch, on_device
from kernelc_cupy.points import FEWEST, PANEL, Panel, Rows, for_device, give_back

F: Any = np.float64  # stand-ins for what a generated module defines itself
REFINES: Any = None

FULL = 2**64 - 1  # no pair

Block = tuple[slice, slice]


class Gram:
    """The kernels ``get`` of two sets of rows, block by block; ``two is one`` says that row i and column i are one."""

    def __init__(self, one: Rows, two: Rows, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        self.get: tuple[str, ...] = tuple(name for name in ("nngp", "ntk") if name in get)
        self.one, self.two = one, two
        self.shape = len(one.x), len(two.x)
        self.mirrored = two is one
        self.device = device_of(one.x, two.x)
        with device_errors(), self.device:
            self.zonal = collapsed(one, two, parameters, self.get)
            self.table = None if self.zonal is None else cupy.asarray(self.zonal.coefficients)
            self.bad = cupy.full(1, FULL, np.uint64)
            cupy.cuda.get_current_stream().synchronize()  # other streams use them too

    def fill(self, outs: dict[str, Any], progress: Callable[[float], None] | None = None) -> None:
        """Write the matrices into ``outs``, arrays of NumPy or CuPy; ``progress`` gets the share done."""
        for out in outs.values():
            if not isinstance(out, np.ndarray | cupy.ndarray) or out.shape != self.shape or out.dtype.kind != "f":
                found = f"{getattr(out, 'dtype', type(out).__name__)} of shape {np.shape(out)}"
                raise ValueError(f"out: expected an array of floats of shape {self.shape}, found {found}")
            if _overlap(out, self.one.x) or _overlap(out, self.two.x):
                raise ValueError("out: expected memory of its own, found that of the points")
        blocks = self._blocks()
        done = 0

        def finished(i: slice, j: slice) -> None:
            nonlocal done
            done += (1 + (self.mirrored and i != j)) * (i.stop - i.start) * (j.stop - j.start)
            if progress is not None:
                progress(done / (self.shape[0] * self.shape[1]))

        if all(on_device(out) for out in outs.values()):
            for i, j in blocks:
                self._compute(i, j, outs)
                finished(i, j)
            self._refuse_overflow()
            return
        for i, j, values in self._on_host(blocks):
            for name, value in values.items():
                outs[name][i, j] = value
                if self.mirrored and i != j:
                    outs[name][j, i] = value.T
            finished(i, j)

    def blocks(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """(rows, columns, kernels) for blocks that cover the matrix; of a symmetric one half is computed."""
        for i, j, values in self._each(self._blocks()) if on_device(self.one.x) else self._on_host(self._blocks()):
            values = {name: value.copy() for name, value in values.items()}
            yield i, j, values
            if self.mirrored and i != j:
                yield j, i, {name: value.T for name, value in values.items()}

    def product(self, v: Any, get: str) -> Any:
        """The kernel matrix times v, of shape (m,) or (m, k), on the device; the result is of the points' library."""
        with device_errors(), self.device:
            vector = cupy.asarray(v, dtype=F)
            out = cupy.zeros((self.shape[0], *vector.shape[1:]), F)
            for i, j, values in self._each(self._blocks()):
                with self.device:
                    out[i] += values[get] @ vector[j]
                    if self.mirrored and i != j:
                        out[j] += values[get].T @ vector[i]
            return out if on_device(self.one.x) else cupy.asnumpy(out)

    def _blocks(self) -> list[Block]:
        rows, columns = (list(panels(n, PANEL)) for n in self.shape)
        return [(i, j) for i in rows for j in columns if not (self.mirrored and j.start < i.start)]

    def _each(self, blocks: list[Block]) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """The blocks one after the other, on the device."""
        for i, j in blocks:
            with device_errors(), self.device:
                for r, c, values in self._split(i, j):
                    self._refuse_overflow()
                    yield r, c, values

    def _split(self, i: slice, j: slice) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """A block in new memory, or in four parts where there is not enough."""
        try:
            shape = i.stop - i.start, j.stop - j.start
            values = {name: cupy.empty(shape, F) for name in self.get}
            self._run(i, j, values, {})
        except cupy.cuda.memory.OutOfMemoryError:
            for part in self._quarters(i, j):
                yield from self._split(*part)
            return
        yield i, j, values

    def _compute(self, i: slice, j: slice, outs: dict[str, Any]) -> None:
        """Write a block and its mirror image into arrays on the device, in four parts where memory is short."""
        with device_errors(), self.device:
            there = outs if self.mirrored and i != j else {}
            try:
                here, mirror = {k: o[i, j] for k, o in outs.items()}, {k: o[j, i] for k, o in there.items()}
                self._run(i, j, here, mirror)
            except cupy.cuda.memory.OutOfMemoryError:
                for part in self._quarters(i, j):
                    self._compute(*part, outs)

    def _quarters(self, i: slice, j: slice) -> list[Block]:
        """A block in parts, when the device's memory is full: what is not needed at once is given back before."""
        give_back(self.one.kept, self.two.kept)
        if max(i.stop - i.start, j.stop - j.start) < FEWEST:
            raise DeviceError("the GPU's memory is full, even for a block of 64 rows: free some")
        parts = [[slice(s.start, m), slice(m, s.stop)] for s in (i, j) for m in [(s.start + s.stop) // 2]]
        return [
            (a, b) for a in parts[0] for b in parts[1] if a.start < a.stop and b.start < b.stop
            if not (self.mirrored and i == j and b.start < a.start)
        ]  # fmt: skip

    def _run(self, i: slice, j: slice, out: dict[str, Any], mirror: dict[str, Any]) -> None:
        """Launch the product and the kernel of block (i, j) on the current stream."""
        one, two = self.one.panel(i), self.two.panel(j)
        product = one.x @ two.x.T
        square = self.mirrored and i == j
        wrong = [o for o in out.values() if o.dtype != F or o.strides[1] != o.itemsize]
        target = {name: cupy.empty(product.shape, F) for name in out} if wrong else out
        back = target if square else {} if wrong else mirror
        grid, threads = (-(-two.n // SQUARE), -(-one.n // SQUARE)), (SQUARE, 8)
        asks = cupy.zeros(grid[::-1], np.uint8) if REFINES and self.zonal is None else None
        first, other = next(iter(target.values())), next(iter(back.values()), None)
        arguments = (
            product, *one.arguments(), *two.arguments(), one.dim, one.ends,
            target.get("nngp"), target.get("ntk"), back.get("nngp"), back.get("ntk"),
            first.strides[0] // first.itemsize, 0 if other is None else other.strides[0] // other.itemsize,
            one.n, two.n, i.start, j.start, int(square), self.bad, asks,
        )  # fmt: skip
        kind = "both" if len(self.get) == 2 else self.get[0]
        if self.zonal is None:
            launch(f"layers_{kind}", grid, threads, *arguments, self.one.parameters)
            if REFINES:
                launch(f"refined_{kind}", grid, threads, *arguments, self.one.parameters)
        else:
            t = self.zonal
            launch(f"table_{kind}", grid, threads, *arguments, self.table, int(t.bits), *t.lifts, *t.floors)
        if wrong:
            for name in out:
                out[name][...] = target[name]
                if mirror:
                    mirror[name][...] = target[name].T

    def _refuse_overflow(self) -> None:
        with self.device:
            first = int(self.bad[0])
        if first != FULL:
            raise ValueError(
                f"rows {first >> 32} and {first % 2**32} of the inputs are out of the domain: their "
                f"{' or '.join(self.get)} overflows"
            )

    def _on_host(self, blocks: list[Block]) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """Blocks in NumPy arrays, which hold until the next: one is copied while the next is computed."""
        with device_errors(), self.device:
            lanes = [Lane(), Lane()]
            for k, block in enumerate(blocks):
                lane = lanes[k % 2]
                yield from lane.arrived()
                with lane.stream:
                    for i, j, values in self._split(*block):
                        yield from lane.arrived()  # there are several only if memory is short
                        lane.send(i, j, values)
            for lane in (lanes[len(blocks) % 2], lanes[1 - len(blocks) % 2]):
                yield from lane.arrived()
        self._refuse_overflow()


class Lane:
    """A stream, and memory of the host that the device can write to by itself."""

    def __init__(self) -> None:
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.room: dict[str, Any] = {}
        self.sent: Any = None

    def send(self, i: slice, j: slice, values: dict[str, Any]) -> None:
        """Begin to copy a block to the host."""
        held = {}
        for name, value in values.items():
            if self.room.get(name) is None or self.room[name].size < value.size:
                memory = cupy.cuda.alloc_pinned_memory(max(value.nbytes, 1))
                self.room[name] = np.frombuffer(memory, F, value.size)
            held[name] = self.room[name][: value.size].reshape(value.shape)
            value.data.copy_to_host_async(ctypes.c_void_p(held[name].ctypes.data), value.nbytes, self.stream)
        self.sent = i, j, held, values  # the device's arrays live until the copy is done

    def arrived(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """The block that was sent, if there is one."""
        if self.sent is not None:
            self.stream.synchronize()
            i, j, held, _ = self.sent
            self.sent = None
            yield i, j, held


def _overlap(out: Any, x: Any) -> bool:
    if on_device(out) != on_device(x):
        return False
    return bool((cupy if on_device(out) else np).may_share_memory(out, x))


def tabulated(scale: float, width: int, parameters: dict[str, float], get: tuple[str, ...]) -> Any:
    """The table for points with sqrt(x.x/d) = scale, from the layers; None where the kernels are 0 or overflow."""
    p = for_device(dict(parameters, input_width=float(width)))
    point = Panel.__new__(Panel)
    point.n = 1
    point.norms, point.length = cupy.asarray(np.array([[scale], [0.0]])), cupy.ones(1)
    point.layers(p)
    diagonal = [
        float(v) for name, v in zip(("nngp", "ntk"), cupy.asnumpy(point.ends)[:, 0], strict=True) if name in get
    ]
    if not all(np.isfinite(value) and value > np.finfo(F).tiny / np.finfo(F).eps for value in diagonal):
        return None

    def values(gap: Any, side: Any) -> Any:
        found = {name: cupy.empty(gap.size, F) for name in ("nngp", "ntk")}
        angles = cupy.asarray(gap.astype(F)), cupy.asarray(side.astype(F))
        for_each("at_angles", gap.size, *angles, point.values, p, found["nngp"], found["ntk"])
        return np.stack([cupy.asnumpy(found[name]) / value for name, value in zip(get, diagonal, strict=True)])

    return zonal(values)


def prepared(x1: Any, x2: Any, parameters: dict[str, float], get: tuple[str, ...]) -> Gram:
    """The Gram matrices of inputs that are checked; ``x2=None`` stands for x1 itself."""
    with device_errors():
        x1 = accepted(x1, "x1")
        x2 = None if x2 is None else accepted(x2, "x2")
        if x2 is not None and x1.shape[1] != x2.shape[1]:
            raise ValueError(f"x1 and x2: expected as many columns, found {x1.shape[1]} and {x2.shape[1]}")
        device_of(x1, x2)
        one = Rows(x1, parameters, get)
        return Gram(one, one if x2 is None else Rows(x2, parameters, get), parameters, get)


def gram(x1: Any, x2: Any, get: tuple[str, ...], parameters: dict[str, float], out: Any = None) -> dict[str, Any]:
    """The matrices ``get``, each of shape (n, m) and of the module's dtype; ``out`` is filled if it is given."""
    pairs = prepared(x1, x2, parameters, get)
    if out is not None and (np.shape(out) != pairs.shape or getattr(out, "dtype", None) != np.dtype(F)):
        found = f"{getattr(out, 'dtype', type(out).__name__)} of shape {np.shape(out)}"
        raise ValueError(f"out: expected {np.dtype(F)} of shape {pairs.shape}, found {found}")
    library = cupy if on_device(pairs.one.x) else np
    with device_errors(), pairs.device:
        outs = {name: library.empty(pairs.shape, F) if out is None else out for name in pairs.get}
        pairs.fill(outs)
    return outs
