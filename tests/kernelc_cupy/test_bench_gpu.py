"""The benchmark on a GPU, as far as it runs without one: its arithmetic, and its workers on the emulated library."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from nvrtc import compiled

import kernelc

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import bench_gpu
from cuda_speed import checks, report, worker
from cuda_speed.cases import BIASES, DEPTH, Case, W, cases, sample
from cuda_speed.paths import usual
from cuda_speed.report import Limits
from cuda_speed.sass import disassembled
from cuda_speed.textbook import KNOWN, ntk

LAYERS = Case("relu", "layers", "float64", True, 1000, 10)
COLLAPSED = Case("relu", "collapsed", "float32", False, 1000, 10)
LIMITS = Limits(copy=1e-9, double=1e12)


@pytest.mark.parametrize("activation", KNOWN)
@pytest.mark.parametrize("one", [True, False])
def test_contenders_compute_the_same_matrix(activation, one):
    for way in BIASES:
        case = Case(activation, way, "float64", one, 40, 6)
        x, y = case.points()
        assert (y is None) == one
        found = ntk(np, activation, x, y, W, BIASES[way], DEPTH)
        true = kernelc.compile(kernelc.loads(case.spec), backend="numpy")(x, y)
        assert np.abs(found - true).max() < 1e-7 * np.abs(true).max()  # the textbook's, on the diagonal


def test_cases_and_their_kernels():
    asked = cases(30_000, 100)
    assert len(asked) == len(set(asked)) == 14
    assert {case.kernel for case in asked} == {"table_ntk", "layers_ntk"}
    assert all(Case(**json.loads(json.dumps(case.to_json()))) == case for case in asked)
    points = sample(LAYERS)
    assert points.dtype == LAYERS.dtype
    assert LAYERS.smaller().n == 500
    norms = np.linalg.norm(points, axis=1)
    cosines = np.abs(points @ points.T / np.outer(norms, norms))[np.triu_indices(len(points), 1)]
    assert (cosines > 0.995).sum() > 12  # what asks for more care is among them


def test_the_kernel_of_fma_alone_is_what_it_says():
    code = disassembled(compiled(checks.RATE, 90, b"--ftz=true")[0])["rate"]
    counts = usual(code, lambda loop: checks.CHAINS * checks.STEPS // loop.trip["DFMA"])
    assert counts["DFMA"] == checks.CHAINS * checks.STEPS
    assert counts.total() < 1.1 * counts["DFMA"]


def test_shares_of_limits():
    ours = {"seconds": [0.02, 0.01, 0.03], "kernels": [0.01], "double": 200.0}
    assert LIMITS.bandwidth(LAYERS) == pytest.approx(8e-3)
    assert report.of_double(LAYERS, ours, LIMITS) == pytest.approx(200 * 1e6 / 1e12 / 0.01)
    assert report.of_double(COLLAPSED, ours, LIMITS) is None
    assert report.of_double(LAYERS, ours | {"double": None}, LIMITS) is None
    found = {"product": {"seconds": [0.005]}, "kernelc": ours, "CuPy": {"seconds": [0.065]}}
    product, own, plain = report.lines(LAYERS, found, LIMITS)
    assert product[5:] == ["0.005", "", "", "", "", ""]
    assert own[5:] == ["0.02", "5e+07", "0.01", "80%", "2%", ""]
    assert plain[5:] == ["0.065", "1.54e+07", "0.06", "13%", "", "3.2 times as fast"]
    assert all(len(line) == len(report.SPEED) for line in (product, own, plain))


def test_failures_are_named_and_nothing_is_met_without_a_measurement():
    full, ours = {"error": "out of memory"}, {"seconds": [0.02], "kernels": [0.01]}
    found = {"product": {"seconds": [0.005]}, "kernelc": ours, "CuPy": full, "JAX": {"error": report.NO_FORM}}
    assert [line[5] for line in report.lines(LAYERS, found, LIMITS)] == ["0.005", "0.02", "out of memory"]
    assert report.again(found) == ["CuPy"]
    (said,) = report.verdicts(LAYERS, found, LIMITS)
    assert said.endswith("? of the DP limit, goal 50%: not known")
    assert not report.verdicts(LAYERS, {"kernelc": full, "CuPy": {"seconds": [1.0]}}, LIMITS)
    (said,) = report.verdicts(COLLAPSED, {"kernelc": ours}, LIMITS)
    assert said.endswith("40% of the bandwidth limit, goal 60%: NOT met")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Out of memory allocating 7 bytes"),
        RuntimeError("RESOURCE_EXHAUSTED: 7"),
        RuntimeError("CUDA out of memory."),
    ],
)
def test_full_memory_of_any_library_is_known(error):
    assert report.kind_of(error) == "out of memory"
    assert report.kind_of(ValueError("x1: no\nmore")) == "ValueError: x1: no"


def test_who_has_no_room_is_compared_at_half_as_many_points(monkeypatch):
    def ask(name, kind, asked, rounds):
        big = [name == "CuPy" and case.n > 2000 for case in asked]
        return [{"error": "out of memory"} if b else {"seconds": [1.0], "kernels": [0.5]} for b in big]

    monkeypatch.setattr(bench_gpu, "ask", ask)
    asked = [LAYERS.of(8000), COLLAPSED.of(8000)]
    found = bench_gpu.with_smaller(asked, ["product", "kernelc", "CuPy", "JAX"], 1)
    assert [case.n for case, _ in found] == [8000, 4000, 2000] * 2
    assert found[0][1]["JAX"] == {"seconds": [1.0, 1.0], "kernels": [0.5, 0.5]}  # both passes
    assert list(found[2][1]) == ["product", "kernelc", "CuPy"]
    assert "seconds" in found[2][1]["CuPy"]


@pytest.mark.parametrize("markdown", [True, False])
def test_the_whole_report(monkeypatch, capsys, markdown):
    said = {
        "machine": {"card": "none", "CuPy": "0"},
        "limits": {"copy": 5e-13, "double": 1e13},
        "accuracy": {"differs": 2e-16},
        "double": {"double": 100.0, "instructions": 500.0},
        "host": {"seconds": [0.3], "copy": [0.2], "room": 1},
    }

    def ask(name, kind, asked, rounds):
        times = {"seconds": [0.01 if name == "kernelc" else 0.04], "kernels": [0.008]}
        return [said.get(kind) or dict(times) for _ in asked]

    monkeypatch.setattr(bench_gpu, "ask", ask)
    monkeypatch.setattr(bench_gpu, "present", lambda: ["product", "kernelc", "CuPy"])
    bench_gpu.report(SimpleNamespace(n=10_000, d=100, rounds=1, host=20_000, markdown=markdown))
    text = capsys.readouterr().out
    assert "a copy 4 TB/s (read and written), DP FMA 20 TFLOP/s" in text
    for cell in ("2.0e-16", "4.0 times as fast", "12%", "5%", "1.50"):  # 1e10 operations in 8 ms; 0.4 ms of copying
        assert cell in text, text
    assert "relu, layers, float64, K(x), n = 10000: 12% of the DP limit, goal 50%: NOT met" in text
    assert "4.0 x straightforward CuPy, goal 3: met" in text


class Event:
    def record(self):
        self.at = time.perf_counter()


@pytest.fixture
def card(cupy, monkeypatch):
    """The emulated library with what the benchmark takes beside what kernelc does."""
    programs = {}
    pool = SimpleNamespace(free_bytes=lambda: 0, free_all_blocks=lambda: None, set_limit=lambda size: None)
    monkeypatch.setattr(cupy, "get_default_memory_pool", lambda: pool)
    monkeypatch.setattr(cupy, "copyto", lambda a, b: np.copyto(a.held, b.held), raising=False)
    taken = cupy.asnumpy
    monkeypatch.setattr(cupy, "asnumpy", lambda a, out=None: taken(a) if out is None else np.copyto(out, taken(a)))
    monkeypatch.setattr(cupy, "__version__", "emulated", raising=False)
    monkeypatch.setattr(cupy.cuda, "Event", Event, raising=False)
    monkeypatch.setattr(cupy.cuda, "get_elapsed_time", lambda a, b: 1e3 * (b.at - a.at), raising=False)
    monkeypatch.setattr(cupy.cuda.Device, "compute_capability", "90", raising=False)
    monkeypatch.setattr(cupy.cuda.Device, "synchronize", lambda self: None, raising=False)
    properties = {"name": b"none", "multiProcessorCount": 1, "totalGlobalMem": 2**30}
    for name, value in (("getDeviceProperties", properties), ("driverGetVersion", 0), ("runtimeGetVersion", 0)):
        monkeypatch.setattr(cupy.cuda.runtime, name, lambda *_, value=value: value, raising=False)
    own = SimpleNamespace(
        getVersion=cupy.cuda.nvrtc.getVersion,
        createProgram=lambda code, *_: programs.setdefault(code, code),
        compileProgram=lambda code, options: programs.update({code: options}),
        getCUBIN=lambda code: compiled(code, 90, b"--ftz=true")[0],
        destroyProgram=programs.pop,
    )
    monkeypatch.setattr(cupy.cuda, "nvrtc", own)
    monkeypatch.setattr(checks, "RATE", checks.RATE.replace(str(checks.STEPS), "8"))
    monkeypatch.setattr(checks, "STEPS", 8)
    return cupy


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(LAYERS.of(150), id="layers"),
        pytest.param(COLLAPSED.of(150), id="collapsed", marks=pytest.mark.slow),
    ],
)
def test_workers_answer_on_the_emulated_library(card, case, monkeypatch):
    kinds = ("machine", "limits", "accuracy", "double", "time", "host")
    jobs = [{"kind": kind, "case": case.to_json(), "rounds": 2} for kind in kinds]
    machine, limits, accuracy, double, times, host = worker.answers("kernelc", jobs)
    assert machine["capability"] == "90"
    assert "error" not in limits, limits
    assert limits["copy"] > 0
    assert limits["double"] > 0
    assert "error" not in accuracy, accuracy
    assert accuracy["differs"] < (1e-13 if case.dtype == "float64" else 1e-5)
    assert "error" not in host, host
    assert len(times["seconds"]) == len(times["kernels"]) == len(host["seconds"]) == len(host["copy"]) == 2
    assert (
        all(0 < own < whole for own, whole in zip(times["kernels"], times["seconds"], strict=True)) or times["kernels"]
    )
    if case.dtype == "float64":
        assert 50 < double["double"] < 150  # of a pair's, half: K(x) has two entries for each
    else:
        assert double["double"] == 0
    (product,) = worker.answers("product", [{"kind": "time", "case": case.to_json(), "rounds": 3}])
    assert len(product["seconds"]) == 3


def test_an_error_is_an_answer_and_the_next_job_is_done(card, monkeypatch):
    def fails(case, rounds):
        raise MemoryError("out of memory")

    monkeypatch.setattr(checks, "accuracy", fails)
    jobs = [{"kind": kind, "case": LAYERS.to_json(), "rounds": 1} for kind in ("accuracy", "machine")]
    error, machine = worker.answers("kernelc", jobs)
    assert error == {"error": "out of memory"}
    assert "card" in machine


def test_without_a_card_it_says_so():
    command = [sys.executable, bench_gpu.__file__, "--small"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        assert "no measurement: " in done.stderr
        assert "Traceback" not in done.stderr
