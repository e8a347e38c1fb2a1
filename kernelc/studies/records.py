"""Long runs of many networks: a few at once, and what is done kept in a file, from which a killed run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from zipfile import BadZipFile

import numpy as np
from threadpoolctl import threadpool_limits

from kernelc.errors import InputError
from kernelc.files import atomic_path
from kernelc.montecarlo.estimate import Progress, cores

MEMORY = 1 << 32  # bytes of weights at once, unless one network has more

Tick = Callable[[float], None]


@dataclass(frozen=True)
class Job:
    """Network ``number`` of a width; ``weights`` says how many it has, which is what it costs."""

    width: int
    number: int
    weights: int

    @property
    def name(self) -> str:
        """Its name in a checkpoint."""
        return f"network_{self.width}_{self.number}"


class Stopped(Exception):  # noqa: N818 (it is no error)
    """The run ends before this network does."""


def digest(*arguments: object, arrays: Sequence[np.ndarray] = ()) -> str:
    """A digest of all that a run depends on."""
    found = hashlib.sha256(json.dumps(arguments).encode())
    for array in arrays:
        found.update(array.tobytes())
    return found.hexdigest()


def results(
    jobs: Sequence[Job],
    work: Callable[[Job, Tick], np.ndarray],
    key: str,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
) -> dict[Job, np.ndarray]:
    """What ``work`` makes of each job, in the order of the jobs; it calls its tick with the share that is done.

    As many networks at once as there are cores and 4 GiB hold the weights of; with fewer of them, BLAS takes the other
    cores, and only then may the last bits depend on the machine. ``checkpoint`` is rewritten after each network; if
    it is there, the run goes on from it. Raises InputError if it belongs to a run with another ``key``.
    """
    store = _Store.begin(key, checkpoint)
    left = [job for job in jobs if job.name not in store.records]
    meter = _Meter(progress, sum(job.weights for job in jobs), sum(job.weights for job in jobs if job not in left))
    threads = cores()
    workers = max(1, min(threads, MEMORY // (8 * max(job.weights for job in jobs))))
    with threadpool_limits(max(1, threads // workers)), ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(work, job, meter.ticker(job)): job for job in left}
        try:
            for future in as_completed(futures):
                store.put(futures[future].name, future.result())
        finally:
            meter.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
    return {job: store.records[job.name] for job in jobs}


@dataclass
class _Meter:
    """The progress of all networks together, and the word to stop."""

    progress: Progress | None
    total: float
    done: float
    stop: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def ticker(self, job: Job) -> Tick:
        before = 0.0

        def tick(share: float) -> None:
            nonlocal before
            if self.stop.is_set():
                raise Stopped
            with self.lock:
                self.done += (share - before) * job.weights
                before = share
                if self.progress is not None:
                    self.progress(self.done / self.total)

        return tick


@dataclass
class _Store:
    key: str
    records: dict[str, np.ndarray]
    path: Path | None

    @classmethod
    def begin(cls, key: str, checkpoint: str | Path | None) -> _Store:
        path = None if checkpoint is None else Path(checkpoint)
        return cls(key, _read(path, key) if path is not None and path.exists() else {}, path)

    def put(self, name: str, record: np.ndarray) -> None:
        self.records[name] = record
        if self.path is not None:
            with atomic_path(self.path) as temporary, temporary.open("wb") as file:
                np.savez(file, key=self.key, **self.records)  # type: ignore[arg-type]


def _read(path: Path, key: str) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as source, np.load(source, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, BadZipFile, EOFError, TypeError) as error:
        raise InputError(f"{path} is no checkpoint of kernelc ({error}); name another file") from None
    if str(arrays.pop("key", None)) != key:
        raise InputError(
            f"{path} is the checkpoint of another run, with other arguments; delete it, or name another file"
        )
    return arrays
