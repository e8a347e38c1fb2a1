"""SymbolicKernel → Program, in the state in which nothing cancels (:mod:`kernelc.lowering.state`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from kernelc.builder import Builder
from kernelc.duals import Dual
from kernelc.lowering.activation import activation
from kernelc.lowering.affine import add, dense, scalar
from kernelc.lowering.state import Pair, Row, Scope
from kernelc.program import Attachment, Block, Code, Program
from kernelc.roll import roll
from kernelc.steps import ActivationStep, DenseStep, Step, activations
from kernelc.symbolic import SymbolicKernel


@dataclass(frozen=True)
class Entry:
    """What is known of every pair that enters a block: that no covariance is negative, that the angle is 0, that Θ is
    still 0.
    """

    positive: bool
    parallel: bool
    fresh: bool


def lower(kernel: SymbolicKernel, attachments: Mapping[Dual, Attachment] | None = None) -> Program:
    """The program of a symbolic kernel; equal stretches of layers become one block with a count.

    ``attachments`` evaluate the activations that have no straight-line code; all others must be of the exact tier.
    """
    objects = dict(attachments or {})
    names = {dual: attachment.name for dual, attachment in objects.items()}
    has_ntk, exact = not kernel.ntk_reason, dict[str, Code]()
    entry = Entry(positive=False, parallel=False, fresh=True)
    blocks: list[Block] = []
    for count, groups in roll(list(_groups(kernel.steps))):
        steps = tuple(step for group in groups for step in group)
        left = count
        while left:  # the first round of a loop may know less, or more, than the later ones
            block, after = _block(steps, entry, Scope(has_ntk, exact, names))
            rounds = left if after == entry else 1
            blocks.append(replace(block, count=rounds))
            left, entry = left - rounds, after
    return Program(
        name=kernel.name,
        blocks=tuple(blocks),
        exact=tuple(exact.items()),
        parameters=kernel.parameters,
        careful=any(step.dual.degree != 1 and step.dual not in names for step in activations(kernel.steps)),
        normalize=kernel.normalize,
        ntk_reason=kernel.ntk_reason,
        attachments=tuple(objects.values()),
        deviations=_deviations(kernel),
    ).validate()


def _deviations(kernel: SymbolicKernel) -> Code:
    builder = Builder()
    return builder.code({str(deviation): scalar(builder, deviation) for deviation in kernel.deviations})


def _groups(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Stretches that end in an affine layer or a sum: what a reader calls a layer."""
    group: list[Step] = []
    for step in steps:
        group.append(step)
        if not isinstance(step, ActivationStep):
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def _block(steps: tuple[Step, ...], entry: Entry, scope: Scope) -> tuple[Block, Entry]:
    zero = 0
    row = Row(scope.row.input("q", "one"), scope.row.wrap(zero) if entry.fresh else scope.row.input("ntk", "one"))
    pair = Pair(
        scope.pair.wrap(zero) if entry.parallel else scope.pair.input("gap", "pair"),
        scope.pair.wrap(1) if entry.positive else scope.pair.input("side", "pair"),
        scope.pair.wrap(zero) if entry.fresh else scope.pair.input("ntk", "pair"),
    )
    row, pair = _run(steps, scope, row, pair)
    row_code = scope.row.code({"q": row.q, "ntk": row.ntk, **scope.saved})
    pair_code = scope.pair.code({"gap": pair.gap, "side": pair.side, "ntk": pair.ntk})
    block = Block(_title(steps), 1, row_code, pair_code, tuple(scope.saved))
    return block, Entry(pair.side.is_number(1), pair.gap.is_number(0), pair.ntk.is_number(0))


def _run(steps: tuple[Step, ...], scope: Scope, row: Row, pair: Pair) -> tuple[Row, Pair]:
    for step in steps:
        if isinstance(step, DenseStep):
            row, pair = dense(step, scope, row, pair)
        elif isinstance(step, ActivationStep):
            row, pair = activation(step, scope, row, pair)
        else:
            row, pair = add(scope, [_run(branch, scope, row, pair) for branch in step.branches])
    return row, pair


def _title(steps: tuple[Step, ...]) -> str:
    names = []
    for step in steps:
        if isinstance(step, DenseStep):
            names.append("dense")
        elif isinstance(step, ActivationStep):
            names.append(step.label)
        else:
            names.append("sum(" + " | ".join(_title(branch) or "identity" for branch in step.branches) + ")")
    return ", ".join(names)
