"""The picture of a spectrum: eigenvalues and Taylor coefficients over the degree, on logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kernelc.cli.curves import FORMATS
from kernelc.errors import InputError, UnsupportedError
from kernelc.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kernelc.certificates.spectrum import Spectrum
    from kernelc.certificates.spectrum.digits import Enclosed

PARITIES = (("even k", "o", "#3182bd"), ("odd k", "s", "#d94801"))


def draw(found: Spectrum, path: str) -> None:
    """Write the picture to ``path``, whole or not at all."""
    kind = Path(path).suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise InputError(f"--plot {path}: expected a file name that ends in {', '.join('.' + f for f in FORMATS)}")
    if not any(v.positive for v in found.eigenvalues[1:]):
        raise UnsupportedError("nothing to draw: no eigenvalue of a degree from 1 on is known to be positive")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError("--plot needs matplotlib: pip install 'kernelc[plot]'") from error
    with atomic_path(path) as temporary:
        figure = Figure(figsize=(9.4, 4.4), dpi=110, layout="constrained")
        figure.suptitle(
            f"{found.name}: {found.get} on the sphere in {found.d} dimensions", parse_math=False, fontsize=13
        )
        left, right = figure.subplots(1, 2)
        _panel(left, found.eigenvalues, r"eigenvalue $\lambda_k$")
        _theory(left, found)
        _panel(right, found.taylor, r"coefficient $b_k$")
        for axes in (left, right):
            axes.legend(frameon=False)
        figure.savefig(temporary, format=kind)


def _panel(axes: Axes, values: Sequence[Enclosed], label: str) -> None:
    """The positive values of degree ≥ 1, with bars where the balls are wide enough to be seen."""
    for parity, (name, marker, colour) in enumerate(PARITIES):
        shown = [(k, v) for k, v in enumerate(values) if k and k % 2 == parity and v.positive and v.mid > 0]
        if shown:
            bars = [v.rad for _, v in shown]
            degrees, middles = [k for k, _ in shown], [v.mid for _, v in shown]
            axes.errorbar(degrees, middles, yerr=bars, fmt=marker, color=colour, markersize=4, label=name, capsize=2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("degree k", fontsize=11)
    axes.set_ylabel(label, fontsize=11)
    axes.grid(color="0.92", which="both")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _theory(axes: Axes, found: Spectrum) -> None:
    """The slope that theory gives, through the last eigenvalue of the slower parity."""
    if found.theory is None or math.isinf(found.theory):
        return
    last = [(k, v.mid) for k, v in enumerate(found.eigenvalues) if k and v.positive][-2:]
    power = found.theory
    k, value = max(last, key=lambda pair: float(pair[1] * pair[0] ** power))
    ends = [max(1.0, k / 6), float(k)]
    heights = [2 * value * (end / k) ** -power for end in ends]  # above the points
    axes.plot(ends, heights, color="0.4", linewidth=1.2, linestyle=(0, (5, 2)), label=rf"$\sim k^{{-{power:.0f}}}$")
