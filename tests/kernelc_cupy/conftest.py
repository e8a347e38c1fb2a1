"""A module ``cupy`` for every test in this folder: it runs the same CUDA code on the host."""

import sys

import pytest
from emulated import emulated


@pytest.fixture(scope="module")
def cupy():
    """The emulated library, in place of the real one; what was compiled for it goes on using it."""
    with pytest.MonkeyPatch.context() as patch:
        module = emulated()
        patch.setitem(sys.modules, "cupy", module)
        yield module
