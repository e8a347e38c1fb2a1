"""``kernelc check``: exit codes, messages, JSON, and runs that go on where they were."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

import kernelc
from kernelc.cli import main

SMALL = ("--widths", "32,64", "--networks", "200")
SPEC = 'schema = 1\nname = "mine"\n[network]\nlayers = [{}]\n'
RIGHT = (
    "import kernelc\nkernel = kernelc.compile('relu-1')\ndef nngp(x1, x2=None):\n    return kernel(x1, x2, 'nngp')\n"
)
WRONG = RIGHT + "def ntk(x1, x2):\n    return 1.5 * kernel(x1, x2, 'ntk')\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What the check prints on standard output."""
    assert main(["check", *arguments]) == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


def report(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict:
    """What the check reports as JSON."""
    return json.loads(said(capsys, *arguments, "--json", code=code))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message on standard error with which the check refuses these arguments."""
    assert main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kernelc: error: ")
    assert err.count("kernelc: ") == 1
    assert "Traceback" not in err
    return err


# --- the report


def test_a_right_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "relu-1", *SMALL)
    for words in ("off quadrature by", "off numpy by", "200 finite networks of width 32 and 64 each", "Σ^(2)", "nngp"):
        assert words in out
    assert out.splitlines()[-1].startswith("passed: relu-1, p = 0.")


def test_a_wrong_module(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(WRONG)
    out = said(capsys, "relu-1", "--module", "mine.py", *SMALL, code=1)
    last = out.splitlines()[-1]
    assert last.startswith("FAILED: mine.py, p = ")
    assert "ntk is wrong" in last
    assert "nngp is wrong" not in last
    assert "ntk of the module differs from kernelc's own by" in out


def test_a_generated_module(capsys: pytest.CaptureFixture[str]) -> None:
    kernelc.build("relu-1", "mine.py")
    out = said(capsys, "relu-1", "--module", "mine.py", *SMALL)
    assert "off quadrature by" not in out
    assert out.splitlines()[-1].startswith("passed: mine.py")


def test_an_edited_module_departs_at_a_layer(capsys: pytest.CaptureFixture[str]) -> None:
    source = kernelc.compile("relu-1", "numpy").source
    assert "ntk*dot" in source
    Path("mine.py").write_text(source.replace("ntk*dot", "2*ntk*dot"))
    found = report(capsys, "relu-1", "--module", "mine.py", "--widths", "64,128", "--networks", "2000", code=1)
    assert "ntk first departs at layer 2 (relu, dense)" in found["blame"]
    assert found["layers"][0]["departs"] == {"nngp": 0, "ntk": 0}
    assert found["layers"][1]["departs"]["ntk"] > 0.01
    out = said(capsys, "relu-1", "--module", "mine.py", "--widths", "64,128", "--networks", "2000", code=1)
    assert "module departs by" in out


def test_json_has_every_number(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "relu-1", *SMALL, "--seed", "5")
    assert set(found) == {
        "name", "module", "passed", "p_value", "level", "blame", "kernels", "layers", "duals", "backends",
        "difference", "widths", "networks", "seed", "points", "notes", "seconds",
    }  # fmt: skip
    assert (found["name"], found["passed"], found["blame"], found["module"]) == ("relu-1", True, None, None)
    assert (found["widths"], found["networks"], found["seed"], found["points"]) == ([32, 64], 200, 5, [5, 3])
    for kernel in found["kernels"]:
        assert set(kernel) >= {"name", "passed", "p_value", "ratio", "ratio_error", "worst"}
        assert np.shape([kernel[key] for key in ("kernel", "mean", "error", "z")]) == (4, 5, 5)
    assert [layer["number"] for layer in found["layers"]] == [1, 2]
    assert all(dual["passed"] and dual["error"] <= dual["bound"] for dual in found["duals"])
    assert all(backend["passed"] for backend in found["backends"])


def test_two_runs_give_the_same_json(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (report(capsys, "erf-3", *SMALL) for _ in range(2))
    assert first.pop("seconds") >= 0
    del second["seconds"]
    assert first == second


def test_points_and_kernels_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    np.save("x.npy", np.random.default_rng(0).standard_normal((2, 4)))
    found = report(capsys, "relu-1", "--points", "x.npy", "--get", " nngp ", *SMALL)
    assert found["points"] == [2, 4]
    assert [kernel["name"] for kernel in found["kernels"]] == ["nngp"]


def test_what_is_zero_has_no_factor(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text(SPEC.format('{ dense = { train = "none" } }, "relu", { dense = { train = "none" } }'))
    out = said(capsys, "mine.toml", *SMALL)
    assert "nan" not in out
    found = report(capsys, "mine.toml", *SMALL)
    assert found["kernels"][1]["ratio"] is None


def test_what_jumps_is_checked_without_its_ntk(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text(SPEC.format('"dense", "sign", "dense"'))
    assert "note: the nngp alone is checked; no ntk: sign(x) jumps" in said(capsys, "mine.toml", *SMALL)
    assert [kernel["name"] for kernel in report(capsys, "mine.toml", *SMALL)["kernels"]] == ["nngp"]
    assert "jumps" in refused(capsys, "mine.toml", "--get", "ntk", *SMALL)


# --- checkpoints


def test_a_checkpoint_is_gone_on_from(capsys: pytest.CaptureFixture[str]) -> None:
    first = report(capsys, "relu-1", *SMALL, "--checkpoint", "kept.npz")
    with np.load("kept.npz") as file:
        arrays = dict(file)
    arrays["ready_64"][50:] = False  # as if the run had been interrupted there
    arrays["values_64"] = arrays["values_64"][:50]
    np.savez("kept.npz", **arrays)
    again = report(capsys, "relu-1", *SMALL, "--checkpoint", "kept.npz")
    del first["seconds"], again["seconds"]
    assert first == again
    with np.load("kept.npz") as file:
        assert file["ready_64"].all()


def test_a_checkpoint_of_another_run_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "relu-1", *SMALL, "--checkpoint", "kept.npz")
    assert "another run" in refused(capsys, "relu-1", *SMALL, "--seed", "1", "--checkpoint", "kept.npz")
    Path("kept.npz").write_text("not a checkpoint")
    assert "no checkpoint of kernelc" in refused(capsys, "relu-1", *SMALL, "--checkpoint", "kept.npz")


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--widths", "0,128"), "widths: expected an integer, at least 1"),
        (("--widths", "a"), "--widths: expected whole numbers with commas, such as 128,256, found 'a'"),
        (("--widths", "128,128"), "widths: expected two or more different widths"),
        (("--widths", ""), "--widths: expected whole numbers"),
        (("--widths", "64.5,128"), "--widths: expected whole numbers"),
        (("--widths", "-5,10"), "widths: expected an integer, at least 1"),
        (("--networks", "1"), "networks: expected an integer, at least 20, found 1"),
        (("--networks", "many"), "--networks"),
        (("--seed", "-1"), "seed: expected an integer, at least 0"),
        (("--get", "kernel"), "get: expected 'nngp', 'ntk' or a tuple of them, found 'kernel'"),
        (("--get", ""), "get: expected 'nngp', 'ntk'"),
        (("--points", "missing.npy"), "missing.npy"),
        (("--module", "missing.py"), "missing.py: there is no such module"),
        (("--checkpoint", "no/folder/kept.npz"), "no/folder"),
        (("--tolerance", "1"), "No such option"),
    ],
)
def test_nonsense_is_refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(capsys, "relu-1", *arguments)


def test_an_unknown_layer_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text(SPEC.format('"dense", "relux", "dense"'))
    message = refused(capsys, "mine.toml")
    assert "relux" in message
    assert "relu" in message.replace("relux", "")
    Path("mine.toml").write_text(SPEC.format('"dense", { conv = { width = 3 } }, "dense"'))
    assert "conv" in refused(capsys, "mine.toml")


def test_a_spec_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "relu-3" in refused(capsys, "relu-33")


def test_points_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    np.save("x.npy", np.ones(3))
    assert "expected (n, d)" in refused(capsys, "relu-1", "--points", "x.npy", *SMALL)
    np.save("x.npy", np.array([[1.0, np.inf]]))
    assert "finite" in refused(capsys, "relu-1", "--points", "x.npy", *SMALL)
    Path("x.npy").write_text("not an array")
    assert "x.npy" in refused(capsys, "relu-1", "--points", "x.npy", *SMALL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1/0", "mine.py does not import: ZeroDivisionError"),
        ("x = 1", "expected a module with functions nngp and ntk"),
        (RIGHT, "no function ntk"),
        (RIGHT + "def ntk(x1, x2):\n    return 1.0\n", "expected shape (5, 5), found ()"),
    ],
)
def test_modules_that_cannot_be(capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    Path("mine.py").write_text(text)
    assert message in refused(capsys, "relu-1", "--module", "mine.py", *SMALL)


def test_what_the_networks_cannot_see_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.toml").write_text(SPEC.format('{ dense = { W_std = 2 } }, "exp", "dense"'))
    message = refused(capsys, "mine.toml")
    assert "finite networks cannot check it at E[z²] = " in message
    assert "take points of another size" in message


# --- the defaults


@pytest.mark.slow
def test_the_default_check_takes_less_than_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    found = report(capsys, "relu-3")
    assert (found["widths"], found["networks"]) == ([128, 256], 6400)
    assert time.monotonic() - started < 60
