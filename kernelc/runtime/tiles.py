"""What every generated NumPy module does with pairs: products in blocks, layers in tiles, outputs filled."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from kernelc.runtime.inputs import panels, refuse

F: Any = np.float64  # stand-ins for what a generated module defines itself
TILE, ZONAL_TILE, BLOCK = (64, 512), (64, 512), 512
BLOCKS: Any = ()
DD: Any = None
first_angles: Any = None
looked_up: Any = None
reflect: Any = None
transpose: Any = None
collapsed: Any = None
one_thread_each: Any = None
share_out: Any = None
threads: Any = None


def refine(exact: Any, flag: Any, rough: Any, *inputs: Any) -> Any:
    """``rough``, recomputed in double-double at the entries where ``flag`` holds."""
    i, j = np.nonzero(np.broadcast_to(flag, rough.shape))
    if not len(i):
        return rough
    values = rough.copy()
    for part in panels(len(i), 4096):
        at = i[part], j[part]
        values[at] = exact(*(DD(np.broadcast_to(v, rough.shape)[at]) for v in inputs)).hi
    return values


def layered(
    gap: Any, side: Any, one: Any, two: Any, i: slice, j: slice, parameters: dict[str, float], get: tuple[str, ...]
) -> dict[str, Any]:
    """The kernels ``get`` of a tile, rows ``i`` of one set against rows ``j`` of another, layer by layer."""
    p = dict(parameters, input_width=float(one.x.shape[1]))
    ntk = F(0) if "ntk" in get else None
    layer = 0
    with np.errstate(all="ignore"):  # of two formulas the one not taken may overflow
        for count, _row, pair in BLOCKS:
            for _ in range(count):
                saved1 = [v[i, None] for v in one.saved[layer]]
                saved2 = [v[None, j] for v in two.saved[layer]]
                gap, side, ntk = pair(gap, side, ntk, saved1, saved2, p)
                layer += 1
        values = {}
        if "nngp" in get:
            values["nngp"] = one.root["nngp"][i, None] * two.root["nngp"][None, j] * (side * (1 - 2 * gap))
        if ntk is not None:
            shape = i.stop - i.start, j.stop - j.start
            values["ntk"] = ntk if np.ndim(ntk) else np.full(shape, ntk, F)  # frozen layers may leave a number
        for name in get:
            if not np.isfinite(values[name]).all():
                row, column = np.argwhere(~np.isfinite(values[name]))[0] + (i.start, j.start)
                raise ValueError(f"rows {row} and {column} of the inputs are out of the domain: their {name} overflows")
    return values


class Gram:
    """The kernels ``get`` of two sets of rows, block by block; ``two is one`` says that row i and column i are one.

    A block is one matrix product and the tiles in it, in which the layers run; blocks are shared among threads.
    """

    def __init__(self, one: Any, two: Any, parameters: dict[str, float], get: tuple[str, ...]) -> None:
        get = tuple(dict.fromkeys(get))
        self.one, self.two, self.parameters, self.get = one, two, parameters, get
        self.shape = len(one.x), len(two.x)
        self.mirrored = two is one
        self.zonal = collapsed(one, two, parameters, get)
        self.block = BLOCK if max(self.shape) >= 4 * BLOCK else BLOCK // 2
        self.tile = TILE if self.zonal is None else ZONAL_TILE
        self.workers = threads()
        self.local = threading.local()  # a thread's own room for products

    def empty(self) -> Any:
        """A matrix to be filled."""
        return np.empty(self.shape, F)

    def fill(self, outs: dict[str, Any], progress: Callable[[float], None] | None = None) -> None:
        """Write the matrices into ``outs``; ``progress`` gets the share done."""
        for out in outs.values():
            if not isinstance(out, np.ndarray) or out.shape != self.shape or out.dtype.kind != "f":
                refuse(out, f"an array of floats of shape {self.shape}")
            if any(np.may_share_memory(out, rows.x) for rows in (self.one, self.two)):
                raise ValueError("out: expected memory of its own, found that of the points")

        def write(at: tuple[slice, slice]) -> None:
            i, j = at
            there = outs if self.mirrored and i != j else {}
            self._write(i, j, {k: out[i, j] for k, out in outs.items()}, {k: out[j, i] for k, out in there.items()})

        share_out(write, self._blocks(), self.workers, progress)

    def blocks(self) -> Iterator[tuple[slice, slice, dict[str, Any]]]:
        """(rows, columns, kernels) for blocks that cover the matrix; of a symmetric one half is computed."""

        def new(at: tuple[slice, slice]) -> tuple[slice, slice, dict[str, Any]]:
            i, j = at
            values = {name: np.empty((i.stop - i.start, j.stop - j.start), F) for name in self.get}
            self._write(i, j, values, {})
            return i, j, values

        left = iter(self._blocks())
        with ThreadPoolExecutor(self.workers) as pool:
            while batch := list(itertools.islice(left, 2 * self.workers)):
                workers = min(self.workers, len(batch))
                with one_thread_each(workers):  # no longer than that: what runs between blocks has all threads
                    found = list(pool.map(new, batch) if workers > 1 else map(new, batch))
                for i, j, values in found:
                    yield i, j, values
                    if self.mirrored and i != j:
                        yield j, i, {name: value.T for name, value in values.items()}

    def _blocks(self) -> list[tuple[slice, slice]]:
        rows, columns = (list(panels(n, self.block)) for n in self.shape)
        return [(i, j) for i in rows for j in columns if not (self.mirrored and j.start < i.start)]

    def _write(self, i: slice, j: slice, here: dict[str, Any], there: dict[str, Any]) -> None:
        """Write block (i, j) into ``here``, and its transpose into ``there`` if that is not empty."""
        if not hasattr(self.local, "room"):
            np.empty(2 * self.block * self.block, F)  # freed at once: glibc keeps blocks up to this size from now on
            self.local.room = np.empty(self.block * self.block, F)
        shape = i.stop - i.start, j.stop - j.start
        rho = self.local.room[: shape[0] * shape[1]].reshape(shape)
        np.matmul(self.one.panel(i), self.two.panel(j).T, out=rho)
        diagonal = self.mirrored and i == j
        for r, c in itertools.product(panels(shape[0], self.tile[0]), panels(shape[1], self.tile[1])):
            if not diagonal:
                self._put(rho, r, c, i, j, here, there)
            elif c.stop > r.start:  # from the diagonal on
                self._put(rho, r, slice(max(r.start, c.start), c.stop), i, j, here, here)

    def _put(
        self, rho: Any, r: slice, c: slice, i: slice, j: slice, here: dict[str, Any], there: dict[str, Any]
    ) -> None:
        """Write the tile at (r, c) of block (i, j) into ``here``, and its transpose into ``there``."""
        rows, columns = shifted(r, i), shifted(c, j)
        height = r.stop - r.start
        square = here is there and r.start == c.start  # it begins with one on the diagonal
        tiles = {name: out[r, c] for name, out in here.items()}
        rest = slice(r.stop, c.stop) if square else c
        mirror = {name: out[rest, r] for name, out in there.items()} if rest.start < rest.stop else {}
        self._fill(tiles, mirror, np.ascontiguousarray(rho[r, c]), rows, columns, square)
        for name, tile in tiles.items():
            if square:
                reflect(tile[:, :height], self.one.diagonal[name][rows])

    def _fill(self, tiles: dict[str, Any], mirror: dict[str, Any], rho: Any, i: slice, j: slice, square: bool) -> None:
        """Write the kernels of rows i against rows j, and their transposes into ``mirror`` if that is not empty.

        ``rho``, the inner products, may be overwritten. ``square`` says that the tile begins with a square on the
        diagonal, of which the upper half is of interest, and nothing in ``mirror``.
        """
        if self.zonal is not None:
            looked_up(self.zonal, rho, self.one, self.two, i, j, square, tiles, mirror)
            return
        gap, side = first_angles(rho, self.one, self.two, i, j, square)
        values = layered(gap, side, self.one, self.two, i, j, self.parameters, self.get)
        for name, tile in tiles.items():
            tile[...] = values[name]
            if mirror:
                transpose(values[name][:, -len(mirror[name]) :], mirror[name])


def shifted(part: slice, base: slice) -> slice:
    """A part of a block as a part of the matrix."""
    return slice(base.start + part.start, base.start + part.stop)
