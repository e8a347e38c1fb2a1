"""Runs of many networks: order, progress, checkpoints, and the way out after an error."""

from pathlib import Path

import numpy as np
import pytest

from kernelc.errors import InputError
from kernelc.studies.records import Job, Tick, digest, results

JOBS = [Job(width, number, width) for width in (3, 5) for number in range(4)]


def work(job: Job, tick: Tick) -> np.ndarray:
    tick(0.5)
    tick(1.0)
    return np.array([job.width, job.number, np.pi])


def test_results_come_in_order_and_the_progress_ends_at_one() -> None:
    shares: list[float] = []
    found = results(JOBS, work, "key", shares.append)
    assert list(found) == JOBS
    assert all(found[job].tolist() == [job.width, job.number, np.pi] for job in JOBS)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    done: list[Job] = []

    def fails_later(job: Job, tick: Tick) -> np.ndarray:
        if job.width == 5:
            raise InputError("no more")
        return work(job, tick)

    def noted(job: Job, tick: Tick) -> np.ndarray:
        done.append(job)
        return work(job, tick)

    file = tmp_path / "c.npz"
    results(JOBS[:4], work, "key", checkpoint=file)
    with pytest.raises(InputError, match="no more"):
        results(JOBS, fails_later, "key", checkpoint=file)
    shares: list[float] = []
    found = results(JOBS, noted, "key", shares.append, checkpoint=file)
    assert sorted(job.name for job in done) == [job.name for job in JOBS[4:]]
    assert list(found) == JOBS
    assert shares[0] > 12 / 32
    assert shares[-1] == pytest.approx(1)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.npz"
    results(JOBS, work, "key", checkpoint=file)
    with pytest.raises(InputError, match="is the checkpoint of another run"):
        results(JOBS, work, "other", checkpoint=file)
    np.save(tmp_path / "array.npy", np.ones(3))
    for content in (b"", b"text", file.read_bytes()[:-40], (tmp_path / "array.npy").read_bytes()):
        file.write_bytes(content)
        with pytest.raises(InputError, match="is no checkpoint of kernelc"):
            results(JOBS, work, "key", checkpoint=file)


def test_the_key_depends_on_everything() -> None:
    x = np.arange(3.0)
    keys = {
        digest("a", (1, 2), 3, arrays=[x]),
        digest("a", (1, 2), 4, arrays=[x]),
        digest("a", (1, 2), 3, arrays=[x + 1]),
    }
    assert len(keys) == 3
    assert digest("a", (1, 2), arrays=[x]) == digest("a", (1, 2), arrays=[x.copy()])
