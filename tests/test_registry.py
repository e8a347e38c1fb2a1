"""Backends are found by their entry points; what is broken or missing says so and breaks nothing."""

from importlib.metadata import EntryPoint

import pytest

from kernelc import registry
from kernelc.backend import Backend
from kernelc.errors import BackendError


class Absent(Backend):
    name, description = "absent", "a backend whose library is not here"

    def missing(self):
        return "absentlib is not installed: pip install absentlib"

    def emit(self, program, sheet, dtype):
        return ""

    def load(self, source, name):
        raise BackendError(self.missing())


absent = Absent()
GROUP = "kernelc.backends"


@pytest.fixture
def others(monkeypatch):
    """Entry points of others beside ours: one is broken, one cannot run here, one is no backend at all."""
    ours = tuple(registry.entry_points(group=GROUP))
    theirs = (
        EntryPoint("broken", "no_such_package:backend", GROUP),
        EntryPoint("absent", f"{__name__}:absent", GROUP),
        EntryPoint("jax", "math:pi", GROUP),
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: (*theirs, *ours) if group == GROUP else ())


@pytest.fixture
def unset(monkeypatch):
    """No backend is named by the environment, as it is for this test run."""
    monkeypatch.delenv("KERNELC_BACKEND", raising=False)


def test_what_is_bundled_is_available():
    listed = registry.available()
    assert [b.name for b in listed] == ["numba", "numexpr", "numpy", "cupy"]
    assert all(b.description for b in listed)
    assert all(b.missing is None for b in listed if b.name != "cupy")  # which needs a GPU


def test_a_module_is_written_also_for_what_cannot_run_here(monkeypatch):
    monkeypatch.setattr(type(registry.get("cupy", run=False)), "missing", lambda self: "there is no GPU")
    with pytest.raises(BackendError, match="backend 'cupy' cannot run here: there is no GPU"):
        registry.get("cupy")
    assert registry.get("cupy", run=False).name == "cupy"


@pytest.mark.parametrize("name", ["numpy", "numexpr", "numba"])
def test_get(name):
    backend = registry.get(name)
    assert isinstance(backend, Backend)
    assert backend.name == name


@pytest.mark.usefixtures("unset")
def test_auto_is_the_first_that_can_run():
    assert registry.get("auto").name == "numba"


@pytest.mark.usefixtures("unset")
def test_auto_passes_over_what_cannot_run(monkeypatch):
    for name, following in (("numba", "numexpr"), ("numexpr", "numpy")):
        reason = f"{name} is not installed"
        monkeypatch.setattr(type(registry.get(name)), "missing", lambda self, reason=reason: reason)
        assert registry.get("auto").name == following
        with pytest.raises(BackendError, match=f"^backend '{name}' cannot run here: {reason}$"):
            registry.get(name)


@pytest.mark.parametrize("name", ["numpy", "numexpr", "numba"])
def test_the_environment_names_what_auto_is(monkeypatch, name):
    monkeypatch.setenv("KERNELC_BACKEND", name)
    assert registry.get("auto").name == name
    assert registry.get("numpy").name == "numpy"  # of those asked for by name it says nothing


def test_an_empty_name_in_the_environment_is_none(monkeypatch):
    monkeypatch.setenv("KERNELC_BACKEND", "")
    assert registry.get("auto").name == "numba"


def test_an_unknown_name_in_the_environment_lists_the_known_ones(monkeypatch):
    monkeypatch.setenv("KERNELC_BACKEND", "jax")
    with pytest.raises(BackendError, match=r"^unknown backend 'jax': there are auto, numba, numexpr, numpy, cupy$"):
        registry.get("auto")
    assert registry.get("numpy").name == "numpy"


@pytest.mark.usefixtures("others")
def test_one_in_the_environment_that_cannot_run_gives_the_reason(monkeypatch):
    monkeypatch.setenv("KERNELC_BACKEND", "absent")
    with pytest.raises(BackendError, match="backend 'absent' cannot run here: absentlib is not installed"):
        registry.get("auto")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(BackendError, match="unknown backend 'jax': there are auto, numba, numexpr, numpy, cupy"):
        registry.get("jax")


@pytest.mark.usefixtures("others", "unset")
def test_broken_packages_of_others_break_nothing():
    listed = {b.name: b for b in registry.available()}
    assert list(listed) == ["numba", "numexpr", "numpy", "absent", "broken", "cupy", "jax"]
    assert "it does not import: No module named 'no_such_package'" in listed["broken"].missing
    assert "it does not import" in listed["jax"].missing
    assert "pip install absentlib" in listed["absent"].missing
    assert registry.get("auto").name == "numba"
    assert registry.get("numpy").name == "numpy"


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("name", ["broken", "absent", "jax"])
def test_asking_for_what_cannot_run_gives_the_reason(name):
    with pytest.raises(BackendError, match=f"backend '{name}' cannot run here: .*"):
        registry.get(name)
