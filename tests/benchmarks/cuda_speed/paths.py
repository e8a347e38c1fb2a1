"""The instructions that a thread executes in the usual case: the longest way through a kernel past what is rare.

Rare are blocks that call a subroutine (where division and roots leave their fast path: subnormal, infinite, no number)
or touch atomics (pairs that ask for more care, values that overflow). Of other branches, inside a warp too, the longer
side counts, so a count is at least what any thread executes that meets nothing rare. An instruction under a predicate
counts whether it is true or not: it takes its turn anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from cuda_speed.sass import Instruction

ATOMICS = ("RED", "REDG", "ATOM", "ATOMG")
STORE = "STG"
INDIRECT = ("BRX", "BRXU", "JMX", "JMXU")


class UnknownPathError(Exception):
    """The machine code is not of the form that can be counted."""


@dataclass
class Block:
    """Instructions that are executed one after the other, and the blocks that may follow."""

    code: list[Instruction]
    after: list[int] = field(default_factory=list)  # first addresses
    ends: bool = False  # a thread may end here

    def counts(self) -> Counter[str]:
        return Counter(i.opcode for i in self.code)


@dataclass(frozen=True)
class Loop:
    """A loop: what one trip executes; and, where nothing in it stores, which one of those it is, by address."""

    trip: Counter[str]
    rank: int | None
    ranked: int  # how many of those there are


Rare = Callable[[Block], bool]
Trips = Callable[[Loop], int]


def rare(block: Block) -> bool:
    """Whether a block calls a subroutine or touches atomics; what is under a predicate makes no block rare."""
    return any((i.calls or i.name in ATOMICS) and not i.guard for i in block.code)


def usual(code: list[Instruction], trips: Trips, stores: int | None = None, skip: Rare = rare) -> Counter[str]:
    """Opcode → how often a thread executes it on the longest usual way, one that stores so often if that is said."""
    graph = without(blocks(code), skip)
    found = loops(graph)
    silent = sorted(s for s, members in found if not any(stores_in(graph[at].counts()) for at in members))
    for start, members in found:
        rank = silent.index(start) if start in silent else None
        collapse(graph, start, members, lambda trip, rank=rank: trips(Loop(trip, rank, len(silent))))
    by_stores = longest(graph, code[0].address)
    ways = [way for count, way in by_stores.items() if stores in (None, count)]
    if not ways:
        raise UnknownPathError(f"no way with {stores} stores, but with {sorted(by_stores)}")
    return max(ways, key=lambda way: way.total())


def blocks(code: list[Instruction]) -> dict[int, Block]:
    """First address → block, of the kernel itself; subroutines are reached by calls only, and so are left out."""
    following = {a.address: b.address for a, b in pairwise(code)}
    meet = [(i.operands.split(",")[0], i.address, i.target) for i in code if i.name == "BSSY"]
    after = {i.address: _after(i, following.get(i.address), meet) for i in code}
    starts = {code[0].address} | {a for i in code if len(after[i.address]) != 1 for a in after[i.address]}
    starts |= {a for i in code for a in after[i.address] if a != following.get(i.address)}
    parting = [i.address for i in code if i.jumps or i.calls or i.name in ("EXIT", "RET")]
    starts |= {following[at] for at in parting if at in following}
    found: dict[int, Block] = {}
    for i in code:
        if i.address in starts:
            last = found[i.address] = Block([])
        last.code.append(i)
        last.after, last.ends = after[i.address], last.ends or i.name == "EXIT"
    return reachable(found, code[0].address)


def _after(i: Instruction, following: int | None, meet: list[tuple[str, int, int | None]]) -> list[int]:
    """Where a thread may be after an instruction."""
    if i.name in INDIRECT:
        raise UnknownPathError(f"a jump to a computed address, {i.opcode}")
    on = [] if following is None else [following]
    if i.jumps:
        return [*(on if i.conditional else []), *([] if i.target is None else [i.target])]
    if i.name in ("EXIT", "RET"):
        return on if i.conditional else []
    if i.name == "BSYNC":  # to where the latest BSSY says that they meet
        open_ = [target for barrier, at, target in meet if barrier == i.operands and at < i.address and target]
        return on if not open_ or following in open_ else [open_[-1]]
    return on


def reachable(graph: dict[int, Block], start: int) -> dict[int, Block]:
    """The blocks that can be reached from the first."""
    seen, waiting = set(), [start]
    while waiting:
        at = waiting.pop()
        if at in graph and at not in seen:
            seen.add(at)
            waiting += graph[at].after
    return {at: block for at, block in graph.items() if at in seen}


def without(graph: dict[int, Block], skip: Rare) -> dict[int, Block]:
    """The graph without what is to be skipped, and without what then leads nowhere."""
    start = next(iter(graph))
    kept = {at: block for at, block in graph.items() if not skip(block)}
    good = {at for at, block in kept.items() if block.ends}
    while True:
        more = {at for at, block in kept.items() if at not in good and good.intersection(block.after)}
        if not more:
            break
        good |= more
    if start not in good:
        raise UnknownPathError("there is no way through it that meets nothing rare")
    left = {at: Block(b.code, [a for a in b.after if a in good], b.ends) for at, b in kept.items() if at in good}
    return reachable(left, start)


def loops(graph: dict[int, Block]) -> list[tuple[int, set[int]]]:
    """(first block, its members) of the loops, inner ones before those around them."""
    back: dict[int, list[int]] = {}
    start = next(iter(graph))
    state, stack = {start: 1}, [(start, iter(graph[start].after))]
    while stack:  # depth first: an edge to a block that is still open closes a loop
        at, rest = stack[-1]
        to = next(rest, None)
        if to is None:
            state[at] = 2
            stack.pop()
        elif to not in state:
            state[to] = 1
            stack.append((to, iter(graph[to].after)))
        elif state[to] == 1:
            back.setdefault(to, []).append(at)
    before: dict[int, list[int]] = {at: [] for at in graph}
    for at, block in graph.items():
        for to in block.after:
            before[to].append(at)
    found = []
    for head, latches in back.items():
        members, waiting = {head}, list(latches)
        while waiting:
            at = waiting.pop()
            if at not in members:
                members.add(at)
                waiting += before[at]
        if start in members - {head}:
            raise UnknownPathError("a loop that can be entered in its middle")
        found.append((head, members))
    return sorted(found, key=lambda loop: (len(loop[1]), loop[0]))


@dataclass
class Whole(Block):
    """A loop in the place of its blocks: all its trips."""

    total: Counter[str] = field(default_factory=Counter)

    def counts(self) -> Counter[str]:
        return self.total


def collapse(graph: dict[int, Block], start: int, members: set[int], trips: Callable[[Counter[str]], int]) -> None:
    """Replace a loop by one block; of its trips each takes the longest way back to the beginning."""
    inside = {at: graph[at] for at in members if at in graph}
    body = {
        at: _like(block, [a for a in block.after if a in inside and a != start], start in block.after)
        for at, block in inside.items()
    }
    ways = longest(body, start)
    if not ways:
        raise UnknownPathError("a loop without a way back")
    trip = max(ways.values(), key=lambda way: way.total())
    count = trips(trip)
    total = Counter({opcode: n * count for opcode, n in trip.items()})
    out = sorted({a for block in inside.values() for a in block.after if a not in inside})
    ends = any(block.ends for block in inside.values())
    for at in inside:
        del graph[at]
    graph[start] = Whole([], out, ends, total)


def _like(block: Block, after: list[int], ends: bool) -> Block:
    return Whole([], after, ends, block.counts())


def longest(graph: dict[int, Block], start: int) -> dict[int, Counter[str]]:
    """Stores on the way → the longest way from a block to an end that has so many; for a graph without loops."""
    found: dict[int, dict[int, Counter[str]]] = {}
    for at in _inverse(graph, start):
        block = graph[at]
        own, best = block.counts(), {0: Counter()} if block.ends else {}
        for way in (way for to in block.after for way in found[to].items()):
            if way[0] not in best or way[1].total() > best[way[0]].total():
                best[way[0]] = way[1]
        stored = stores_in(own)
        found[at] = {count + stored: way + own for count, way in best.items()}
    return found[start]


def stores_in(counts: Counter[str]) -> int:
    """How many of these instructions store to global memory."""
    return sum(n for opcode, n in counts.items() if opcode.startswith(STORE))


def _inverse(graph: dict[int, Block], start: int) -> Iterable[int]:
    """The blocks behind one, each after all that follow it."""
    done: dict[int, None] = {}
    stack = [(start, iter(graph[start].after))]
    seen = {start}
    while stack:
        at, rest = stack[-1]
        to = next(rest, None)
        if to is None:
            done[at] = None
            stack.pop()
        elif to not in seen:
            seen.add(to)
            stack.append((to, iter(graph[to].after)))
        elif to not in done:
            raise UnknownPathError("a loop that can be entered in its middle")
    return done
