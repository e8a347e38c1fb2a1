"""``kernelc study``: statements of the literature, measured on finite networks."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import click

from kernelc.cli.options import json_option
from kernelc.cli.output import print_json, print_table, progress
from kernelc.errors import InputError
from kernelc.files import atomic_path

NOT_SEEN = 1
F = TypeVar("F", bound=Callable[..., Any])


@click.group(invoke_without_command=True)
@click.pass_context
def study(context: click.Context) -> None:
    """Measure a statement of the literature on finite networks.

    Exit code 0: the statement is seen to hold; 1: it is refuted, or the run is too small to tell. The same --seed
    gives the same numbers, and a run that was killed goes on from its --checkpoint.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def common(verb: F) -> F:
    """The options that all studies share."""
    for option in (
        json_option,
        click.option(
            "--checkpoint", metavar="FILE.npz", help="Where to keep what is done; a killed run goes on from it."
        ),
        click.option("--plot", metavar="FILE.png", type=click.Path(), help="Draw the result: .png, .svg, .pdf."),
        click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same numbers."),
    ):
        verb = option(verb)
    return verb


def numbers(kind: type, example: str) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """A callback that reads numbers with commas between them."""

    def read(_context: click.Context, option: click.Parameter, text: str | None) -> Any:
        if text is None:
            return None
        with suppress(ValueError):
            return tuple(kind(word) for word in text.split(","))
        raise InputError(f"{option.opts[0]}: expected numbers with commas, such as {example}, found '{text}'")

    return read


def whole(name: str, default: int, meaning: str) -> Callable[[F], F]:
    """An option that is a whole number."""
    return click.option(name, type=int, default=default, show_default=True, help=meaning)


def widths_option(default: str) -> Callable[[F], F]:
    """The option --widths."""
    return click.option(
        "--widths",
        "widths",
        default=default,
        show_default=True,
        metavar="M,M",
        callback=numbers(int, default),
        help="Of the finite networks.",
    )


points_option = whole("--points", 10, "How many points, drawn on the sphere.")
dimension_option = whole("--dimension", 10, "Of the points.")
spec_option = click.argument("spec", metavar="[SPEC]", default="relu-3")


@study.command()
@spec_option
@widths_option("64,128,256,512,1024,2048,4096,8192")
@whole("--networks", 100, "How many of each width.")
@points_option
@dimension_option
@common
def rate(
    spec: str,
    widths: tuple[int, ...],
    networks: int,
    points: int,
    dimension: int,
    seed: int,
    **common: Any,
) -> None:
    """‖H(0) − H*‖₂ ~ m^(−1/2): the tangent kernel nears its limit.

    H(0) is the empirical NTK of a network of width m at initialisation, H* the NTK of kernelc. SPEC is relu-3 unless
    given. Jacot et al. 2018, theorem 1.
    """

    def measure(**where: Any) -> Any:
        from kernelc.studies.rate import rate as run

        return run(spec, points, dimension, widths, networks, seed, **where)

    _conduct("rate", measure, **common)


@study.command()
@click.option(
    "--epsilons",
    default="0.1,0.2,0.4",
    show_default=True,
    metavar="E,E",
    callback=numbers(float, "0.1,0.2"),
    help="The ε to look at.",
)
@click.option("--delta", type=float, default=0.1, show_default=True, help="The δ of the lemma.")
@whole("--trials", 400, "How many networks of each width.")
@points_option
@dimension_option
@common
def lemma2(
    epsilons: tuple[float, ...],
    delta: float,
    trials: int,
    points: int,
    dimension: int,
    seed: int,
    **common: Any,
) -> None:
    """P(‖H(0) − H*‖₂ > ε) ≤ δ at the width m = n²/(2ε²) log(2n²/δ).

    For two layers of ReLU with fixed signs at the end and |x| = 1. At widths below it shows how loose the lemma is.
    CS 839 (Wisconsin), lecture 11, lemma 2; Du et al. 2019.
    """

    def measure(**where: Any) -> Any:
        from kernelc.studies.lemma2 import lemma2 as run

        return run(points, dimension, epsilons, delta, trials, seed, **where)

    _conduct("lemma2", measure, **common)


@study.command()
@spec_option
@widths_option("64,128,256,512,1024")
@whole("--networks", 10, "How many of each width.")
@whole("--steps", 100, "Of full-batch gradient descent on 1/(2n) Σ (f − y)², y random.")
@click.option("--rate", type=float, help="The learning rate.  [default: n/λ_max(H*)]")
@points_option
@dimension_option
@common
def drift(
    spec: str,
    widths: tuple[int, ...],
    networks: int,
    steps: int,
    rate: float | None,
    points: int,
    dimension: int,
    seed: int,
    **common: Any,
) -> None:
    """‖H(t) − H(0)‖ = O(m^(−1/2)): training moves the kernel of wide networks little.

    Trains networks of SPEC, relu-3 unless given, and measures their NTK as it changes. Jacot et al. 2018, theorem 2.
    """

    def measure(**where: Any) -> Any:
        from kernelc.studies.drift import drift as run

        return run(spec, points, dimension, widths, networks, steps, rate, seed, **where)

    _conduct("drift", measure, **common)


@study.command()
@click.option(
    "--widths",
    metavar="M,M",
    callback=numbers(int, "100,500"),
    help="Of the finite networks.  [default: 100,500]",
)
@click.option("--wide", is_flag=True, help="Widths 500 and 10,000, as in the paper: hours, 3.2 GB (float64).")
@whole("--networks", 10, "Initialisations of each width.")
@whole("--steps", 200, "Of full-batch gradient descent on 1/(2n) Σ (f − x₁x₂)².")
@click.option("--rate", type=float, default=1.0, show_default=True, help="The learning rate.")
@whole("--points", 32, "How many to train on, with random N(0, 1) entries.")
@common
def jacot(
    widths: tuple[int, ...] | None,
    wide: bool,
    networks: int,
    steps: int,
    rate: float,
    points: int,
    seed: int,
    **common: Any,
) -> None:
    """The NTK on the unit circle, before and after training: figure 1 of Jacot et al. 2018.

    Θ(x0, x) for x0 = (1, 0) and x = (cos γ, sin γ), of networks of depth 4 (the spec jacot-4) that learn x₁x₂.
    """
    if wide and widths:
        raise click.UsageError("--wide is --widths 500,10000; choose one of the two")

    def measure(**where: Any) -> Any:
        from kernelc.studies.jacot import WIDE, WIDTHS
        from kernelc.studies.jacot import jacot as run

        return run(points, widths or (WIDE if wide else WIDTHS), networks, steps, rate, seed, **where)

    _conduct("jacot", measure, **common)


def _conduct(
    name: str,
    measure: Callable[..., Any],
    plot: str | None,
    checkpoint: str | None,
    as_json: bool,
) -> None:
    """Measure, draw, report, and exit with the verdict's code."""
    from kernelc.studies import pictures
    from kernelc.studies.finding import as_dict
    from kernelc.studies.tables import table

    if plot is not None:
        pictures.check(plot)
    for path in filter(None, (plot, checkpoint)):
        _check_place(path)
    with progress(f"study {name}") as report:
        found = measure(progress=report, checkpoint=checkpoint)
    if plot is not None:
        pictures.draw(found, plot)
    if as_json:
        print_json({**as_dict(name, found), "plot": plot})
    else:
        finding = found.finding
        click.echo(f"{finding.statement}\n")
        print_table(*table(found))
        click.echo(f"\n{finding.verdict}: {finding.measured}")
        if plot is not None:
            click.echo(f"plot: {plot}")
    if found.finding.verdict != "holds":
        click.get_current_context().exit(NOT_SEEN)


def _check_place(path: str) -> None:
    """Raise InputError before the work, not after it, where no file can be written."""

    class Fine(Exception):  # noqa: N818
        pass

    with suppress(Fine), atomic_path(path):
        raise Fine
