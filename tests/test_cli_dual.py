"""``kernelc dual``: the report, the guard, the warning, and the picture."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from sympy import Float, Integer, Symbol, true

import kernelc
from kernelc.cli import curves, main
from kernelc.duals import Dual


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tabulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dual of the series tier, whatever the formula: ReLU's values under another name."""
    found = kernelc.dual("relu")

    class Table:
        tier, domain, error_bound, ntk_reason = "series", true, 1e-12, None
        node_reason = "tanh(x): a ratio of exponentials"
        nngp, ntk = found.nngp, found.ntk

    monkeypatch.setattr("kernelc.dual", lambda _: Table, raising=False)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What kernelc prints on standard output when all is well."""
    assert main(["dual", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one message on standard error with which kernelc refuses these arguments."""
    assert main(["dual", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kernelc: error: ")
    assert err.count("kernelc: ") == 1
    assert "Traceback" not in err
    return err


# --- the report


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "x**2").splitlines()
    assert lines[0].startswith("φ(x) = x**2, (u, v) ~ N(0, [[q1, c], [c, q2]])")
    assert "nngp = E[φ(u)φ(v)] = 2*c**2 + q1*q2" in lines
    assert "ntk = E[φ'(u)φ'(v)] = 4*c" in lines
    assert "diag = E[φ(u)²] = 3*q1**2" in lines
    assert "tier: exact, a closed form in elementary functions" in lines
    assert "domain: every q1, q2" in lines
    assert any(line.startswith("error bound: 1.0e-13, relative to √(") for line in lines)
    assert not any(line.startswith("warning") for line in lines)


def test_the_guard_is_stated(capsys: pytest.CaptureFixture[str]) -> None:
    assert "domain: needs q1 < 1/4, and q2 likewise; beyond, E[φ(u)²] is infinite" in said(capsys, "exp(x**2)")
    assert json.loads(said(capsys, "exp(x**2/4)", "--json"))["domain"] == "q1 < 1"


def test_a_jump_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "sign")
    assert "nngp = " in out
    assert "ntk = " not in out
    assert "warning: no ntk: " in out
    found = json.loads(said(capsys, "sign", "--json"))
    assert found["ntk"] is None
    assert "jumps" in found["ntk_reason"]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "x", "--json"))
    assert found == {
        "formula": "x",
        "tier": "exact",
        "error_bound": 1e-13,
        "nngp": "c",
        "ntk": "1",
        "diag": "q1",
        "domain": None,
        "ntk_reason": None,
        "node_reason": None,
        "plot": None,
    }


def test_latex(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "x", "--latex").splitlines()[0] == "\\mathbb{E}[\\varphi(u)\\,\\varphi(v)] = c"


@pytest.mark.usefixtures("tabulated")
def test_a_table_names_the_node(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "tanh(x)")
    assert "E[φ(u)φ(v)] has no closed form and is tabulated (tanh(x): a ratio of exponentials)" in out
    assert "nngp = " not in out
    assert "tier: series, no closed form, a numeric table" in out
    found = json.loads(said(capsys, "tanh(x)", "--json"))
    assert (found["nngp"], found["node_reason"]) == (None, "tanh(x): a ratio of exponentials")


def test_latex_of_what_has_no_closed_form_is_the_mean_that_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\\tanh{\\left(u \\right)}" in said(capsys, "tanh(x)", "--latex")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tnah(x)"], "did you mean 'tanh'"),
        (["rleu"], "did you mean 'relu'"),
        (["x + y"], "unknown name 'y'"),
        (["x^2"], "write ** for a power"),
        (["2x"], "a product needs its *"),
        (["(x"], "not a formula"),
        ([""], "found nothing"),
        (["log(x)"], "write log(abs(x)), or where(x > 0, log(x), 0)"),
        (["1 + sqrt(x)"], "write sqrt(abs(x))"),
        (["1/0"], "division by zero"),
        ([], "Missing argument 'FORMULA'"),
        (["x", "--latex", "--json"], "choose one"),
        (["x", "--plto", "x.png"], "--plto"),
        (["x", "--plot", "x.txt"], "ends in .png, .svg, .pdf"),
        (["x", "--plot", "x"], "ends in .png, .svg, .pdf"),
        (["tnah(x)", "--plot", "x.png"], "did you mean 'tanh'"),
    ],
)
def test_wrong_input_is_one_message(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in refused(capsys, *arguments)
    assert os.listdir(folder) == []


# --- the picture


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        pytest.param("gelu", "d.png", marks=pytest.mark.slow),
        pytest.param("sign(x)", "d.svg", marks=pytest.mark.slow),
        ("exp(x**2)", "d.PDF"),
    ],
)
def test_plot_writes_one_file(folder: Path, capsys: pytest.CaptureFixture[str], formula: str, name: str) -> None:
    pytest.importorskip("matplotlib")
    assert f"plot: {name}" in said(capsys, formula, "--plot", name)
    assert os.listdir(folder) == [name]
    assert Path(name).read_bytes()[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")


def test_a_table_is_drawn_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    said(capsys, "tanh(x)", "--plot", "d.png")
    assert os.listdir() == ["d.png"]


def test_a_title_is_plain_text_and_not_endless(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    said(capsys, "+".join(["x"] * 50), "--plot", "d.png")
    assert curves._title("x + " * 40).endswith("...")
    assert curves._title("relu") == "φ = relu"
    assert curves._title(" x ") == "φ(x) = x"


@pytest.mark.parametrize(("path", "message"), [("no/such/d.png", "there is no folder"), ("taken.png", "is a folder")])
def test_a_path_that_cannot_be_written(
    folder: Path, capsys: pytest.CaptureFixture[str], path: str, message: str
) -> None:
    pytest.importorskip("matplotlib")
    Path("taken.png").mkdir()
    assert message in refused(capsys, "x", "--plot", path)
    assert os.listdir(folder) == ["taken.png"]


def test_a_failing_plot_keeps_the_file_that_was_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    Path("d.png").write_text("before")
    assert "nothing to draw" in refused(capsys, "0", "--plot", "d.png")
    assert Path("d.png").read_text() == "before"
    assert os.listdir(folder) == ["d.png"]


def test_without_matplotlib(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "pip install 'kernelc[plot]'" in refused(capsys, "x", "--plot", "d.png")


def test_the_moments_lie_in_the_domain() -> None:
    def moments(domain: object) -> list[float]:
        dual = Dual(Integer(0), (), None, True, True, domain, "exact", 0.0, None)
        return curves.moments(dual)

    q = kernelc.q1
    assert moments(true) == [0.1, 1, 10]
    assert moments(q < Integer(1) / 4) == [0.025, 0.12, 0.22]
    assert moments(q < Integer(1) / 10**6) == [1e-7, 5e-7, 9e-7]
    with pytest.raises(kernelc.errors.UnsupportedError, match="no q to draw"):
        moments(q < Integer(1) / 10**20)
    with pytest.raises(kernelc.errors.UnsupportedError, match="no q to draw"):
        moments(4 * Symbol("a") * q < 1)


def test_the_curves_are_the_dual() -> None:
    """Against the arc-cosine kernel, written down here."""
    table = curves.tabulate(kernelc.dual("relu"), [0.1, 2.0])
    for q in (0.1, 2.0):
        rho, nngp = table["nngp"][q]
        assert (rho[0], rho[-1]) == (-1, 1)
        theta = np.arccos(rho)
        np.testing.assert_allclose(nngp, (np.sin(theta) + (np.pi - theta) * rho) / np.pi, atol=1e-12)
        np.testing.assert_allclose(table["ntk"][q][1], 1 - theta / np.pi, atol=1e-12)
    table = curves.tabulate(kernelc.dual("x"), [0.1, 10.0])
    np.testing.assert_allclose(table["nngp"][10.0][1], table["nngp"][10.0][0], atol=1e-12)
    np.testing.assert_allclose(table["ntk"][0.1][1], 1, atol=1e-12)


@pytest.mark.parametrize("formula", ["elu", "max(0, x - 1)", "exp(-x**2)", "sin(x)"])
def test_the_curves_are_the_formulas(formula: str) -> None:
    """Numbers by quadrature against the closed form with 30 digits."""
    dual, q = kernelc.dual(formula), 2.0
    table = curves.tabulate(dual, [q])
    for name, expr, whole in (("nngp", dual.nngp, dual.diag), ("ntk", dual.ntk, dual.ntk_diag)):
        rho, values = table[name][q]
        one = whole.subs(kernelc.q1, q).evalf(30)
        for i in (20, 80, 140):
            at = {kernelc.q1: q, kernelc.q2: q, kernelc.c: q * Float(rho[i], 30)}
            assert abs(values[i] - float(expr.subs(at).evalf(30) / one)) < 1e-12


def test_a_curve_where_phi_jumps() -> None:
    table = curves.tabulate(kernelc.dual("sign(x)"), [1.0])
    rho, nngp = table["nngp"][1.0]
    np.testing.assert_allclose(nngp, 2 * np.arcsin(rho) / np.pi, atol=1e-12)
    assert table["ntk"] == {}
