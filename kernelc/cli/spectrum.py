"""``kernelc spectrum``: Taylor coefficients and eigenvalues on the sphere, as a table, in JSON and as a picture."""

from typing import TYPE_CHECKING

import click

from kernelc.cli.options import json_option, kernels, spec_argument
from kernelc.cli.output import print_json, print_table

if TYPE_CHECKING:
    from kernelc.certificates.spectrum import Spectrum


@click.command()
@spec_argument
@click.option("--dim", type=int, required=True, metavar="D", help="Of the inputs, which are on the sphere |x|² = D.")
@click.option("--kmax", type=int, default=10, show_default=True, metavar="K", help="The highest degree.")
@click.option("--get", type=kernels, default="ntk", show_default=True, help="The kernel.")
@json_option
@click.option("--plot", metavar="FILE.png", type=click.Path(), help="Draw λ_k and b_k over k: .png, .svg, .pdf.")
def spectrum(spec: str, dim: int, kmax: int, get: str, as_json: bool, plot: str | None) -> None:
    """Print the spectrum of a kernel of SPEC on the sphere: b_k in k(ρ) = Σ b_k ρ^k, and eigenvalues λ_k.

    λ_k are the eigenvalues for the uniform probability measure, each N(D, k) times. All digits that are printed are
    right, up to one unit of the last: by proof ("rigorous"), or because two numerical rules agree on them
    ("validated").
    """
    from kernelc.certificates.spectrum import spectrum as compute

    found = compute(spec, dim, kmax, get)
    if plot is not None:
        from kernelc.cli.spectra import draw

        draw(found, plot)
    if as_json:
        print_json({**found.to_dict(), "plot": plot})
    else:
        print_report(found, plot)


def print_report(found: "Spectrum", plot: str | None = None) -> None:
    """The spectrum for people."""
    from kernelc.certificates.spectrum import theory_text

    click.echo(f"{found.name}: {found.get} on the sphere |x|² = {found.d}, k(ρ) = Σ b_k ρ^k, ρ = x·x'/{found.d}\n")
    rows = [
        (str(k), str(n), b.text(10), v.text(10), v.how if v.how == b.how else f"b_k {b.how}, λ_k {v.how}")
        for k, (n, b, v) in enumerate(zip(found.multiplicities, found.taylor, found.eigenvalues, strict=True))
    ]
    print_table(("k", "N(d, k)", "b_k", "λ_k", "how"), rows)
    share = "" if found.total.exact_zero else f"; up to k = {found.kmax}: {100 * found.share:.4g} %"
    click.echo(f"\nk(1) = Σ N(d, k) λ_k = {found.total.text(10)}{share}")
    for name, slope in zip(("even", "odd"), found.slopes, strict=True):
        if slope is not None:
            click.echo(f"{name} λ_k fall like k^{slope:.2f} between k = {(found.kmax + 1) // 2} and {found.kmax}")
    if found.theory is not None and any(not v.exact_zero for v in found.eigenvalues[1:]):
        click.echo(f"theory: {theory_text(found.theory)} as k → ∞")
    if plot is not None:
        click.echo(f"plot: {plot}")
