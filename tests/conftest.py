"""Options of the test run, and a cache of its own for tables and modules."""

import os

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")

os.environ.setdefault("KERNELC_BACKEND", "numexpr")  # "auto", where a test names none: Numba would compile for minutes

collect_ignore_glob = ["golden/*"]  # generated modules, compared as text


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="write the files in tests/golden anew; review the diff")


@pytest.fixture
def update(request):
    """Whether golden files are to be written rather than compared."""
    return request.config.getoption("--update")


@pytest.fixture(scope="session", autouse=True)
def table_cache(tmp_path_factory):
    """Tables that a run builds are its own: no run reads what another version left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERNELC_CACHE_DIR", str(tmp_path_factory.mktemp("tables")))
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_checks():
    """Checks compare the backends that compile at once: Numba's takes seconds for every network."""
    from kernelc import registry
    from kernelc.checking import oracles

    class Quick:
        @staticmethod
        def available():
            return [backend for backend in registry.available() if backend.name != "numba"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracles, "registry", Quick)
        yield


KEPT = {}


@pytest.fixture
def kept_networks(monkeypatch):
    """The same finite networks for every check of a session that asks for the same."""
    from kernelc.checking import run
    from kernelc.montecarlo.estimate import sample

    def kept(plan, progress=None, checkpoint=None):
        key = plan.key()
        if key not in KEPT:
            KEPT[key] = sample(plan, progress, checkpoint)
        return KEPT[key]

    monkeypatch.setattr(run, "sample", kept)
