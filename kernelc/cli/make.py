"""``kernelc build``: a spec into an importable module."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelc.cli.options import (
    backend_option,
    collapse_option,
    dtype_option,
    duals_option,
    json_option,
    output_option,
    q_range_option,
    spec_argument,
)
from kernelc.cli.output import print_json, progress

if TYPE_CHECKING:
    from kernelc.evaluation import Method


@click.command()
@spec_argument
@output_option
@backend_option
@dtype_option
@collapse_option
@q_range_option
@duals_option
@json_option
def build(
    spec: str,
    output: str,
    backend: str,
    dtype: str,
    collapse: bool,
    q_range: tuple[float, float] | None,
    duals: "Method",
    as_json: bool,
) -> None:
    """Compile SPEC into a module that needs neither kernelc nor SymPy.

    Example: kernelc build relu-3 -o relu3.py; then, in Python, `from relu3 import ntk`.
    """
    import kernelc

    with progress(f"tables of {spec}") as report:
        kernelc.build(spec, output, backend, dtype, collapse, q_range, duals, report)
    size = Path(output).stat().st_size
    if as_json:
        print_json({"spec": spec, "output": output, "backend": backend, "dtype": dtype, "bytes": size})
    else:
        from kernelc.registry import get

        missing = get(backend, run=False).missing()
        where = f", where it can run; here {missing}" if missing else ""
        click.echo(f"{output}: {size} bytes; check it with `python {output}`{where}")
