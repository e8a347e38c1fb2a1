"""``kernelc spectrum``: the table, JSON, the picture, and what is refused."""

import json
import os
from pathlib import Path

import pytest

from kernelc.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["spectrum", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["spectrum", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kernelc: error: ")
    assert "Traceback" not in err
    return err


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "relu-1", "--dim", "3", "--kmax", "12").splitlines()
    assert lines[0] == "relu-1: ntk on the sphere |x|² = 3, k(ρ) = Σ b_k ρ^k, ρ = x·x'/3"
    rows = [line.split() for line in lines[4:17]]
    assert rows[1] == ["1", "3", "1.000000000", "0.3333333333", "rigorous"]
    assert rows[3] == ["3", "7", "0", "0", "rigorous"]
    assert lines[-3].startswith("k(1) = Σ N(d, k) λ_k = 2.000000000; up to k = 12: 9")
    assert lines[-2].startswith("even λ_k fall like k^-3.")
    assert lines[-1] == "theory: k^-3 as k → ∞"


def test_the_nngp_is_smoother(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "relu-3", "--dim", "4", "--kmax", "40", "--get", "nngp").splitlines()
    assert lines[-1] == "theory: k^-6 as k → ∞"
    for line in lines[-3:-1]:
        assert -6.4 < float(line.split("k^")[1].split()[0]) < -5.8


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "relu-3", "--dim", "3", "--kmax", "4", "--json"))
    assert (found["name"], found["get"], found["dim"], found["kmax"]) == ("relu-3", "ntk", 3, 4)
    assert found["total"]["mid"] == 8.0
    assert [row["multiplicity"] for row in found["rows"]] == [1, 3, 5, 7, 9]
    for row in found["rows"]:
        for name in ("coefficient", "eigenvalue"):
            value = row[name]
            assert value["how"] == "rigorous"
            assert 0 <= value["rad"] < 1e-15 * value["mid"]
            assert value["mid"] == pytest.approx(float(value["text"]), rel=1e-15)
    assert found["theory"] == "k^-3"
    assert found["slope"] == {"even": None, "odd": None}


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_picture(kind: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert said(capsys, "relu-1", "--dim", "3", "--plot", f"s.{kind}").splitlines()[-1] == f"plot: s.{kind}"
    assert os.listdir(folder) == [f"s.{kind}"]
    assert (folder / f"s.{kind}").stat().st_size > 3000


def test_pictures_that_cannot_be(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert "expected a file name that ends in .png" in refused(capsys, "relu-1", "--dim", "3", "--plot", "s.gif")
    assert "there is no folder" in refused(capsys, "relu-1", "--dim", "3", "--plot", "no/s.png")
    assert "nothing to draw" in refused(capsys, "relu-1", "--dim", "3", "--kmax", "0", "--plot", "s.png")
    assert os.listdir(folder) == []


def test_refusals(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert "dim: expected a whole number from 2" in refused(capsys, "relu-1", "--dim", "1")
    assert "found 0" in refused(capsys, "relu-1", "--dim", "0")
    assert "kmax: expected" in refused(capsys, "relu-1", "--dim", "3", "--kmax", "-1")
    assert "Missing option '--dim'" in refused(capsys, "relu-1")
    assert "is not a valid integer" in refused(capsys, "relu-1", "--dim", "x")
    assert "bundled specs near it: relu-3" in refused(capsys, "relu-33", "--dim", "3")
    spec = 'schema = 1\nname = "jump"\n[network]\nlayers = ["dense", "sign", "dense"]\n'
    (folder / "jump.toml").write_text(spec)
    assert "there is no NTK" in refused(capsys, "jump.toml", "--dim", "3")
    assert "k^-3 as k" in said(capsys, "jump.toml", "--dim", "3", "--get", "nngp")
