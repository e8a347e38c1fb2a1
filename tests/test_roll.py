"""Rolled sequences give their items back, and repetition makes them short."""

from hypothesis import given
from hypothesis import strategies as st

from kernelc.roll import LONGEST, roll


def unrolled(rolled):
    return [item for count, body in rolled for item in body * count]


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_unrolling_gives_the_items_back(items):
    assert unrolled(roll(items)) == items


@given(st.lists(st.integers(0, 5), min_size=1, max_size=LONGEST), st.integers(2, 50))
def test_a_repeated_stretch_is_one_loop(body, times):
    [(count, shortest)] = roll(body * times)
    assert count >= times
    assert count * len(shortest) == times * len(body)
    assert unrolled([(count, shortest)]) == body * times


@given(st.lists(st.integers(0, 3), max_size=30))
def test_no_loop_body_is_itself_a_repetition(items):
    for count, body in roll(items):
        periods = [p for p in range(1, len(body)) if len(body) % p == 0 and body == body[:p] * (len(body) // p)]
        assert count == 1 or not periods


def test_what_differs_stays_apart():
    assert roll([]) == []
    assert roll("abc") == [(1, ("a",)), (1, ("b",)), (1, ("c",))]
    assert roll("d" + "ra" * 100 + "d") == [(1, ("d",)), (100, ("r", "a")), (1, ("d",))]
    assert roll(["x"] * 10_000) == [(10_000, ("x",))]
