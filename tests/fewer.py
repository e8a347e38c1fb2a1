"""Which cases of a long list are taken: the default run takes some, `-m slow` others, `-m sweep` the rest."""

from collections.abc import Iterable, Sequence

import pytest


def one_in(every: int, cases: Iterable) -> list:
    """The first case, and every so many from there on; the rest is slow, and what was slow remains so."""
    return [case if k % every == 0 else marked(case, "slow") for k, case in enumerate(cases)]


def but(quick: Iterable, cases: Iterable, slow: int = 1) -> list:
    """These cases; of the rest one in so many is slow, and the others belong to the sweep."""
    rest: Sequence = [case for case in cases if case not in quick]
    return [case if case in quick else marked(case, "sweep" if rest.index(case) % slow else "slow") for case in cases]


def marked(case: object, mark: str) -> object:
    """A case, or the tuple of a test with many arguments, with one more mark."""
    marks = getattr(case, "marks", ())
    values = getattr(case, "values", case if isinstance(case, tuple) else (case,))
    return pytest.param(*values, id=getattr(case, "id", None), marks=[*marks, getattr(pytest.mark, mark)])
