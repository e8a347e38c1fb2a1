"""``kernelc study``: reports, exit codes, pictures, what is refused, and a run that is killed and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fewer
import numpy as np
import pytest

from kernelc.cli import main

RATE = ["rate", "relu-1", "--widths", "16,32,64,128", "--networks", "60", "--points", "4", "--dimension", "3"]
LEMMA2 = ["lemma2", "--points", "3", "--epsilons", "0.4,0.8", "--trials", "60"]
DRIFT = ["drift", "relu-1", "--widths", "32,128,512", "--networks", "16", "--points", "4", "--steps", "20"]
JACOT = ["jacot", "--widths", "30,300", "--networks", "8", "--points", "8", "--steps", "40"]
ALL = [RATE, LEMMA2, DRIFT, JACOT]
names = [arguments[0] for arguments in ALL]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 0) -> str:
    assert main(["study", *arguments]) == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    assert main(["study", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kernelc: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_studies_are_listed(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    out = said(capsys, arguments)
    assert all(f"\n  {name} " in out for name in names)


@pytest.mark.parametrize("arguments", fewer.one_in(2, ALL), ids=names)
def test_report_json_and_picture(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    pytest.importorskip("matplotlib")
    out = said(capsys, [*arguments, "--plot", "p.png"])
    assert out.splitlines()[-2].startswith("holds: ")
    assert out.splitlines()[-1] == "plot: p.png"
    assert os.listdir(folder) == ["p.png"]
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    first, again = (said(capsys, [*arguments, "--json"]) for _ in range(2))
    assert first == again
    found = json.loads(first)
    assert (found["study"], found["verdict"], found["plot"]) == (arguments[0], "holds", None)
    other = json.loads(said(capsys, [*arguments, "--json", "--seed", "1"]))
    assert other["measured"] != found["measured"] or arguments[0] == "lemma2"


def test_json_holds_what_the_picture_shows(capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, dict[str, Any]] = {a[0]: json.loads(said(capsys, [*a, "--json"])) for a in ALL}
    rate = found["rate"]
    assert np.shape(rate["norms"]) == (4, 60)
    assert np.mean(rate["norms"], axis=1) == pytest.approx([mean["value"] for mean in rate["means"]])
    assert set(rate["law"]) == {"exponent", "error", "prefactor"}
    for tolerance in found["lemma2"]["tolerances"]:
        for here in tolerance["curve"]:
            assert here["frequency"] == here["failures"] / 60
            assert here["lower"] <= here["frequency"] <= here["upper"]
    drift = found["drift"]
    assert np.shape([[mean["value"] for mean in row] for row in drift["frobenius"]]) == (3, len(drift["steps"]))
    for row in found["jacot"]["widths"]:
        assert np.shape(row["before"]) == np.shape(row["after"]) == (8, len(found["jacot"]["gamma"]))


def test_what_is_not_seen_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, ["lemma2", "--points", "2", "--epsilons", "0.5", "--trials", "3"], code=1)
    assert out.splitlines()[-1].startswith("undecided: ")
    found = said(capsys, ["lemma2", "--points", "2", "--epsilons", "0.5", "--trials", "3", "--json"], code=1)
    assert json.loads(found)["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rates"], "No such command 'rates'"),
        (["rate", "rleu-3"], "bundled specs near it: relu-3"),
        (["rate", "--widths", "0,64"], "widths: expected an integer, at least 1"),
        (["rate", "--widths", "64"], "widths: expected 2 or more different widths"),
        (["rate", "--widths", "64,64"], "widths: expected 2 or more different widths"),
        (["rate", "--widths", "64,x"], "--widths: expected numbers with commas, such as"),
        (["rate", "--networks", "1"], "networks: expected an integer, at least 2"),
        (["rate", "--points", "0"], "points: expected an integer, at least 1"),
        (["rate", "--seed", "-1"], "seed: expected an integer, at least 0"),
        (["rate", "--plot", "p.txt"], "--plot p.txt: expected a file name that ends in .png, .svg, .pdf"),
        (["rate", "--plot", "no/p.png"], "there is no folder"),
        (["rate", "--checkpoint", "no/c.npz"], "there is no folder"),
        (["lemma2", "--delta", "0"], "delta: expected a positive number below 1, found 0"),
        (["lemma2", "--delta", "1.5"], "delta: expected a positive number below 1"),
        (["lemma2", "--epsilons", "0.1,-1"], "epsilons: expected a positive number, found -1"),
        (["lemma2", "--epsilons", "0.1,0.1"], "epsilons: expected different numbers"),
        (["lemma2", "--epsilons", "nan"], "epsilons: expected a positive number"),
        (["lemma2", "--trials", "1"], "trials: expected an integer, at least 2"),
        (["drift", "--steps", "0"], "steps: expected an integer, at least 1"),
        (["drift", "--rate", "0"], "rate: expected a positive number"),
        (["drift", "--networks", "1"], "networks: expected an integer, at least 2"),
        (["drift", "--widths", "8,16", "--networks", "2", "--rate", "1e5"], "take a smaller one"),
        (["jacot", "--wide", "--widths", "10,20"], "choose one of the two"),
        (["jacot", "--widths", "0,20"], "widths: expected an integer, at least 1"),
    ],
)
def test_wrong_input_is_one_message(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in refused(capsys, arguments)
    assert os.listdir(folder) == []


def test_without_matplotlib(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'kernelc[plot]'" in refused(capsys, [*LEMMA2, "--plot", "p.png"])


@pytest.mark.parametrize("arguments", ALL, ids=names)
def test_a_finished_checkpoint_gives_the_same_report(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    first, again, without = (
        said(capsys, [*arguments, "--json", *more]) for more in (2 * [["--checkpoint", "c.npz"]] + [[]])
    )
    assert first == again == without
    message = refused(capsys, [*arguments, "--seed", "1", "--checkpoint", "c.npz"])
    assert "is the checkpoint of another run" in message


@pytest.mark.parametrize(
    "arguments",
    [
        ["drift", "--widths", "64,128,256", "--networks", "6", "--steps", "60", "--points", "5"],
        ["jacot", "--widths", "60,200", "--networks", "6", "--steps", "60"],
    ],
    ids=["drift", "jacot"],
)
@pytest.mark.slow
def test_a_killed_run_goes_on(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """SIGKILL after the first networks, and the same command again: the same bytes as without it."""
    arguments = ["study", *arguments, "--json"]
    command = [
        sys.executable,
        "-c",
        "import sys; from kernelc.cli import main; sys.exit(main(sys.argv[1:]))",
        *arguments,
        "--checkpoint",
        "c.npz",
    ]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not Path("c.npz").exists() and time.monotonic() < until:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    with np.load("c.npz") as file:
        assert 0 < len(file.files) - 1 < 12
    went_on = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (went_on.returncode, went_on.stderr) in ((0, ""), (1, ""))  # the verdict is not what this is about
    straight = subprocess.run(command[:-2], capture_output=True, text=True, timeout=120)
    assert went_on.stdout == straight.stdout
    assert "frobenius" in went_on.stdout or "gamma" in went_on.stdout
