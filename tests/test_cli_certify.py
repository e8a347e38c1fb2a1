"""``kernelc certify``: exit codes, files, and what a newcomer gets wrong."""

import json

import numpy as np
import pytest

import kernelc
from kernelc.cli import main


@pytest.fixture
def points(tmp_path):
    x = np.random.default_rng(4).standard_normal((12, 3))
    np.save(tmp_path / "x.npy", x / np.linalg.norm(x, axis=1, keepdims=True))
    x[5] = x[2]
    np.save(tmp_path / "double.npy", x)
    x[5, 0] = np.nan
    np.save(tmp_path / "nan.npy", x)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["relu-3"], 0, "strictly positive definite on every sphere"),
        (["relu-1"], 1, "positive semidefinite only"),
        (["relu-1", "--get", "nngp"], 1, "nngp of relu-1: positive semidefinite only"),
    ],
)
def test_on_every_sphere(arguments, code, words, capsys):
    assert main(["certify", *arguments]) == code
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [("x", 0, "positive definite on these points"), ("double", 1, "Rows 2 and 5 are the same point")],
)
def test_on_data(points, name, code, words, capsys):
    assert main(["certify", "relu-3", "--data", str(points / f"{name}.npy")]) == code
    out = capsys.readouterr().out
    assert words in out
    assert "≤ λ_min ≤" in out


def test_json_is_the_certificate(points, capsys):
    assert main(["certify", "relu-3", "--data", str(points / "x.npy"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "pd"
    assert 0 < found["lower_bound"] <= found["upper_bound"]
    x = np.load(points / "x.npy")
    assert found["lower_bound"] == kernelc.certify("relu-3", x=x).lower_bound


@pytest.mark.parametrize("data", [False, True])
def test_a_certificate_is_checked_from_scratch(points, data, capsys):
    path = str(points / "c.json")
    extra = ["--data", str(points / "x.npy")] if data else []
    assert main(["certify", "relu-3", *extra, "-o", path]) == 0
    assert main(["certify", "--verify", path]) == 0
    assert "checked from scratch, and right" in capsys.readouterr().out


def test_a_forged_certificate_is_refused(points, capsys):
    certificate = json.loads(kernelc.certify("relu-1").to_json())
    (points / "c.json").write_text(json.dumps({**certificate, "verdict": "spd"}))
    assert main(["certify", "--verify", str(points / "c.json")]) == 2
    assert "verdict" in capsys.readouterr().err
    data = json.loads(kernelc.certify("relu-3", x=np.load(points / "x.npy")).to_json())
    (points / "d.json").write_text(json.dumps({**data, "lower_bound": 2 * data["lower_bound"]}))
    assert main(["certify", "--verify", str(points / "d.json")]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected either SPEC, or --verify"),
        (["relu-3", "--normalize"], "--normalize is for --data"),
        (["relu-3", "--data", "nan.npy"], "finite"),
        (["relu-3", "--data", "none.npy"], "none.npy"),
        (["relu-33"], "relu-3"),
        (["--verify", "x.npy"], "certificate"),
        (["--verify", "no.json"], "JSON"),
    ],
)
def test_mistakes_are_explained(points, arguments, words, capsys, monkeypatch):
    monkeypatch.chdir(points)
    (points / "no.json").write_text("{")
    assert main(["certify", *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


def test_no_ntk_of_what_jumps(tmp_path, capsys):
    net = kernelc.Network([kernelc.Dense(), kernelc.Activation("sign"), kernelc.Dense()], name="jump")
    (tmp_path / "jump.toml").write_text(net.dumps())
    assert main(["certify", str(tmp_path / "jump.toml")]) == 2
    assert main(["certify", str(tmp_path / "jump.toml"), "--get", "nngp"]) == 1
    assert "psd" in kernelc.certify(net, get="nngp").verdict
