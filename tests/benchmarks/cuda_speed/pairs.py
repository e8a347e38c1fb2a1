"""What the kernels of pairs execute for one pair, counted in their machine code."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from cuda_speed.paths import Block, Loop, UnknownPathError, blocks, loops, stores_in, usual, without
from cuda_speed.sass import Instruction, unit

EACH = 4  # pairs of a thread: its block of 32 x 8 threads has 32 x 32 of them
KINDS = {"nngp": 1, "ntk": 1, "both": 2}


def of_pair(code: list[Instruction], kind: str, repeats: list[int], mirrored: bool) -> Counter[str]:
    """Opcode → executions for one pair in `layers_*` or `table_*`; repeats: trips of the loops over repeated layers.

    A loop that stores results does so for all pairs of the thread: that says how often it is run, unrolled or not.
    """
    stored = EACH * KINDS[kind]

    def trips(loop: Loop) -> int:
        if loop.rank is not None:  # the compiler may have written all of it twice, for one case and another
            if not repeats or loop.ranked % len(repeats):
                raise UnknownPathError(f"{loop.ranked} loops that store nothing, and {len(repeats)} repeated layers")
            return repeats[loop.rank % len(repeats)]
        stores = stores_in(loop.trip)
        if stored % stores:
            raise UnknownPathError(f"a loop with {stores} stores a trip, of {stored}")
        return stored // stores

    return shared_out(usual(code, trips, stored * (1 + mirrored)))


def of_idle_pair(code: list[Instruction]) -> Counter[str]:
    """Opcode → executions in `*_again`, the kernel of pairs that ask for more care, for one pair that does not.

    Where there is a way past its loop that reads who asked, it is taken: the thread found that none of its pairs did.
    """

    def works(block: Block) -> bool:
        return any(i.name in ("STG", "FMUL") or i.calls or unit(i.opcode) == "double" for i in block.code)

    members = {at for _, inside in loops(without(blocks(code), works)) for at in inside}
    with suppress(UnknownPathError):
        past = usual(code, lambda loop: EACH, skip=lambda block: works(block) or block.code[0].address in members)
        if any(opcode.startswith("LDG") for opcode in past):
            return shared_out(past)
    return shared_out(usual(code, lambda loop: EACH, skip=works))


def repeats(program: Any) -> list[int]:
    """The trips of the loops over repeated layers of a program."""
    return [block.count for block in program.blocks if block.count > 1]


def shared_out(total: Counter[str]) -> Counter[str]:
    """A thread's executions, for one of its pairs."""
    return Counter({opcode: n / EACH for opcode, n in total.items()})  # type: ignore[misc]
