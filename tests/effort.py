"""How much work a call does, in calls of functions: the same on a busy machine as on an idle one."""

import cProfile
import pstats
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(calls: float) -> Iterator[None]:
    """Fail if the block calls more functions, of Python or of C, than that; a second has some three to ten million."""
    profile = cProfile.Profile()
    try:
        with profile:
            yield
    finally:
        done = pstats.Stats(profile).total_calls
        assert done <= calls, f"{done} calls of functions, at most {calls:.0f} expected"
