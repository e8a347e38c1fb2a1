"""``kernelc derive``: formulas, and nothing computed."""

from itertools import groupby
from typing import TYPE_CHECKING

import click

from kernelc.cli.options import json_option, kernels, latex_option, spec_argument
from kernelc.cli.output import print_json
from kernelc.errors import UnsupportedError

if TYPE_CHECKING:
    from kernelc.bindings import Binding
    from kernelc.symbolic import SymbolicKernel

INPUTS = "q1 = |x|²/d, q2 = |x'|²/d, c = x·x'/d"


@click.command()
@spec_argument
@click.option("--get", type=kernels, help="Only what this kernel needs; both if not given.")
@latex_option
@json_option
def derive(spec: str, get: str | None, latex: bool, as_json: bool) -> None:
    """Print the recursion of a network's kernels, layer by layer."""
    import kernelc

    if latex and get:
        raise click.UsageError("--latex prints the recursion of both kernels; leave --get out")
    symbolic = kernelc.derive(spec)
    if get == "ntk" and symbolic.ntk_reason:
        raise UnsupportedError(symbolic.ntk_reason)
    if as_json:
        print_json(describe(symbolic, get))
    elif latex:
        click.echo(symbolic.latex())
    else:
        print_recursion(symbolic, get)


def describe(symbolic: "SymbolicKernel", get: str | None = None) -> dict[str, object]:
    """A symbolic kernel for programs."""
    return {
        "name": symbolic.name,
        "inputs": INPUTS,
        "recursion": [
            {"layer": line.title, "name": line.symbol.name, "expression": str(line.expr)}
            for line in needed(symbolic, get)
        ],
        "ntk_reason": symbolic.ntk_reason or None,
        "latex": symbolic.latex(),
    }


def print_recursion(symbolic: "SymbolicKernel", get: str | None = None) -> None:
    """The let-bindings for people, under the name of each layer."""
    click.echo(f"{symbolic.name}: {INPUTS}")
    for title, lines in groupby(needed(symbolic, get), key=lambda line: line.title):
        click.echo(f"\n{title}")
        for line in lines:
            click.echo(f"  {line}")
    if symbolic.ntk_reason:
        click.echo(f"\nno ntk: {symbolic.ntk_reason}")


def needed(symbolic: "SymbolicKernel", get: str | None) -> list["Binding"]:
    """The lines of the recursion that a kernel needs, in their order; all of them if ``get`` is None."""
    lines = list(symbolic.recursion)
    if get is None:
        return lines
    wanted, chosen = {next(line.symbol for line in reversed(lines) if line.symbol.name.startswith(f"{get}_"))}, []
    for line in reversed(lines):
        if line.symbol in wanted:
            wanted |= line.expr.free_symbols
            chosen.append(line)
    return chosen[::-1]
