"""Worker processes, of which one at a time works, and timings of their runs in turns."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from speed.runs import PEERS, Match, Run

WORKER = Path(__file__).with_name("worker.py")
PAUSE = 0.05  # seconds between two calls: threads of the last one that still spin go to sleep


class WorkerError(Exception):
    """A run that failed, in one line."""


class Worker:
    """A process that measures; its messages are lines of JSON."""

    def __init__(self, python: str, threads: int) -> None:
        command = [python, str(WORKER), str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, do: str, run: Run | None = None, **more: object) -> object:
        """What the worker answers. Raises WorkerError."""
        message = {"do": do, **more} | ({} if run is None else {"run": asdict(run)})
        try:
            print(json.dumps(message), file=self.process.stdin, flush=True)
        except OSError:
            raise WorkerError("the process has ended") from None
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"the process ended with {self.process.wait()}")
        reply = json.loads(line)
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply["is"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Timed:
    """The seconds of a run, a round each; how far its result is from the reference; why it failed."""

    run: Run
    seconds: list[float] = field(default_factory=list)
    off: float | None = None
    failure: str = ""

    @property
    def entry(self) -> float:
        """Nanoseconds an entry."""
        return 1e9 * statistics.median(self.seconds) / self.run.n**2

    @property
    def right(self) -> bool:
        """Whether the result may count: ten times the accuracy contract, for the reference has an error too."""
        allowed = {"float64": 1e-12, "float32": 1e-5}[self.run.dtype] * max(1, self.run.depth / 10)
        return self.off is None or self.off <= allowed


@dataclass
class Pool:
    """A worker for each Python and number of threads, started when it is needed."""

    peers: str | None
    rounds: int
    patience: float  # seconds of a match after which no round begins beyond the third; four times that, beyond any
    workers: dict[tuple[str, int], Worker] = field(default_factory=dict)

    def worker(self, run: Run) -> Worker:
        """Who measures a run."""
        key = (self.peers if run.who in PEERS else sys.executable, run.threads)
        if key not in self.workers or self.workers[key].process.poll() is not None:
            self.workers[key] = Worker(*key)
        return self.workers[key]

    def opened(self, timed: Timed, sample: Path) -> None:
        """Compile, warm up and compare a run."""
        run = timed.run
        try:
            self.worker(run).ask("open", run, sample=None if run.who == "product" else str(sample))
            if run.who != "product":
                judge = self.worker(Run("numpy", threads=run.threads))
                timed.off = judge.ask("differ", run, sample=str(sample))
        except WorkerError as error:
            timed.failure = str(error)

    def played(self, match: Match) -> list[Timed]:
        """The base and the runs of a match, timed in turns."""
        found = [Timed(run) for run in (match.base, *match.runs)]
        with tempfile.TemporaryDirectory() as folder:
            for timed in found:
                self.opened(timed, Path(folder) / "sample.npy")
        start = time.monotonic()
        for done in range(self.rounds):
            if time.monotonic() - start > self.patience * (1 if done >= 3 else 4):
                break
            for timed in found:
                self.once(timed)
        for worker in self.workers.values():
            if worker.process.poll() is None:
                worker.ask("close")
        return found

    def once(self, timed: Timed) -> None:
        """One more timing."""
        if not timed.failure:
            time.sleep(PAUSE)
            try:
                timed.seconds.append(self.worker(timed.run).ask("time", timed.run))
            except WorkerError as error:
                timed.failure = str(error)

    def memory(self, run: Run) -> float:
        """MiB that a run needs beyond inputs and result, in a process of its own."""
        worker = Worker(self.peers if run.who in PEERS else sys.executable, run.threads)
        try:
            return worker.ask("memory", run)
        finally:
            worker.close()


@contextmanager
def pool(peers: str | None, rounds: int, patience: float) -> Iterator[Pool]:
    """A pool whose processes end with it."""
    found = Pool(peers, rounds, patience)
    try:
        yield found
    finally:
        for worker in found.workers.values():
            worker.close()
