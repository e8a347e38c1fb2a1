"""Samples of many networks: the same numbers however they are computed, and checkpoints that survive anything."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kernelc import Activation, Dense, InputError, Network, Residual, Sum
from kernelc.montecarlo import estimate
from kernelc.montecarlo.architecture import architecture
from kernelc.montecarlo.estimate import Plan, Samples, sample
from kernelc.montecarlo.passes import run

X = np.random.default_rng(0).standard_normal((3, 2))
Z, R = Dense(1.2, 0.3), Dense(0.9, 0.1, weights="rademacher")
RELU, TANH = Activation("relu"), Activation("tanh")
NETWORKS = {
    "gaussian": Network([Z, TANH, Z, RELU, Z]),
    "rademacher": Network([R, TANH, R, RELU, R]),
    "mixed": Network([Z, Residual([RELU, R]), Sum([[TANH, Z], [R]]), RELU, Dense(1, width=3)]),
    "ends in an activation": Network([Z, TANH, Z, RELU]),
}


def plan(name: str = "gaussian", networks: int = 70, ntk: bool = True, **changes: object) -> Plan:
    return replace(Plan(NETWORKS[name], X, (4, 7), networks, 5, ntk), **changes)


def same(one: Samples, two: Samples) -> bool:
    return (one.titles, one.n, one.ntk, one.values.keys()) == (two.titles, two.n, two.ntk, two.values.keys()) and all(
        np.array_equal(one.values[width], two.values[width]) for width in one.values
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("cores", [1, 2])
def test_chunks_and_threads_change_no_bit(name: str, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sample(plan(name))
    monkeypatch.setattr(estimate, "cores", lambda: cores)
    for chunk in (1, 7, 64, None):
        assert same(sample(plan(name), chunk=chunk), whole)


def test_numbers_depend_on_the_seed_the_width_and_the_network() -> None:
    values = sample(plan()).values
    other = sample(plan(seed=6)).values
    found = np.concatenate([some[width][:, 6] for some in (values, other) for width in (4, 7)])  # of Σ^(1)
    assert len(np.unique(found)) == 4 * 70
    more = sample(plan(networks=80, widths=(7,)))
    assert np.array_equal(more.values[7][:70], values[7])
    assert np.array_equal(sample(plan(ntk=False)).values[4], values[4][:, : 3 * 6])


def test_rows_hold_the_triangles_of_every_stage_and_of_the_ntk() -> None:
    found = sample(plan("mixed", networks=2))
    assert found.titles == ("dense", "residual(relu, dense)", "sum(tanh, dense | dense)", "relu, dense")
    seeds = tuple(np.random.SeedSequence(5, spawn_key=(4, r)) for r in range(2))
    net = architecture(NETWORKS["mixed"], 2, 4)
    kernels = run(net, X, None, seeds, ntk=True, whole=False, trace=False)
    for h, matrix in enumerate([*kernels.covariances, kernels.ntk]):
        assert np.array_equal(found.values[4][:, found.stage(h)], matrix[:, *np.triu_indices(3)])
    assert found.stage(4).stop == found.values[4].shape[1]


def test_progress_grows_to_one() -> None:
    shares: list[float] = []
    sample(plan(), progress=shares.append, chunk=10)
    assert shares == sorted(shares)
    assert len(shares) == 14
    assert shares[-1] == pytest.approx(1, abs=1e-12)


def test_too_many_samples_are_refused() -> None:
    with pytest.raises(InputError, match=r"make samples of more than 1 GiB; take fewer points or networks"):
        sample(plan(networks=10**7))


@pytest.mark.parametrize("failure", [InputError, KeyboardInterrupt])
def test_a_failure_ends_the_run_at_once(failure: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[float] = []

    def stop(share: float) -> None:
        raise failure

    monkeypatch.setattr(estimate, "cores", lambda: 2)
    rows = estimate._rows
    monkeypatch.setattr(estimate, "_rows", lambda *job: (done.append(time.sleep(0.01)), rows(*job))[1])
    with pytest.raises(failure):
        sample(plan(), stop, chunk=1)
    assert len(done) < 70  # of 140 jobs


# ---------------------------------------------------------------- checkpoints


class Stopped(BaseException):
    pass


def interrupted(path: Path, wanted: Plan, monkeypatch: pytest.MonkeyPatch, share: float = 0.4) -> None:
    """Run as far as ``share``; the checkpoint has what was ready."""

    def stop(done: float) -> None:
        if done > share:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(estimate, "SAVE_EVERY", 0.0)
        with pytest.raises(Stopped):
            sample(wanted, stop, path, chunk=9)


def ready(path: Path) -> int:
    with np.load(path) as file:
        return sum(int(file[name].sum()) for name in file.files if name.startswith("ready"))


@pytest.mark.parametrize("name", ["gaussian", "rademacher"])
def test_a_run_goes_on_from_its_checkpoint(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, whole = tmp_path / "c.npz", sample(plan(name))
    interrupted(path, plan(name), monkeypatch)
    done = ready(path)
    assert 0 < done < 140
    computed: list[int] = []
    rows = estimate._rows
    monkeypatch.setattr(estimate, "_rows", lambda *job: (computed.append(job[-1] - job[-2]), rows(*job))[1])
    shares: list[float] = []
    assert same(sample(plan(name), shares.append, str(path), chunk=5), whole)
    assert sum(computed) == 140 - done
    assert shares[0] > 0.4
    assert ready(path) == 140
    assert os.listdir(tmp_path) == ["c.npz"]
    computed.clear()
    assert same(sample(plan(name), checkpoint=path), whole)
    assert not computed


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 6},
        {"networks": 71},
        {"widths": (4,)},
        {"widths": (7, 4)},
        {"ntk": False},
        {"x": X + 1e-16 * np.eye(3, 2) + 1e-12},
        {"x": X.reshape(2, 3)},
        {"net": NETWORKS["rademacher"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_checkpoint_of_another_run_is_refused(
    changes: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.npz"
    interrupted(path, plan(), monkeypatch)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"is the checkpoint of another run \(other spec"):
        sample(plan(**changes), checkpoint=path)
    assert path.read_bytes() == before


def damaged(path: Path, kind: str) -> None:
    data = path.read_bytes()
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("not a checkpoint")
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "a byte":  # in the middle of the rows
            middle = data.index(b"values_4") + 400
            path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        case "an array":
            with path.open("wb") as file:
                np.save(file, np.zeros(3))
        case "a pickle":
            with path.open("wb") as file:
                np.save(file, np.array([{}], dtype=object))
        case "another archive":
            with path.open("wb") as file:
                np.savez(file, a=np.zeros(3))
        case "a member lost":
            with np.load(path) as file:
                arrays = {name: file[name] for name in file.files if name != "values_7"}
            with path.open("wb") as file:
                np.savez(file, **arrays)


KINDS = ["empty", "text", "cut", "a byte", "an array", "a pickle", "another archive", "a member lost"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_checkpoint_is_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.npz"
    interrupted(path, plan(), monkeypatch)
    damaged(path, kind)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"is no checkpoint of kernelc .*; name another file"):
        sample(plan(), checkpoint=path)
    assert path.read_bytes() == before


@pytest.mark.slow
def test_any_byte_may_be_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed byte is found, or does not matter."""
    path, small = tmp_path / "c.npz", plan(networks=4)
    whole = sample(small)
    interrupted(path, small, monkeypatch)
    data, refused = path.read_bytes(), 0
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        try:
            assert same(sample(small, checkpoint=path), whole)
        except InputError:
            refused += 1
    assert refused > len(data) / 2


def test_where_no_checkpoint_can_be_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_rows", None)
    for path, message in (
        (tmp_path, "is no checkpoint of kernelc"),
        (tmp_path / "nowhere" / "c.npz", "there is no folder"),
        (Path("/dev/null"), "is no checkpoint of kernelc|device"),
    ):
        with pytest.raises(InputError, match=message):
            sample(plan(), checkpoint=path)
    assert os.listdir(tmp_path) == []


def test_a_python_function_is_sampled_but_has_no_checkpoint(tmp_path: Path) -> None:
    net = Network([Z, Activation(np.tanh), Z])
    assert np.isfinite(sample(plan(net=net)).values[4]).all()
    with pytest.raises(InputError, match="is a Python function"):
        sample(plan(net=net), checkpoint=tmp_path / "c.npz")


KILLED = """
import sys
import numpy as np
from kernelc.montecarlo import estimate
sys.path.insert(0, sys.argv[1])
from test_samples import plan
estimate.SAVE_EVERY = 0.0
estimate.sample(plan(sys.argv[2], networks=2000), checkpoint=sys.argv[3], chunk=16)
"""


@pytest.mark.parametrize("name", ["gaussian", pytest.param("rademacher", marks=pytest.mark.slow)])
def test_a_killed_run_goes_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL in the midst of writing one checkpoint after the other: there is always a whole one."""
    path = tmp_path / "c.npz"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(Path(__file__).parent), name, str(path)])
    try:
        limit = time.monotonic() + 60
        while not path.exists() or ready(path) < 100:  # a checkpoint that is half written would not load
            assert process.poll() is None
            assert time.monotonic() < limit
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done, wanted = ready(path), plan(name, networks=2000)
    assert 100 <= done < 4000
    computed: list[int] = []
    rows = estimate._rows
    monkeypatch.setattr(estimate, "_rows", lambda *job: (computed.append(job[-1] - job[-2]), rows(*job))[1])
    found = sample(wanted, checkpoint=path)
    assert sum(computed) == 4000 - done
    assert same(found, sample(wanted))
