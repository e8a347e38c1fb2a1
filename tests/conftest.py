"""Options of the test run."""

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")

collect_ignore_glob = ["golden/*"]  # generated modules, compared as text


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="write the files in tests/golden anew; review the diff")


@pytest.fixture
def update(request):
    """Whether golden files are to be written rather than compared."""
    return request.config.getoption("--update")
