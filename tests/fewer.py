"""Which cases of a long list the default run takes; `-m slow` runs the others."""

from collections.abc import Iterable

import pytest


def one_in(every: int, cases: Iterable) -> list:
    """The first case, and every so many from there on; the rest is slow, and what was slow remains so."""
    return [case if k % every == 0 else slow(case) for k, case in enumerate(cases)]


def but(quick: Iterable, cases: Iterable) -> list:
    """These cases; the rest is slow."""
    return [case if case in quick else slow(case) for case in cases]


def slow(case: object) -> object:
    """A case, or the tuple of a test with many arguments, marked."""
    marks = getattr(case, "marks", ())
    values = getattr(case, "values", case if isinstance(case, tuple) else (case,))
    return pytest.param(*values, id=getattr(case, "id", None), marks=[*marks, pytest.mark.slow])
