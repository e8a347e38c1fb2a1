"""Many finite networks: their kernels sampled chunk by chunk, resumable, the same numbers for the same seed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from kernelc.errors import InputError, SpecError
from kernelc.files import atomic_path
from kernelc.montecarlo.architecture import Affine, Architecture, Branches, Node, architecture
from kernelc.montecarlo.arrays import Array, on_host
from kernelc.montecarlo.passes import run
from kernelc.network import Network

MEMORY = 1 << 26  # bytes of activations that a chunk may hold: 64 MiB for each thread
LARGEST = 1 << 30  # bytes of samples
FORMAT = 1  # of checkpoints, and of the random numbers in them
SAVE_EVERY = 5.0  # seconds between two checkpoints

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Plan:
    """What to sample: ``networks`` of each width on the points x (n, d); ``ntk`` asks for the tangent kernel too."""

    net: Network
    x: Array
    widths: tuple[int, ...]
    networks: int
    seed: int
    ntk: bool

    def key(self) -> str:
        """A digest of all that the samples depend on."""
        try:
            text = self.net.dumps()
        except SpecError as error:
            raise InputError(f"no checkpoint without the text of the network: {error}") from None
        words = [FORMAT, text, self.widths, self.networks, self.seed, self.ntk, np.shape(self.x)]
        return hashlib.sha256(json.dumps(words).encode() + on_host(self.x).tobytes()).hexdigest()


@dataclass(frozen=True)
class Samples:
    """For each width an array (networks, p): the upper triangles of every stage's Σ^(h), then that of the NTK."""

    titles: tuple[str, ...]
    n: int
    ntk: bool
    values: dict[int, np.ndarray]

    def stage(self, h: int) -> slice:
        """The columns of Σ^(h), h = 0 for the first stage; of the NTK for h = len(titles)."""
        size = self.n * (self.n + 1) // 2
        return slice(h * size, (h + 1) * size)


def sample(
    plan: Plan, progress: Progress | None = None, checkpoint: str | Path | None = None, chunk: int | None = None
) -> Samples:
    """Sample finite networks.

    The numbers depend on the plan alone, not on ``chunk``, the networks that are computed at once (None: as many as
    64 MiB hold). ``checkpoint`` names a file that is rewritten every few seconds; if it is there, the run goes on
    from it. Raises InputError if it belongs to another run, or for samples of more than 1 GiB.
    """
    n, d = plan.x.shape
    nets = {width: architecture(plan.net, d, width) for width in plan.widths}
    titles = nets[plan.widths[0]].titles
    columns = (len(titles) + plan.ntk) * (n * (n + 1) // 2)
    if 8.0 * columns * plan.networks * len(nets) > LARGEST:
        raise InputError(
            f"{n} points, {len(titles)} layers and {plan.networks} networks make samples of more than 1 GiB; "
            "take fewer points or networks"
        )
    store = _Store.begin(plan, columns, checkpoint)
    jobs = [job for width in plan.widths for job in store.open_jobs(width, chunk or _chunk(nets[width], n))]
    everything = plan.networks * sum(map(_cost, nets.values()))
    done = everything - sum((job[2] - job[1]) * _cost(nets[job[0]]) for job in jobs)
    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        try:
            work = pool.map(lambda job: (job, _rows(plan, nets[job[0]], *job)), jobs)
            for (width, start, stop), rows in work:
                store.put(width, start, rows)
                done += (stop - start) * _cost(nets[width])
                if progress is not None:
                    progress(done / everything)
        finally:  # after an error or an interrupt the rest of the jobs would run to their end
            pool.shutdown(cancel_futures=True)
    store.save()
    return Samples(titles, n, plan.ntk, store.values)


def _rows(plan: Plan, net: Architecture, width: int, start: int, stop: int) -> np.ndarray:
    """The samples of some networks, one a row."""
    seeds = tuple(np.random.SeedSequence(plan.seed, spawn_key=(width, r)) for r in range(start, stop))
    found = run(net, plan.x, None, seeds, ntk=plan.ntk, whole=False, trace=False)
    matrices = [*found.covariances, *([] if found.ntk is None else [found.ntk])]
    upper = np.triu_indices(len(plan.x))
    return np.hstack([on_host(matrix)[:, *upper] for matrix in matrices])


@dataclass
class _Store:
    """The samples so far, and the file that they are kept in."""

    key: str
    values: dict[int, np.ndarray]
    ready: dict[int, np.ndarray]
    path: Path | None
    saved: float

    @classmethod
    def begin(cls, plan: Plan, columns: int, checkpoint: str | Path | None) -> _Store:
        values = {width: np.empty((plan.networks, columns)) for width in plan.widths}
        ready = {width: np.zeros(plan.networks, dtype=bool) for width in plan.widths}
        if checkpoint is None:
            return cls("", values, ready, None, time.monotonic())
        path = Path(checkpoint)
        store = cls(plan.key(), values, ready, path, time.monotonic())
        if path.exists():
            store._load(path)
        else:
            store.save()  # what cannot be written is refused before any work
        return store

    def open_jobs(self, width: int, chunk: int) -> Iterator[tuple[int, int, int]]:
        """(width, start, stop) of what is left to do."""
        left = np.flatnonzero(~self.ready[width])
        for gap in np.split(left, np.flatnonzero(np.diff(left) > 1) + 1):
            for start in range(int(gap[0]), int(gap[-1]) + 1, chunk) if len(gap) else ():
                yield width, start, min(start + chunk, int(gap[-1]) + 1)

    def put(self, width: int, start: int, rows: np.ndarray) -> None:
        self.values[width][start : start + len(rows)] = rows
        self.ready[width][start : start + len(rows)] = True
        if time.monotonic() - self.saved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        if self.path is None:
            return
        arrays = {f"values_{width}": values[self.ready[width]] for width, values in self.values.items()}
        arrays |= {f"ready_{width}": ready for width, ready in self.ready.items()}
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, key=self.key, **arrays)
        self.saved = time.monotonic()

    def _load(self, path: Path) -> None:
        rows = {}
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                same = str(file["key"]) == self.key
                if same:
                    rows = {width: (file[f"ready_{width}"], file[f"values_{width}"]) for width in self.values}
        except Exception as error:  # whatever NumPy makes of a damaged file, or of another kind of file
            raise InputError(f"{path} is no checkpoint of kernelc ({error}); name another file") from None
        if not same:
            raise InputError(
                f"{path} is the checkpoint of another run (other spec, points, widths, networks or seed); "
                "delete it, or name another file"
            )
        for width, (ready, values) in rows.items():
            self.ready[width] = ready
            self.values[width][ready] = values


def _chunk(net: Architecture, n: int) -> int:
    """How many networks fit into the memory of a chunk: for each affine layer some arrays of n × (n_in + n_out)."""
    layers = list(_affines(node for stage in net.stages for node in stage))
    floats = sum(6 * n * (layer.n_in + layer.n_out) for layer in layers)
    return max(1, min(64, MEMORY // (8 * floats)))


def _cost(net: Architecture) -> float:
    """The time that a network takes, in arbitrary units."""
    return sum(
        float(layer.n_in * layer.n_out if layer.signs else 20 * (layer.n_in + layer.n_out) + 1000)
        for layer in _affines(node for stage in net.stages for node in stage)
    )


def _affines(nodes: Iterator[Node]) -> Iterator[Affine]:
    for node in nodes:
        if isinstance(node, Affine):
            yield node
        elif isinstance(node, Branches):
            yield from _affines(inner for branch in node.branches for inner in branch)


def cores() -> int:
    """How many threads this process may run."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
