"""``kernelc demo``: the main job from end to end, on real data."""

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelc.cli.derive import INPUTS, describe
from kernelc.cli.options import json_option
from kernelc.cli.output import print_json, print_table

if TYPE_CHECKING:
    from kernelc.demo import Report


@click.command()
@click.option(
    "--output-dir",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Keep the generated module here.",
)
@json_option
def demo(output_dir: Path | None, as_json: bool) -> None:
    """Derive a kernel, build its module, and predict 1,797 handwritten digits with it.

    Needs scikit-learn, which ships the digits: pip install 'kernelc[demo]'.
    """
    from kernelc.demo import run

    with tempfile.TemporaryDirectory(prefix="kernelc-") as scratch:
        report = run(output_dir or Path(scratch))
    if as_json:
        print_json(as_dict(report))
    else:
        print_report(report, kept=output_dir is not None)


def as_dict(report: "Report") -> dict[str, object]:
    """The report for programs."""
    from kernelc.demo import ZONAL_SPEC

    return {
        "spec": report.spec,
        "kernel": describe(report.symbolic),
        "zonal": {ZONAL_SPEC: str(report.zonal)},
        "seconds": report.seconds,
        "predictions": [dataclasses.asdict(prediction) for prediction in report.predictions],
    }


def print_report(report: "Report", kept: bool) -> None:
    """The report for people."""
    import sympy

    from kernelc.bindings import outline
    from kernelc.demo import ZONAL_SPEC

    symbolic = report.symbolic
    click.echo(f"{report.spec}: {INPUTS}\n")
    for line in outline(symbolic.steps, symbolic.normalize, has_ntk=True):
        click.echo(f"  {line}")
    click.echo(f"\n{ZONAL_SPEC} on the sphere |x|² = d: its NTK is h(ρ), ρ = x·x'/d\n")
    click.echo(sympy.pretty(report.zonal))
    timings = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in report.seconds.items())
    click.echo(f"\n{timings}" + (f"; the module is {report.module}" if kept else ""))
    click.echo("\n1,797 handwritten digits, 1,437 to learn from and 360 to classify, by kernel regression:\n")
    print_table(
        ("kernel", "trained layers", "accuracy", "λ_min of the Gram matrix", "Gram matrix", "regression"),
        [
            (
                p.kernel,
                p.trained,
                f"{p.accuracy:.1%}",
                f"{p.least_eigenvalue:.2e}",
                f"{p.gram_seconds:.2f} s",
                f"{p.solve_seconds:.2f} s",
            )
            for p in report.predictions
        ],
    )
