"""The arguments and options that several verbs share."""

import click

spec_argument = click.argument("spec", metavar="SPEC")

output_option = click.option(
    "-o", "--output", required=True, metavar="FILE", type=click.Path(), help="The file to write, whole or not at all."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Report in JSON.")

latex_option = click.option("--latex", is_flag=True, help="Print LaTeX.")

backend_option = click.option(
    "--backend", default="auto", show_default=True, metavar="NAME", help="One of those that `kernelc backends` lists."
)

dtype_option = click.option(
    "--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True, help="Of the results."
)

kernels = click.Choice(["ntk", "nngp"])
