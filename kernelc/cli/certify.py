"""``kernelc certify``: positive-definiteness, proved or refuted."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelc.cli.gram import input_file, read_rows
from kernelc.cli.options import json_option, kernels
from kernelc.cli.output import progress
from kernelc.files import atomic_write_text

if TYPE_CHECKING:
    from kernelc.certificates.record import Certificate

PROVED = ("spd", "pd")
NO = 1
WIDTH = 120
VERDICTS = {
    "spd": "strictly positive definite on every sphere: the kernel matrix of any distinct points is invertible",
    "psd": "positive semidefinite only: some distinct points have a singular kernel matrix",
    "finite-rank": "of finite rank: enough points have a singular kernel matrix",
    "pd": "positive definite on these points",
    "singular": "singular on these points",
    "undecided": "undecided",
}


@click.command()
@click.argument("spec", metavar="SPEC", required=False)
@click.option("--data", metavar="X.npy", type=input_file, help="Certify the kernel matrix of these rows.")
@click.option("--normalize", is_flag=True, help="Put the rows on the sphere first.")
@click.option("--get", type=kernels, default="ntk", show_default=True, help="Which kernel.")
@click.option("-o", "--output", metavar="CERT.json", type=click.Path(), help="Write the certificate to a file.")
@click.option("--verify", metavar="CERT.json", type=input_file, help="Check a certificate from scratch instead.")
@json_option
@click.pass_context
def certify(
    context: click.Context,
    spec: str | None,
    data: str | None,
    normalize: bool,
    get: str,
    output: str | None,
    verify: str | None,
    as_json: bool,
) -> None:
    """Prove or refute that a kernel of SPEC is positive definite: on every sphere, or on given data.

    Exit code 0: proved; 1: refuted or undecided. A certificate (-o) is a file that --verify checks from scratch.
    """
    import kernelc

    if (spec is None) == (verify is None):
        raise click.UsageError("expected either SPEC, or --verify CERT.json")
    if normalize and data is None:
        raise click.UsageError("--normalize is for --data X.npy")
    if verify is not None:
        found = kernelc.verify_certificate(Path(verify).read_text(encoding="utf-8", errors="replace"))
    else:
        x = None if data is None else read_rows(data)
        with progress(f"certificate of {spec}") as report:
            found = kernelc.certify(str(spec), get, x, normalize=normalize, progress=report)
    if output is not None:
        atomic_write_text(output, found.to_json())
    if as_json:
        click.echo(found.to_json(), nl=False)
    else:
        print_certificate(found, verify)
    if verify is None and found.verdict not in PROVED:
        context.exit(NO)


def print_certificate(found: "Certificate", verified: str | None) -> None:
    """The proof, the verdict, and the bounds where there is data."""
    proof = found.proof.rstrip()
    click.echo(proof if "\n" in proof else click.wrap_text(proof, WIDTH))
    click.echo()
    click.echo(f"{found.get} of {found.name}: {VERDICTS[found.verdict]}")
    if found.kind == "data":
        bounds = found.to_dict()
        upper = "?" if bounds["upper_bound"] is None else f"{bounds['upper_bound']:.9g}"
        click.echo(f"{bounds['lower_bound']:.9g} ≤ λ_min ≤ {upper}, of the exact kernel matrix")
    if verified is not None:
        click.echo(f"{verified}: checked from scratch, and right")
