"""Machine code is kept on disk, where it can be; where it cannot, or is damaged, modules work all the same."""

import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from test_generated import ALONE

import kernelc

pytest.importorskip("numba")

from kernelc_numba import backend

X = np.random.default_rng(0).standard_normal((9, 3))

REPORT = """
import sys, numpy as np, kernelc
k = kernelc.compile("relu-1", "numba")
x = np.random.default_rng(0).standard_normal((9, 3))
if len(sys.argv) > 1:
    np.save(sys.argv[1], k(x))
loops = [v for v in vars(k.module).values() if type(v).__name__ == "Loop" and v.compiled is not None]
hits = sum(sum(loop.compiled.stats.cache_hits.values()) for loop in loops)
misses = sum(sum(loop.compiled.stats.cache_misses.values()) for loop in loops)
assert all(sum(loop.compiled.stats.cache_hits.values()) <= 1 for loop in loops)
print(len(loops), hits, misses)
"""


@pytest.fixture(scope="module")
def source():
    return kernelc.compile("relu-1", "numba").source


@pytest.fixture(scope="module")
def exact():
    return kernelc.compile("relu-1", "numpy")(X)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNELC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def start(cache, *args):
    variables = {"KERNELC_CACHE_DIR": str(cache), "KERNELC_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", REPORT, *map(str, args)]
    return subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return tuple(map(int, out.split()))


def loops(module):
    return [v for v in vars(module).values() if type(v).__name__ == "Loop" and v.compiled is not None]


def hits(module):
    """(loops from the disk, loops compiled) of a module that has run."""
    counts = [loop.compiled.stats for loop in loops(module)]
    found = sum(bool(c.cache_hits) and not c.cache_misses for c in counts)
    return found, len(counts) - found


def test_a_second_process_compiles_nothing(tmp_path):
    count, _, misses = ended(start(tmp_path, tmp_path / "one.npy"))
    assert misses == count > 1
    assert ended(start(tmp_path, tmp_path / "two.npy")) == (count, count, 0)
    assert (np.load(tmp_path / "one.npy") == np.load(tmp_path / "two.npy")).all()


@pytest.mark.slow
def test_processes_that_compile_at_once(tmp_path, exact):
    running = [start(tmp_path, tmp_path / f"{n}.npy") for n in range(2)]
    count = {ended(process)[0] for process in running}
    for n in range(2):
        np.testing.assert_allclose(np.load(tmp_path / f"{n}.npy"), exact, rtol=1e-13)
    (count,) = count
    assert ended(start(tmp_path, tmp_path / "3.npy")) == (count, count, 0)


def test_a_module_loaded_again_compiles_nothing(folder, source, exact):
    first = backend.load(source, "relu-1")
    np.testing.assert_allclose(first.ntk(X), exact, rtol=1e-13)
    assert hits(first)[1] > 1
    second = backend.load(source, "relu-1")
    assert (second.ntk(X) == first.ntk(X)).all()
    assert hits(second) == hits(first)[::-1]
    assert list(folder.rglob("*.nbc"))


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("*.nbc", "half"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [("*.nbc", b""), ("*.nbc", b"nothing that was pickled"), ("*.nbi", b""), ("*.nbi", "half")]
        ),
    ],
)
def test_damaged_machine_code_is_compiled_anew(kind, damage, folder, source, exact):
    backend.load(source, "relu-1").ntk(X)
    files = list(folder.rglob(kind))
    assert files
    for file in files:
        text = file.read_bytes()
        file.write_bytes(text[: len(text) // 2] if damage == "half" else damage)
    np.testing.assert_allclose(backend.load(source, "relu-1").ntk(X), exact, rtol=1e-13)


@pytest.mark.slow
def test_a_damaged_module_text_is_written_anew(folder, source, exact):
    backend.load(source, "relu-1")
    (file,) = folder.rglob("*.py")
    file.write_text(source.replace("def ntk", "def other"), encoding="utf-8")
    np.testing.assert_allclose(backend.load(source, "relu-1").ntk(X), exact, rtol=1e-13)
    assert file.read_text(encoding="utf-8") == source


@pytest.mark.parametrize("place", ["a file", pytest.param("/proc/none", marks=pytest.mark.slow)])
def test_where_no_folder_can_be_made(place, tmp_path, monkeypatch, source, exact):
    if place == "a file":
        place = tmp_path / "file"
        place.write_text("")
    monkeypatch.setenv("KERNELC_CACHE_DIR", str(place))
    np.testing.assert_allclose(backend.load(source, "relu-1").ntk(X), exact, rtol=1e-13)


def test_where_no_machine_code_can_be_written(folder, source, exact, monkeypatch, tmp_path):
    """The module's text is there, and its __pycache__ is no folder; neither is the user's cache."""
    (folder / "modules").mkdir(parents=True)
    (folder / "modules" / "__pycache__").write_text("")
    (tmp_path / "file").write_text("")
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    np.testing.assert_allclose(backend.load(source, "relu-1").ntk(X), exact, rtol=1e-13)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(folder, source, exact):
    folder.mkdir()
    folder.chmod(0o500)
    np.testing.assert_allclose(backend.load(source, "relu-1").ntk(X), exact, rtol=1e-13)


@pytest.mark.parametrize("registered", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_module_imported_from_a_path(registered, tmp_path, monkeypatch, exact):
    path = kernelc.build("relu-1", tmp_path / f"mine_{registered}.py", "numba")
    for _ in range(2):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        if registered:
            monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)
        np.testing.assert_allclose(module.ntk(X), exact, rtol=1e-13)
        np.testing.assert_allclose(module.ntk(X, X), exact, rtol=1e-13)
    if registered:
        assert hits(module)[1] == 0


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_it_runs_with_numba_alone(dtype, tmp_path):
    file = tmp_path / "relu3_numba.py"
    kernelc.build("relu-3", file, "numba", dtype)
    run = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", ALONE, file, "kernelc", "sympy", "scipy", "mpmath", "numexpr"],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"nngp: error \d\S+\nntk: error \d\S+\n", run.stdout)


def test_without_the_package_the_backend_says_how_to_get_it():
    """As in an installation without Numba: the import fails, and so must not the message."""
    check = "import sys; sys.modules['numba'] = None\nfrom kernelc import registry\nregistry.get('numba')"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert "pip install 'kernelc[fast]'" in run.stderr.splitlines()[-1]
