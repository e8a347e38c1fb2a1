"""``kernelc check``: kernels, or a module of them, against quadrature, other backends and sampled finite networks."""

from math import isfinite
from typing import TYPE_CHECKING

import click

from kernelc.cli.gram import input_file, read_rows
from kernelc.cli.options import json_option, spec_argument
from kernelc.cli.output import print_json, print_table, progress
from kernelc.errors import InputError

if TYPE_CHECKING:
    from kernelc.checking import CheckReport

FAILED = 1


@click.command()
@spec_argument
@click.option("--module", metavar="M.py", help="Judge this module, generated, edited or written by hand, instead.")
@click.option("--widths", metavar="M,M", help="Of the finite networks.  [default: 128,256; more for 33 layers and up]")
@click.option("--networks", type=int, help="How many of each width.  [default: 6400; fewer for 33 layers and up]")
@click.option("--points", metavar="X.npy", type=input_file, help="Rows to evaluate on.  [default: 5 in 3 dimensions]")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same numbers.")
@click.option("--get", default="nngp,ntk", show_default=True, metavar="K,K", help="The kernels to check.")
@click.option("--checkpoint", metavar="FILE.npz", help="Where to keep samples; an interrupted run goes on from there.")
@json_option
@click.pass_context
def check(
    context: click.Context,
    spec: str,
    module: str | None,
    widths: str | None,
    networks: int | None,
    points: str | None,
    seed: int,
    get: str,
    checkpoint: str | None,
    as_json: bool,
) -> None:
    """Check the kernels of SPEC: duals against quadrature, backends against NumPy, all against finite networks.

    Exit code 0: nothing disagrees; 1: something does, and the report says what, where and by how much. By chance a
    right kernel fails one time in a hundred: another --seed tells.
    """
    import kernelc

    x = None if points is None else read_rows(points)
    names = tuple(name.strip() for name in get.split(","))
    with progress(f"finite networks of {spec}") as report:
        found = kernelc.check(
            spec, x, names, _widths(widths), networks, seed, module, progress=report, checkpoint=checkpoint
        )
    if as_json:
        print_json(found.to_dict())
    else:
        print_report(found)
    if not found.passed:
        context.exit(FAILED)


def _widths(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"--widths: expected whole numbers with commas, such as 128,256, found '{text}'") from None


def print_report(found: "CheckReport") -> None:
    """The report for people."""
    judged = found.module or found.name
    if found.duals:
        rows = [(d.activation, d.mean, f"{d.q1:.3g}, {d.q2:.3g}", f"{d.rho}", f"{d.error:.1e}") for d in found.duals]
        print_table(("dual", "mean", "q1, q2", "ρ", "off quadrature by"), rows)
        click.echo()
    if found.backends:
        print_table(("backend", "off numpy by"), [(b.backend, f"{b.error:.1e}") for b in found.backends])
        click.echo()
    n, d = found.points
    widths = " and ".join(map(str, found.widths))
    click.echo(
        f"{found.networks} finite networks of width {widths} each, on {n} points in {d} dimensions, seed {found.seed}"
    )
    click.echo()
    if found.module:
        click.echo("The layers of kernelc's own kernel against the networks, and the module's against them:\n")
    rows = [
        (f"Σ^({x.number})", x.title, f"{x.p_value:.3f}", f"{x.largest_z:.1f}", _departs(x.departs))
        for x in found.layers
    ]
    shown = 5 if any(row[4] for row in rows) else 4
    print_table(("layer", "after", "p", "largest |z|", "module departs by")[:shown], [row[:shown] for row in rows])
    click.echo()
    print_table(
        ("kernel", "p", "kernel / networks", "worst entry", "kernel", "networks"),
        [
            (
                k.name,
                f"{k.p_value:.3g}",
                f"{k.ratio:.4f} ± {k.ratio_error:.4f}" if isfinite(k.ratio) else "",
                str(k.worst),
                f"{k.kernel[k.worst]:.6g}",
                f"{k.mean[k.worst]:.6g} ± {k.error[k.worst]:.2g}",
            )
            for k in found.kernels
        ],
    )
    click.echo()
    for note in found.notes:
        click.echo(f"note: {note}")
    for name, size in found.difference.items():
        click.echo(f"{name} of the module differs from kernelc's own by {size:.1e} of √(K_ii K_jj)")
    if found.passed:
        click.echo(f"passed: {judged}, p = {found.p_value:.3f} (a right kernel has p < 0.01 once in a hundred seeds)")
    else:
        click.echo(f"FAILED: {judged}, p = {found.p_value:.1e}: {found.blame}")


def _departs(sizes: dict[str, float]) -> str:
    return ", ".join(f"{name} {size:.0e}" for name, size in sizes.items() if size > 0)
