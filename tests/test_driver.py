"""The front door: what derive, compile and build take, refuse and leave behind."""

from pathlib import Path

import numpy as np
import pytest

import kernelc
from kernelc import Activation, BackendError, Dense, InputError, Network, Repeat, SpecError, UnsupportedError, registry
from kernelc.network import bundled

NET = Network([Dense("sqrt(2)"), Activation("relu"), Dense()], name="relu-1")
X = np.random.default_rng(0).standard_normal((4, 3))


@pytest.mark.parametrize("form", ["Network", "Path", "str", "name"])
def test_a_network_comes_in_any_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(NET.dumps())
    given = {"Network": NET, "Path": path, "str": str(path), "name": "relu-1"}[form]
    assert kernelc.derive(given).ntk == kernelc.derive(NET).ntk
    assert (kernelc.compile(given)(X) == kernelc.compile(NET)(X)).all()
    built = kernelc.build(given, str(tmp_path / "k.py"))
    assert built == tmp_path / "k.py"
    assert built.read_text() == kernelc.compile(given).source


@pytest.mark.parametrize("name", bundled())
def test_bundled_specs_build(name: str, tmp_path: Path) -> None:
    """Each in one backend; the module's own test passes."""
    backend = ("numpy", "numexpr")[len(name) % 2]
    k = kernelc.compile(name, backend)
    assert k.name == name
    assert kernelc.loads(k.module.SPEC) == kernelc.load(name)
    k.module.self_test()
    assert k.module.EXACT["nngp"]


def test_the_backend_is_named_or_chosen() -> None:
    assert "numpy" in {backend.name for backend in registry.available()}
    assert "import numexpr" in kernelc.compile(NET, backend="auto").source
    assert "import numexpr" not in kernelc.compile(NET, backend="numpy").source
    with pytest.raises(BackendError, match="unknown backend 'numba7': there are auto, numba, numexpr, numpy, cupy"):
        kernelc.compile(NET, backend="numba7")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_dtype(dtype: str) -> None:
    assert kernelc.compile(NET, dtype=dtype)(X).dtype == dtype


def test_refusals(tmp_path: Path) -> None:
    """Each refusal before anything is written."""
    for dtype in ("float16", "int", "complex128", None, ""):
        with pytest.raises(InputError, match="dtype: expected one of float64, float32, found"):
            kernelc.build(NET, tmp_path / "k.py", dtype=dtype)
    for q_range in ((1, 1), (2, 1), (-1, 1)):
        with pytest.raises(InputError, match="q_range"):
            kernelc.build(NET, tmp_path / "k.py", q_range=q_range)
    with pytest.raises(SpecError, match="bundled specs near it: relu-3"):
        kernelc.build("relu3", tmp_path / "k.py")
    with pytest.raises(SpecError, match="expected the path of a spec"):
        kernelc.derive(3)
    with pytest.raises(UnsupportedError, match=r"activation '1/x'.* x = 0"):
        kernelc.build(Network([Dense(), Activation("1/x"), Dense()]), tmp_path / "k.py")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_build_writes_a_whole_file_or_none(
    failure: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise failure

    target = tmp_path / "k.py"
    kernelc.build(NET, target)
    before = target.read_bytes()
    monkeypatch.setattr(type(registry.get("numpy")), "emit", fail)
    for path in (target, tmp_path / "other.py"):
        with pytest.raises(failure):
            kernelc.build(NET, path, backend="numpy")
    assert [path.name for path in tmp_path.iterdir()] == ["k.py"]
    assert target.read_bytes() == before


def test_build_into_nowhere(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        kernelc.build(NET, tmp_path / "nowhere" / "k.py")
    with pytest.raises(InputError, match="it is a folder"):
        kernelc.build(NET, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backend", ["numpy", "numexpr"])
def test_depth_is_a_loop(backend: str) -> None:
    """A hundred layers are as many lines as three, and count as often."""
    layers = {n: [Dense("sqrt(2)"), Repeat(n, [Activation("relu"), Dense("sqrt(2)")])] for n in (3, 100)}
    short, long = (kernelc.compile(Network(layers[n]), backend) for n in (3, 100))
    assert abs(len(long.source.splitlines()) - len(short.source.splitlines())) <= 20
    # x = x' on the sphere: K = 2(L + 1), for each of the L + 1 layers adds 2q = 2
    ones = np.ones((1, 3))
    assert [float(k.diag(ones)[0]) for k in (short, long)] == pytest.approx([8, 202], rel=1e-14)


def test_parameters_are_keywords() -> None:
    net = Network([Dense("gain"), Activation("erf"), Dense()], parameters={"gain": "3/2"})
    k = kernelc.compile(net)
    assert dict(k.parameters) == {"gain": 1.5}
    assert (k(X) == k(X, gain=1.5)).all()
    assert (k.module.ntk(X, gain=2) == k(X, gain=2)).all()
