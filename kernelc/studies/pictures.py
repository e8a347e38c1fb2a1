"""The picture of each study, drawn from its report alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelc.errors import InputError, UnsupportedError
from kernelc.files import atomic_path
from kernelc.studies.drift import Drift
from kernelc.studies.fit import PowerLaw
from kernelc.studies.jacot import Jacot
from kernelc.studies.lemma2 import Lemma2, bound
from kernelc.studies.rate import Rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
DPI = 130
COLOURS = ("#3182bd", "#d94801", "#31a354", "#756bb1", "#636363")
LIMIT = "black"
FITTED, REFERENCE, PLAIN = "#d94801", "0.45", "#3182bd"


def check(path: str) -> None:
    """Raise InputError or UnsupportedError where no picture can be written, before any work is done."""
    if Path(path).suffix.lstrip(".").lower() not in FORMATS:
        raise InputError(f"--plot {path}: expected a file name that ends in {', '.join('.' + f for f in FORMATS)}")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UnsupportedError("--plot needs matplotlib: pip install 'kernelc[plot]'") from error


def draw(report: Any, path: str) -> None:
    """Write the picture of a report, whole or not at all. Raises InputError or UnsupportedError."""
    check(path)
    from matplotlib.figure import Figure

    draws: dict[type, Callable[[Figure, Any], None]] = {Rate: _rate, Lemma2: _lemma2, Drift: _drift, Jacot: _jacot}
    figure = Figure(dpi=DPI, layout="constrained")
    draws[type(report)](figure, report)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=Path(path).suffix.lstrip(".").lower())


def _rate(figure: Figure, report: Rate) -> None:
    figure.set_size_inches(6.4, 4.4)
    axes = figure.subplots()
    for width, norms in zip(report.widths, report.norms, strict=True):
        (dots,) = axes.plot(
            [width] * len(norms), norms, ".", color="#9ecae1", markersize=4, markeredgewidth=0, zorder=1
        )
    dots.set_label("one network")
    _over_widths(axes, report.widths, report.means, report.law, report.expected)
    axes.set_title(
        f"{report.spec} on {report.points} points of the sphere, {report.networks} networks per width", fontsize=11
    )
    axes.set_ylabel(r"$\|H(0) - H^*\|_2$", fontsize=11)
    axes.legend(frameon=False)


def _drift(figure: Figure, report: Drift) -> None:
    figure.set_size_inches(9.6, 4.2)
    left, right = figure.subplots(1, 2, sharey=True)
    _over_widths(left, report.widths, [row[-1] for row in report.frobenius], report.law, report.bound)
    left.set_ylabel(r"$\|H(t) - H(0)\|_F\;/\;\|H(0)\|_F$", fontsize=11)
    left.set_title(f"after {report.steps[-1]} steps", fontsize=11)
    left.legend(frameon=False)
    for width, row, colour in zip(report.widths, report.frobenius, _shades(len(report.widths)), strict=True):
        _with_errors(right, report.steps, row, colour, None)
        right.annotate(
            f"m = {width}",
            (report.steps[-1], row[-1].value),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=9,
        )
    right.set_xscale("log")
    right.set_xlabel("steps of gradient descent", fontsize=11)
    right.set_title("in the course of training", fontsize=11)
    _plain(right)
    _decimals(left)
    figure.suptitle(
        f"{report.spec} on {report.points} points of the sphere, {report.networks} networks per width", fontsize=12
    )


def _lemma2(figure: Figure, report: Lemma2) -> None:
    figure.set_size_inches(7.6, 4.2)
    axes = figure.subplots()
    for tolerance, colour in zip(report.tolerances, _cycle(len(report.tolerances)), strict=True):
        curve = tolerance.curve
        y = np.array([f.frequency for f in curve])
        error = [np.maximum(y - [f.lower for f in curve], 0), np.maximum([f.upper for f in curve] - y, 0)]
        axes.errorbar(
            [f.width for f in curve],
            y,
            error,
            color=colour,
            marker="o",
            markersize=3.5,
            linewidth=1.4,
            elinewidth=0.8,
            label=rf"$\varepsilon$ = {tolerance.epsilon:g}",
        )
        m = np.geomspace(curve[0].width, tolerance.width, 200)
        axes.plot(
            m, [bound(report.points, tolerance.epsilon, at) for at in m], color=colour, linewidth=1, linestyle=":"
        )
        axes.axvline(tolerance.width, color=colour, linestyle=(0, (5, 2)), linewidth=1.2, zorder=1)
        axes.plot(tolerance.width, tolerance.at_the_lemma.frequency, "o", color=colour, markersize=7, zorder=3)
    axes.axhline(report.delta, color=REFERENCE, linewidth=1, linestyle=(0, (1, 3)))
    axes.annotate(
        rf"$\delta$ = {report.delta:g}",
        (0.01, report.delta),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        fontsize=10,
        color=REFERENCE,
    )
    axes.plot([], [], color="0.3", linewidth=1, linestyle=":", label="Hoeffding's bound")
    axes.plot([], [], color="0.3", linestyle=(0, (5, 2)), linewidth=1.2, label="m of the lemma")
    axes.set_xscale("log")
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("width m", fontsize=11)
    axes.set_ylabel(r"share of networks with $\|H(0) - H^*\|_2 > \varepsilon$", fontsize=11)
    axes.set_title(f"{report.points} points of the unit sphere, {report.trials} networks per width", fontsize=11)
    figure.legend(loc="outside right upper", frameon=False)
    _plain(axes)


def _jacot(figure: Figure, report: Jacot) -> None:
    figure.set_size_inches(6.8, 4.8)
    axes = figure.subplots()
    for row, colour in zip(report.widths, _cycle(len(report.widths)), strict=True):
        for before, after in zip(row.before, row.after, strict=True):
            axes.plot(report.gamma, before, color=colour, linewidth=0.6, alpha=0.75)
            axes.plot(report.gamma, after, color=colour, linewidth=0.6, alpha=0.75, linestyle=(0, (4, 2)))
        axes.plot([], [], color=colour, linewidth=1, label=f"n = {row.width}, t = 0")
        axes.plot(
            [], [], color=colour, linewidth=1, linestyle=(0, (4, 2)), label=f"n = {row.width}, t = {report.steps}"
        )
    axes.plot(report.gamma, report.limit, color=LIMIT, linewidth=2.2, label=r"n = $\infty$")
    axes.set_xlim(-np.pi, np.pi)
    axes.set_xticks([-3, -2, -1, 0, 1, 2, 3])
    axes.set_ylim(bottom=0)
    axes.set_xlabel(r"$\gamma$", fontsize=12)
    axes.set_ylabel(r"$\Theta^{(4)}(x_0, x)$,  $x_0 = (1, 0)$,  $x = (\cos\gamma, \sin\gamma)$", fontsize=11)
    axes.legend(frameon=False, fontsize=9)
    _plain(axes)


def _over_widths(axes: Axes, widths: tuple[int, ...], means: Any, law: PowerLaw, expected: float) -> None:
    """Means over widths, the law that fits them, and the expected one through their middle."""
    m = np.array(widths, dtype=float)
    middle = float(np.sqrt(m[0] * m[-1]))
    height = law.prefactor * middle**law.exponent
    axes.plot(m, law.prefactor * m**law.exponent, color=FITTED, linewidth=1.6, label=f"fit: slope {law}", zorder=2)
    reference = f"slope {expected:g}".replace("-", "−")
    axes.plot(
        m, height * (m / middle) ** expected, color=REFERENCE, linewidth=1.2, linestyle=(0, (5, 2)), label=reference
    )
    _with_errors(axes, widths, means, PLAIN, "mean ± standard error", line="none")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(m, [f"{width}" for width in widths], minor=False)
    axes.set_xlabel("width m", fontsize=11)
    _plain(axes)


def _with_errors(axes: Axes, at: Any, means: Any, colour: Any, label: str | None, line: str = "-") -> None:
    y, error = [m.value for m in means], [m.error for m in means]
    axes.errorbar(
        at,
        y,
        error,
        color=colour,
        linestyle=line,
        marker="o",
        markersize=4,
        linewidth=1.4,
        capsize=2,
        label=label,
        zorder=3,
    )


def _cycle(count: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def _shades(count: int) -> list[Any]:
    """Blues, from light for the narrowest to dark."""
    from matplotlib import colormaps

    return [colormaps["Blues"](0.35 + 0.6 * i / max(count - 1, 1)) for i in range(count)]


def _decimals(axes: Axes) -> None:
    """Labels 0.02, 0.05, 0.1 on a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _plain(axes: Axes) -> None:
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
