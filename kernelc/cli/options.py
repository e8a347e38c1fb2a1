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

collapse_option = click.option(
    "--collapse/--no-collapse",
    default=True,
    show_default=True,
    help="Read large matrices off a table in the angle, where the kernel depends on nothing else.",
)

q_range_option = click.option(
    "--q-range",
    nargs=2,
    type=float,
    metavar="LOW HIGH",
    help="Where E[z^2] may lie at activations that a table evaluates.  [default: 1e-4 1e4, or what they take]",
)

duals_option = click.option(
    "--duals",
    type=click.Choice(["auto", "table", "closed"]),
    default="auto",
    show_default=True,
    help="How to evaluate activations that have no elementary closed form.",
)

kernels = click.Choice(["ntk", "nngp"])
