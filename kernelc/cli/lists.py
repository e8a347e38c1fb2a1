"""What there is: ``kernelc layers``, ``activations``, ``functions`` and ``backends``."""

from collections.abc import Sequence

import click

from kernelc.cli.options import json_option
from kernelc.cli.output import print_json, print_table

# name, what it makes of its input z, its fields with their defaults, does it work yet
LAYERS = (
    ("dense", "σ_w/√n W z + σ_b b", 'W_std = 1, b_std = 0, width = 512, weights = "gaussian", train = "all"', "yes"),
    ("relu, gelu, ...", "φ(z), any activation by its name", "those that `kernelc activations` lists", "yes"),
    ("repeat", "the same layers, n times over", "repeat = n, layers = [...]", "yes"),
    ("residual", "z + f(z)", "residual = [...]", "yes"),
    ("sum", "f(z) + g(z) + ...; an empty branch is z itself", "sum = [[...], [...]]", "yes"),
    ("normalize", "√d x/|x|, at the input: each row onto the sphere of radius √d", "", "yes"),
    ("concat", "f(z) and g(z) side by side", "concat = [[...], [...]]", "not yet"),
    ("product", "f(z) g(z), entry by entry", "product = [[...], [...]]", "not yet"),
    ("layernorm", "z scaled to second moment 1", "", "not yet"),
    ("dropout", "each entry kept with probability `keep`, and divided by it", "keep = 0.9", "not yet"),
    ("fourier_features", "waves of the input", "frequencies = 64, std = 1.0, seed = 0", "not yet"),
    ("conv", "a convolution over images", "", "not yet"),
    ("flatten", "an image as one row", "", "not yet"),
    ("global_avg_pool", "the mean over the pixels of an image", "", "not yet"),
)


@click.command()
@json_option
def layers(as_json: bool) -> None:
    """List the layers of a spec, their fields and defaults."""
    _show(("name", "meaning", "fields and defaults", "works"), LAYERS, as_json)


@click.command()
@json_option
def activations(as_json: bool) -> None:
    """List the built-in activations: formula, parameters, how exact their dual is, reference."""
    from kernelc.activations import ACTIVATIONS

    rows = [
        (
            known.name,
            known.formula,
            ", ".join(f"{name} = {_shown(default)}" for name, default in known.parameters.items()),
            _tier(known.name),
            f"{known.description} ({known.reference})",
        )
        for known in ACTIVATIONS.values()
    ]
    _show(("name", "formula", "parameters", "dual", "meaning"), rows, as_json)


@click.command()
@json_option
def functions(as_json: bool) -> None:
    """List what a formula may contain beside numbers, x, parameters and + - * / **."""
    from kernelc.vocabulary import CONDITIONALS, CONSTANTS, FUNCTIONS

    rows = [(name, function.meaning) for name, function in FUNCTIONS.items()]
    rows += CONDITIONALS.items()
    rows += [(name, f"the constant {value}") for name, value in CONSTANTS.items()]
    _show(("name", "meaning"), rows, as_json)


@click.command()
@json_option
def backends(as_json: bool) -> None:
    """List the backends, and what this machine lacks to run them."""
    from kernelc.registry import available

    rows = [(backend.name, backend.description, backend.missing or "ready") for backend in available()]
    _show(("name", "description", "this machine"), rows, as_json)


def _shown(default: object) -> str:
    return f"[{', '.join(map(str, default))}]" if isinstance(default, tuple) else str(default)


def _tier(name: str) -> str:
    """How exact the dual of a built-in activation is; tried, so that it cannot be out of date."""
    import kernelc

    found = kernelc.dual(name)
    return f"{found.tier}, nngp only" if found.ntk_reason else found.tier


def _show(columns: Sequence[str], rows: Sequence[Sequence[str]], as_json: bool) -> None:
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)
