"""The demo predicts what it should, from the digits alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from kernelc.cli import main
from kernelc.demo import TRAINED, Digits, linear, predict


def test_kernel_regression_finds_a_linear_rule() -> None:
    x = np.random.default_rng(0).standard_normal((300, 4))
    order = np.arange(300)
    digits = Digits(x, (x[:, 0] > 0).astype(int), order[:250], order[250:])
    found = predict("linear", linear(x), digits, gram_seconds=0.0)
    assert found.accuracy > 0.9
    assert abs(found.least_eigenvalue) < 1e-10  # 250 points in 4 dimensions


@pytest.mark.slow
def test_the_demo_beats_linear_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    assert main(["demo", "--output-dir", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    accuracy = {row["kernel"]: row["accuracy"] for row in report["predictions"]}
    assert set(accuracy) == set(TRAINED)
    assert min(accuracy["ntk"], accuracy["nngp"]) > 0.97 > accuracy["linear"]
    assert (tmp_path / "relu3.py").exists()


def test_without_scikit_learn_the_demo_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    assert main(["demo"]) == 2
    assert "pip install 'kernelc[demo]'" in capsys.readouterr().err
