"""The command line: exit codes, messages, JSON, and files that appear whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kernelc import registry
from kernelc.cli import main

HEAVY = ("numpy", "sympy", "scipy", "rich", "mpmath", "numexpr")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def x() -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((7, 3))
    np.save("x.npy", rows)
    return rows


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message on standard error with which kernelc refuses these arguments."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kernelc: error: ")
    assert "Traceback" not in err
    return err


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    """What kernelc reports as JSON."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


# --- light until needed


@pytest.mark.parametrize("statement", ["import kernelc.cli", "from kernelc.cli import main; main(['gram', '--help'])"])
def test_heavy_imports_wait(statement: str) -> None:
    check = f"{statement}; import sys; print(sorted(set(sys.modules) & set({HEAVY})), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_public_names_exist_and_strangers_do_not() -> None:
    import kernelc

    assert dir(kernelc) == sorted(kernelc.__all__)
    assert all(getattr(kernelc, name) is not None for name in kernelc.__all__)
    with pytest.raises(AttributeError, match="no attribute 'kernel'"):
        _ = kernelc.kernel


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import kernelc

    assert main(["--version"]) == 0
    assert kernelc.__version__ in capsys.readouterr().out


# --- what went wrong, and the exit code


def test_no_verb_shows_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "gram" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gran"], "No such command 'gran'"),
        (["derive"], "Missing argument 'SPEC'"),
        (["derive", "relu-3", "--gett", "ntk"], "--gett"),
        (["derive", "relu-1", "--latex", "--get", "ntk"], "leave --get out"),
        (["derive", "no-such-spec"], "no-such-spec"),
        (["derive", "no-such-folder/x.toml"], "no-such-folder/x.toml"),
        (["dual", "exp(__import__('os').system('true'))"], "__import__"),
        (["dual", "9**9**9**9"], ""),
        (["build", "relu-3", "-o", "k.py", "--backend", "abacus"], "abacus"),
        (["build", "relu-3", "-o", "k.py", "--dtype", "float16"], "float16"),
        (["build", "relu-3", "-o", "no-such-folder/k.py"], "there is no folder"),
        (["build", "relu-3", "-o", "."], "it is a folder"),
        (["gram", "relu-3", "missing.npy", "-o", "k.npy"], "missing.npy"),
        (["demo", "--output-dir", "no-such-folder"], "no-such-folder"),
    ],
)
def test_wrong_input_is_one_message(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in refused(capsys, *arguments)
    assert os.listdir(folder) == []


def test_a_spec_error_names_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.toml").write_text('schema = 1\nname = "bad"\n[network]\nlayers = ["dense", "rleu", "dense"]\n')
    message = refused(capsys, "derive", "bad.toml")
    assert "bad.toml" in message
    assert "relu" in message  # did you mean


def test_our_own_bug_shows_its_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("kernelc.derive", broken, raising=False)
    assert main(["derive", "relu-3"]) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: ours" in err
    assert "please report it" in err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -c 'from kernelc.cli import main; raise SystemExit(main())' activations | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""


# --- derive, dual, build and the lists


def test_derive_prints_the_recursion_and_its_latex(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "relu-1"]) == 0
    assert "ntk" in capsys.readouterr().out
    assert main(["derive", "relu-1", "--latex"]) == 0
    assert "\\Theta^{(2)}" in capsys.readouterr().out


def test_dual_reports_formulas_and_tier(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "dual", "x**2")
    assert isinstance(found, dict)
    assert found["tier"] == "exact"
    assert {"nngp", "ntk", "diag", "error_bound"} <= set(found)


def test_build_writes_the_module(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "build", "relu-1", "-o", "relu1.py", "--backend", "numpy")
    assert isinstance(found, dict)
    assert found["bytes"] == Path("relu1.py").stat().st_size
    assert os.listdir(folder) == ["relu1.py"]


def test_build_says_where_a_module_cannot_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(registry.get("cupy", run=False)), "missing", lambda self: "cupy is not installed: buy it")
    assert main(["build", "relu-1", "-o", "relu1.py", "--backend", "cupy"]) == 0
    assert "where it can run; here cupy is not installed: buy it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verb", "names"),
    [
        ("layers", {"dense", "repeat", "residual", "sum", "normalize", "concat"}),
        ("activations", {"relu", "erf", "gelu"}),
        ("functions", {"exp", "where", "Phi"}),
        ("backends", {"numpy", "numexpr"}),
    ],
)
def test_lists(capsys: pytest.CaptureFixture[str], verb: str, names: set[str]) -> None:
    rows = report(capsys, verb)
    assert isinstance(rows, list)
    assert names <= {row["name"] for row in rows}
    assert main([verb]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in names)


def test_every_builtin_activation_has_a_dual(capsys: pytest.CaptureFixture[str]) -> None:
    rows = report(capsys, "activations")
    assert isinstance(rows, list)
    tiers = {row["name"]: row["dual"] for row in rows}
    assert set(tiers.values()) == {"exact", "exact, nngp only", "special", "series"}
    assert (tiers["gelu"], tiers["elu"], tiers["tanh"], tiers["sign"]) == (
        "exact", "special", "series", "exact, nngp only"
    )  # fmt: skip


def test_the_list_of_layers_says_which_work() -> None:
    from kernelc.cli.lists import LAYERS
    from kernelc.layers import LAYER_NAMES
    from kernelc.spec import UNSUPPORTED

    assert {row[0] for row in LAYERS if row[-1] == "not yet"} == set(UNSUPPORTED)
    assert {row[0] for row in LAYERS} - {"relu, gelu, ..."} == set(LAYER_NAMES) - {"activation"}


# --- gram


@pytest.mark.parametrize("get", ["ntk", "nngp"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gram_is_what_python_computes(capsys: pytest.CaptureFixture[str], x: np.ndarray, get: str, dtype: str) -> None:
    import kernelc

    np.save("y.npy", np.asfortranarray(x[:4] + 1))
    kernel = kernelc.compile("relu-1", dtype=dtype)
    found = report(capsys, "gram", "relu-1", "x.npy", "-o", "k.npy", "--get", get, "--dtype", dtype)
    assert isinstance(found, dict)
    assert found["shape"] == [7, 7]
    assert np.load("k.npy").dtype == dtype
    assert np.array_equal(np.load("k.npy"), kernel(x, get=get))
    assert main(["gram", "relu-1", "x.npy", "y.npy", "-o", "k.npy", "--get", get, "--dtype", dtype]) == 0
    assert np.array_equal(np.load("k.npy"), kernel(x, x[:4] + 1, get=get))


def test_gram_may_replace_its_own_input(x: np.ndarray) -> None:
    assert main(["gram", "relu-1", "x.npy", "-o", "x.npy"]) == 0
    assert np.load("x.npy").shape == (7, 7)


def test_gram_of_no_rows_is_empty() -> None:
    np.save("x.npy", np.zeros((0, 3)))
    assert main(["gram", "relu-1", "x.npy", "-o", "k.npy"]) == 0
    assert np.load("k.npy").shape == (0, 0)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 3), np.nan), "x.npy: expected finite"),
        (np.full((2, 3), np.inf), "x.npy: expected finite"),
        (np.ones((2, 3), complex), "complex128"),
        (np.ones(3), "shape"),
        (np.ones((2, 3, 4)), "shape"),
        (np.ones((2, 0)), "d ≥ 1"),
        (np.array([["a"]]), "real numbers"),
        (np.ones((2, 3), object), "Python objects"),
    ],
)
def test_gram_refuses_what_is_no_matrix_of_points(
    folder: Path, capsys: pytest.CaptureFixture[str], array: np.ndarray, message: str
) -> None:
    np.save("x.npy", array)
    assert message in refused(capsys, "gram", "relu-1", "x.npy", "-o", "k.npy")
    assert os.listdir(folder) == ["x.npy"]


@pytest.mark.parametrize(
    "content", [b"", b"1,2,3\n", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x01\x00\x02\x00{+"]
)
def test_gram_refuses_what_is_no_npy_file(folder: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    Path("x.npy").write_bytes(content)
    assert "x.npy" in refused(capsys, "gram", "relu-1", "x.npy", "-o", "k.npy")
    assert os.listdir(folder) == ["x.npy"]


def test_gram_refuses_rows_of_two_lengths(capsys: pytest.CaptureFixture[str], x: np.ndarray) -> None:
    np.save("y.npy", np.ones((2, 5)))
    assert "rows of 3 numbers, but y.npy has rows of 5" in refused(
        capsys, "gram", "relu-1", "x.npy", "y.npy", "-o", "k"
    )


# --- nothing half-written

STUCK = """
import sys, time
import kernelc
from kernelc.cli import main

class Stuck:
    def fill(self, out, x1, x2, get, progress):
        out[0] = 1.0
        print("filling", flush=True)
        time.sleep(60)

kernelc.compile = lambda *_, **__: Stuck()
sys.exit(main(["gram", "relu-1", "x.npy", "-o", "k.npy"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_gram_leaves_nothing(folder: Path, x: np.ndarray, number: int, code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"filling\n"
        assert len(os.listdir(folder)) == 2
        process.send_signal(number)
        assert process.wait(timeout=20) == code
        assert b"Traceback" not in process.stderr.read()
    assert os.listdir(folder) == ["x.npy"]


def test_a_real_gram_killed_at_any_moment_leaves_nothing(folder: Path) -> None:
    np.save("x.npy", np.random.default_rng(0).standard_normal((6000, 50)))
    start = "import sys; from kernelc.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "gram", "relu-3", "x.npy", "-o", "k.npy"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None and len(os.listdir(folder)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.terminate()
        process.wait(timeout=60)
    left = set(os.listdir(folder))
    assert left == {"x.npy"} or (left == {"x.npy", "k.npy"} and np.load("k.npy").shape == (6000, 6000))


def test_a_failing_gram_keeps_the_file_that_was_there(
    folder: Path, capsys: pytest.CaptureFixture[str], x: np.ndarray
) -> None:
    Path("k.npy").write_text("before")
    np.save("x.npy", np.full((2, 2), np.nan))
    refused(capsys, "gram", "relu-1", "x.npy", "-o", "k.npy")
    assert Path("k.npy").read_text() == "before"
    assert sorted(os.listdir(folder)) == ["k.npy", "x.npy"]
