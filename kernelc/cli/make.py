"""``kernelc build``: a spec into an importable module."""

from pathlib import Path

import click

from kernelc.cli.options import backend_option, dtype_option, json_option, output_option, spec_argument
from kernelc.cli.output import print_json


@click.command()
@spec_argument
@output_option
@backend_option
@dtype_option
@json_option
def build(spec: str, output: str, backend: str, dtype: str, as_json: bool) -> None:
    """Compile SPEC into a module that needs neither kernelc nor SymPy.

    Example: kernelc build relu-3 -o relu3.py; then, in Python, `from relu3 import ntk`.
    """
    import kernelc

    kernelc.build(spec, output, backend=backend, dtype=dtype)
    size = Path(output).stat().st_size
    if as_json:
        print_json({"spec": spec, "output": output, "backend": backend, "dtype": dtype, "bytes": size})
    else:
        click.echo(f"{output}: {size} bytes; check it with `python {output}`")
