"""Programs: straight-line code over a closed set of primitives.

A :class:`Program` is a list of :class:`Block`, each run ``count`` times, from the input to the output of the network. A
block has two pieces of straight-line :class:`Code`: ``row``, for what depends on one point only, and ``pair``, for a
tile of pairs. Code is in static single assignment form; its constants are exact SymPy numbers until it is printed.

Rates order values by how often they must be computed: ``scalar`` (parameters only) < ``one``, ``two`` (the first, the
second point of the pair) < ``pair``. What depends on one point only is thereby hoisted out of the pairs: it has the
shape of a row or of a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import Expr

from kernelc.errors import InternalError

# primitive -> number of arguments; `ratio` is a/b with 0/0 = 0
PRIMITIVES: Mapping[str, int] = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "ratio": 2, "neg": 1, "sqrt": 1, "exp": 1, "expm1": 1, "sin": 1, "cos": 1,
    "asin": 1, "atan2": 2, "abs": 1, "min": 2, "max": 2, "lt": 2, "and": 2, "where": 3,
}  # fmt: skip

# functions of closed forms (kernelc.runtime.special), in NumPy code only
SPECIAL: Mapping[str, int] = {"ndtr": 1, "exp_ndtr": 2, "exp_ndtr2": 5, "dawson": 1}

CALLS = ("refine", "call")

RATES = ("scalar", "one", "two", "pair")


@dataclass(frozen=True)
class Instr:
    """``name = op(*args)``; an argument is a name or an exact number.

    Two instructions are no primitives. ``refine(flag, values, *inputs)``: where ``flag`` holds, ``callee`` (a name in
    :attr:`Program.exact`) recomputes ``values`` from ``inputs`` in double-double. ``call(*args)``: ``callee`` is a
    Python expression with a place {0}, {1} ... for each argument, that calls an :class:`Attachment`.
    """

    name: str
    op: str
    args: tuple[str | Expr, ...]
    rate: str
    callee: str = ""


@dataclass(frozen=True)
class Code:
    """Straight-line code: inputs, instructions in order, outputs by name (a name defined here, or a number)."""

    inputs: tuple[tuple[str, str], ...]  # (name, rate)
    instrs: tuple[Instr, ...]
    outputs: tuple[tuple[str, str | Expr], ...]

    def validate(self) -> None:
        """Raise InternalError unless every name is defined once and before its use, by a known primitive."""
        known = {name for name, _ in self.inputs}
        for instr in self.instrs:
            if instr.op not in CALLS and {**PRIMITIVES, **SPECIAL}.get(instr.op) != len(instr.args):
                raise InternalError(f"'{instr.op}' with {len(instr.args)} arguments is not a primitive")
            missing = [a for a in instr.args if isinstance(a, str) and a not in known]
            if missing or instr.name in known:
                raise InternalError(f"{instr.name}: {missing or 'defined twice'} in straight-line code")
            known.add(instr.name)
        for name, value in self.outputs:
            if isinstance(value, str) and value not in known:
                raise InternalError(f"output {name} = {value} is not defined")


@dataclass(frozen=True)
class Block:
    """``count`` equal stretches of the network: their title, code for one point, and code for a pair of points."""

    title: str
    count: int
    row: Code
    pair: Code
    saved: tuple[str, ...]  # outputs of `row` that `pair` reads, as name1 and name2


@dataclass(frozen=True)
class Attachment:
    """An activation that is no straight-line code: its object's name, the text that defines it, the formulas that it
    calls (for people to read), and the runtime files that it needs.
    """

    name: str
    text: str
    functions: str
    runtime: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """A whole kernel: ``exact`` holds the code that `refine` instructions run in double-double."""

    name: str
    blocks: tuple[Block, ...]
    exact: tuple[tuple[str, Code], ...]
    parameters: tuple[tuple[str, Expr], ...]
    careful: bool  # rows in double-double
    normalize: bool  # input rows onto the sphere
    ntk_reason: str  # why there is no NTK, or ''
    attachments: tuple[Attachment, ...]
    deviations: Code  # the standard deviations that depend on parameters, by their formula
    collapse: bool = False  # whether a table in the angle may replace the layers where the norms allow it
    homogeneous: tuple[str, ...] = ()  # the kernels that are √(K_ii K_jj) times a function of the angle at any norms

    def validate(self) -> Program:
        """Check every piece of code; return self."""
        for block in self.blocks:
            block.row.validate()
            block.pair.validate()
        for code in (self.deviations, *(code for _, code in self.exact)):
            code.validate()
        return self
