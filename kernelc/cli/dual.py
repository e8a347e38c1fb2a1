"""``kernelc dual``: what the derivation engine makes of one activation, in text, LaTeX, JSON and a picture."""

from typing import TYPE_CHECKING

import click

from kernelc.cli.options import json_option, latex_option
from kernelc.cli.output import print_json

if TYPE_CHECKING:
    from kernelc.duals import Dual

MOMENTS = "q1 = E[u²], q2 = E[v²], c = E[uv]"
FORMULAS = {"nngp": "E[φ(u)φ(v)]", "ntk": "E[φ'(u)φ'(v)]", "diag": "E[φ(u)²]"}
TIERS = {
    "exact": "a closed form in elementary functions",
    "special": "a closed form with special functions",
    "series": "no closed form, a numeric table",
}


@click.command()
@click.argument("formula")
@latex_option
@json_option
@click.option(
    "--plot", metavar="FILE.png", type=click.Path(), help="Draw the dual over ρ for a few q: .png, .svg, .pdf."
)
def dual(formula: str, latex: bool, as_json: bool, plot: str | None) -> None:
    """Print the dual of an activation: E[φ(u)φ(v)], E[φ'(u)φ'(v)] and E[φ(u)²].

    FORMULA is a formula in x, such as "x*exp(-x**2)", or the name of a built-in activation, such as gelu.
    """
    import kernelc

    if latex and as_json:
        raise click.UsageError("--latex and --json are two reports; choose one")
    found = kernelc.dual(formula)
    if plot is not None:
        from kernelc.cli.curves import draw

        draw(formula, found, plot)
    if as_json:
        print_json(as_dict(formula, found, plot))
    elif latex:
        click.echo(found.latex())
    else:
        print_report(formula, found, plot)


def formulas(found: "Dual") -> dict[str, str | None]:
    """nngp, ntk and diag as text; None for what has no formula."""
    if found.tier == "series":
        return dict.fromkeys(FORMULAS)
    return {name: None if name == "ntk" and found.ntk_reason else str(getattr(found, name)) for name in FORMULAS}


def no_closed_form(found: "Dual") -> str:
    """Why a dual is a table, with the node of the formula that is to blame."""
    reason = getattr(found, "node_reason", None)
    return f"E[φ(u)φ(v)] has no closed form and is tabulated{f' ({reason})' if reason else ''}"


def as_dict(formula: str, found: "Dual", plot: str | None = None) -> dict[str, object]:
    """The dual for programs."""
    return {
        "formula": formula,
        "tier": found.tier,
        "error_bound": found.error_bound,
        **formulas(found),
        "domain": None if found.domain == True else str(found.domain),  # noqa: E712 (SymPy's true is no bool)
        "ntk_reason": found.ntk_reason or None,
        "node_reason": getattr(found, "node_reason", None) or None,
        "plot": plot,
    }


def print_report(formula: str, found: "Dual", plot: str | None = None) -> None:
    """The dual for people."""
    named = formula.isidentifier() and formula != "x"
    click.echo(f"{'φ' if named else 'φ(x)'} = {formula}, (u, v) ~ N(0, [[q1, c], [c, q2]]): {MOMENTS}\n")
    if found.tier == "series":
        click.echo(no_closed_form(found))
    for name, text in formulas(found).items():
        if text is not None:
            click.echo(f"{name} = {FORMULAS[name]} = {text}")
    click.echo(f"\ntier: {found.tier}, {TIERS.get(found.tier, 'of its own')}")
    if found.domain == True:  # noqa: E712 (SymPy's true is no bool)
        click.echo("domain: every q1, q2")
    else:
        click.echo(f"domain: needs {found.domain}, and q2 likewise; beyond, E[φ(u)²] is infinite")
    click.echo(f"error bound: {found.error_bound:.1e}, relative to √(E[φ(u)²]·E[φ(v)²])")
    if found.ntk_reason:
        click.echo(f"warning: no ntk: {found.ntk_reason}")
    if plot is not None:
        click.echo(f"plot: {plot}")
