"""Roll: equal stretches of a sequence become loops, so that a 100-layer network is as short as a 3-layer one."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

LONGEST = 64  # elements in a loop body


def roll(items: Sequence[T]) -> list[tuple[int, tuple[T, ...]]]:
    """``items`` as (count, body) pairs whose repetition gives them back: greedily, the period that covers most.

    >>> roll("abcbcbcd")
    [(1, ('a',)), (3, ('b', 'c')), (1, ('d',))]
    """
    numbers: dict[T, int] = {}
    keys = [numbers.setdefault(item, len(numbers)) for item in items]  # integers compare faster than layers
    rolled: list[tuple[int, tuple[T, ...]]] = []
    at = 0
    while at < len(keys):
        count, period = max(_periods(keys, at), key=lambda found: (found[0] * found[1], -found[1]))
        rolled.append((count, tuple(items[at : at + period])))
        at += count * period
    return rolled


def _periods(keys: list[int], at: int) -> list[tuple[int, int]]:
    """(count, period) of every repetition that starts ``at`` this place."""
    found = [(1, 1)]
    for period in range(1, min(LONGEST, (len(keys) - at) // 2) + 1):
        end = at + period
        while end < len(keys) and keys[end] == keys[end - period]:
            end += 1
        count = (end - at) // period
        if count > 1:
            found.append((count, period))
    return found
