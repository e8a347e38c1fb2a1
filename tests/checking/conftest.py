"""Finite networks that many tests judge kernels by: sampled once."""

import pytest

from kernelc.checking import run
from kernelc.montecarlo.estimate import sample

KEPT = {}


@pytest.fixture
def kept_networks(monkeypatch):
    """The same networks for every check of a session that asks for the same."""

    def kept(plan, progress=None, checkpoint=None):
        key = plan.key()
        if key not in KEPT:
            KEPT[key] = sample(plan, progress, checkpoint)
        return KEPT[key]

    monkeypatch.setattr(run, "sample", kept)
