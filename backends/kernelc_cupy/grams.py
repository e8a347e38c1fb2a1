"""What a generated CuPy module does with pairs: blocks of the matrix, each one product and one kernel.

NumPy arrays come and go by blocks, so that neither they nor the matrix need fit on the device.
"""

import ctypes
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import cupy
import numpy as np

from kernelc.runtime.collapse import collapsed
from kernelc.runtime.inputs import panels, refuse
from kernelc.runtime.zonal import zonal
from kernelc_cupy.device import (
    FULL_MEMORY,
    SQUARE,
    DeviceError,
    attempted,
    device_errors,
    device_of,
    expect_device,
    for_each,
    host_memory,
    launch,
    on_device,
)
from kernelc_cupy.points import FEWEST, PANEL, Panel, Rows, for_device, give_back

F: Any = np.float64  # stand-ins for what a generated module defines itself

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

    def empty(self) -> Any:
        """A matrix to be filled, of the points' library."""
        with device_errors(), self.device:
            return (cupy if on_device(self.one.x) else np).empty(self.shape, F)

    def fill(self, outs: dict[str, Any], progress: Callable[[float], None] | None = None) -> None:
        """Write the matrices into ``outs``, arrays of NumPy or CuPy; ``progress`` gets the share done."""
        for out in outs.values():
            if not isinstance(out, np.ndarray | cupy.ndarray) or out.shape != self.shape or out.dtype.kind != "f":
                refuse(out, f"an array of floats of shape {self.shape}")
            if _overlap(out, self.one.x) or _overlap(out, self.two.x):
                raise ValueError("out: expected memory of its own, found that of the points")
            expect_device(out, self.device, "out")
        blocks = self._blocks()
        done = 0

        def finished(i: slice, j: slice, times: int = 1) -> None:
            nonlocal done
            done += times * (i.stop - i.start) * (j.stop - j.start)
            if progress is not None:
                progress(done / (self.shape[0] * self.shape[1]))

        if all(on_device(out) for out in outs.values()):
            for i, j in blocks:
                self._compute(i, j, outs)
                finished(i, j, 2 if self.mirrored and i != j else 1)
            self._refuse_overflow()
            return
        for i, j, values in self._on_host(blocks):
            for name, value in values.items():
                outs[name][i, j] = value
            finished(i, j)

    def blocks(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """(rows, columns, kernels) for blocks that cover the matrix, which hold until the next; of a symmetric one half
        is computed.
        """
        if not on_device(self.one.x):
            yield from self._on_host(self._blocks())
            return
        for i, j, values in self._each(self._blocks()):
            self._refuse_overflow()
            yield i, j, values
            if self.mirrored and i != j:
                yield j, i, {name: value.T for name, value in values.items()}

    def product(self, v: Any, get: str) -> Any:
        """The kernel matrix times v, of shape (m,) or (m, k), on the device; the result is of the points' library."""
        expect_device(v, self.device, "v")
        with device_errors(), self.device:
            vector = cupy.asarray(v, dtype=F)
            out = cupy.zeros((self.shape[0], *vector.shape[1:]), F)
            for i, j, values in self._each(self._blocks()):
                out[i] += values[get] @ vector[j]
                if self.mirrored and i != j:
                    out[j] += values[get].T @ vector[i]
            self._refuse_overflow()
            return out if on_device(self.one.x) else cupy.asnumpy(out)

    def _blocks(self) -> list[Block]:
        rows, columns = (list(panels(n, PANEL)) for n in self.shape)
        return [(i, j) for i in rows for j in columns if not (self.mirrored and j.start < i.start)]

    def _each(self, blocks: list[Block]) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """The blocks one after the other, on the device."""
        for block in blocks:
            for i, j, values, _ in self._split(*block, nullcontext(), False):
                yield i, j, values

    def _split(self, i: slice, j: slice, stream: Any, mirror: bool) -> Iterator[tuple[slice, slice, Any, Any]]:
        """A block in new memory, with its mirror image if wanted, or in four parts where there is not enough. Whoever
        takes it has their own device and stream, not these.
        """
        with device_errors(), self.device, stream:
            values, back = attempted(lambda: self._new(i, j, mirror)) or ({}, {})
            parts = [] if values else self._quarters(i, j)
        if values:
            yield i, j, values, back
        for part in parts:
            yield from self._split(*part, stream, mirror)

    def _new(self, i: slice, j: slice, mirror: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        rows, columns = i.stop - i.start, j.stop - j.start
        values = {name: cupy.empty((rows, columns), F) for name in self.get}
        back = {name: cupy.empty((columns, rows), F) for name in self.get} if mirror and i != j else {}
        self._run(i, j, values, back)
        return values, back

    def _compute(self, i: slice, j: slice, outs: dict[str, Any]) -> None:
        """Write a block and its mirror image into arrays on the device, in four parts where memory is short."""
        here = {k: out[i, j] for k, out in outs.items()}
        mirror = {k: out[j, i] for k, out in outs.items()} if self.mirrored and i != j else {}
        with device_errors(), self.device:
            parts = [] if attempted(lambda: self._run(i, j, here, mirror)) else self._quarters(i, j)
        for part in parts:
            self._compute(*part, outs)

    def _quarters(self, i: slice, j: slice) -> list[Block]:
        """A block in parts, when the device's memory is full: what is not needed at once is given back before."""
        give_back(self.one.kept, self.two.kept)
        if max(i.stop - i.start, j.stop - j.start) < FEWEST:
            raise DeviceError(FULL_MEMORY)
        parts = [[slice(s.start, m), slice(m, s.stop)] for s in (i, j) for m in [(s.start + s.stop) // 2]]
        return [
            (a, b) for a in parts[0] for b in parts[1] if a.start < a.stop and b.start < b.stop
            if not (self.mirrored and i == j and b.start < a.start)
        ]  # fmt: skip

    def _run(self, i: slice, j: slice, out: dict[str, Any], mirror: dict[str, Any]) -> bool:
        """Launch the product and the kernels of block (i, j) on the current stream; True when that is done."""
        one, two = self.one.panel(i), self.two.panel(j)
        product = one.x @ two.x.T
        square = self.mirrored and i == j
        wrong = [o for o in out.values() if o.dtype != F or o.strides[1] != o.itemsize]
        target = {name: cupy.empty(product.shape, F) for name in out} if wrong else out
        back = target if square else {} if wrong else mirror
        grid, threads = (-(-two.n // SQUARE), -(-one.n // SQUARE)), (SQUARE, 8)
        asks = cupy.zeros((grid[1], grid[0], SQUARE), np.uint32)  # a bit for each pair
        first, other = next(iter(target.values())), next(iter(back.values()), None)
        arguments = (
            product, *one.arguments(), *two.arguments(), one.dim, one.ends,
            target.get("nngp"), target.get("ntk"), back.get("nngp"), back.get("ntk"),
            first.strides[0] // first.itemsize, 0 if other is None else other.strides[0] // other.itemsize,
            one.n, two.n, i.start, j.start, int(square), self.bad, asks,
        )  # fmt: skip
        kind = "both" if len(self.get) == 2 else self.get[0]
        if self.zonal is None:
            name, rest = f"layers_{kind}", (self.one.parameters,)
        else:
            t = self.zonal
            name, rest = f"table_{kind}", (self.table, int(t.bits), *t.lifts, *t.floors)
        launch(name, grid, threads, *arguments, *rest)
        launch(f"{name}_again", grid, threads, *arguments, *rest)  # the pairs that asked for it
        if wrong:
            for name in out:
                out[name][...] = target[name]
                if mirror:
                    mirror[name][...] = target[name].T
        return True

    def _refuse_overflow(self) -> None:
        with device_errors(), self.device:
            first = int(self.bad[0])  # which waits for the current stream, and hears of what failed on it
        if first != FULL:
            raise ValueError(
                f"rows {first >> 32} and {first % 2**32} of the inputs are out of the domain: their "
                f"{' or '.join(self.get)} overflows"
            )

    def _on_host(self, blocks: list[Block]) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """Blocks in NumPy arrays, which hold until the next: the device goes on while whoever takes them is at work.

        Mirror images come from the device too: the host takes several times as long to turn a block as to copy it.
        """
        with device_errors(), self.device:
            lanes = [Lane(self.device, stream) for stream in streams(self.device.id, threading.get_ident())]
        with lanes[0], lanes[1]:  # whoever takes the blocks may stop early
            for k, block in enumerate(blocks):
                lane = lanes[k % 2]
                yield from lane.arrived()  # meanwhile the other lane is at work
                for i, j, *both in self._split(*block, lane.stream, self.mirrored):
                    yield from lane.arrived()  # of several parts, the one before
                    with device_errors(), self.device:
                        lane.send(i, j, *both)
            for lane in (lanes[len(blocks) % 2], lanes[1 - len(blocks) % 2]):
                yield from lane.arrived()
        self._refuse_overflow()


class Lane:
    """A stream, and memory of the host that the device can write to by itself. At the end of ``with`` it is waited for,
    also after an error: until then the device reads panels and writes to that memory.
    """

    def __init__(self, device: Any, stream: Any) -> None:
        self.device, self.stream = device, stream
        self.room: dict[Any, Any] = {}
        self.sent: list[tuple[slice, slice, Any, Any]] = []

    def __enter__(self) -> "Lane":
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    def send(self, i: slice, j: slice, values: dict[str, Any], mirror: dict[str, Any]) -> None:
        """Begin to copy a block to the host, and its mirror image if there is one."""
        for rows, columns, arrays, way in ((i, j, values, "here"), (j, i, mirror, "mirror")):
            held = {}
            for name, value in arrays.items():
                room = self.room.get((name, way))
                if room is None or room.size < value.size:
                    room = self.room[name, way] = np.frombuffer(host_memory(value.nbytes), F, value.size)
                held[name] = room[: value.size].reshape(value.shape)
                value.data.copy_to_host_async(ctypes.c_void_p(held[name].ctypes.data), value.nbytes, self.stream)
            if held:
                self.sent.append((rows, columns, held, arrays))  # the device's arrays live until the copy is done

    def arrived(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """What was sent, if anything was."""
        if self.sent:
            self.wait()
            sent, self.sent = self.sent, []
            for i, j, held, _ in sent:
                yield i, j, held

    def wait(self) -> None:
        """Until all that was sent is there."""
        with device_errors(), self.device:
            self.stream.synchronize()


@functools.cache
def streams(device: int, thread: int) -> list[Any]:
    """Two streams of the current device for each thread: CuPy keeps memory for every stream, so they stay."""
    return [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]


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
