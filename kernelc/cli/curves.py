"""The picture of a dual: nngp and ntk over the correlation ρ, for a few q, each relative to its value at ρ = 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelc.errors import InputError, UnsupportedError
from kernelc.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kernelc.duals import Dual

FORMATS = ("png", "svg", "pdf")
POINTS = 161
WIDTHS, STYLES = (4.0, 2.4, 1.6), ("-", (0, (5, 2)), (0, (1, 1.6)))
COLOURS = ("#9ecae1", "#3182bd", "#d94801")
TITLE = 70


def draw(formula: str, found: Dual, path: str) -> None:
    """Write the picture to ``path``, whole or not at all."""
    kind = Path(path).suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise InputError(f"--plot {path}: expected a file name that ends in {', '.join('.' + f for f in FORMATS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError("--plot needs matplotlib: pip install 'kernelc[plot]'") from error
    with atomic_path(path) as temporary:
        curves = tabulate(found, moments(found))
        names = [name for name in ("nngp", "ntk") if curves[name]]
        figure = Figure(figsize=(1.2 + 4.6 * len(names), 4.6), dpi=150, layout="constrained")
        figure.suptitle(_title(formula), parse_math=False, fontsize=14)
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            _panel(axes, name, curves[name])
        figure.savefig(temporary, format=kind)


def moments(found: Dual) -> list[float]:
    """The q to draw: 0.1, 1 and 10, or, where the domain ends before, a tenth, a half and nine tenths of the way."""
    from kernelc.symbols import q1

    def holds(q: float) -> bool:
        return bool(found.domain.subs(q1, q) == True)  # noqa: E712 (SymPy's true is no bool)

    if holds(10.0):
        return [0.1, 1.0, 10.0]
    inside, outside = next((10.0**k for k in range(0, -13, -1) if holds(10.0**k)), 0.0), 10.0
    if not inside:
        raise UnsupportedError(f"no q to draw: the domain {found.domain} is too small")
    for _ in range(40):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return [float(f"{share * inside:.2g}") for share in (0.1, 0.5, 0.9)]


def tabulate(found: Dual, qs: list[float]) -> dict[str, dict[float, tuple[Any, Any]]]:
    """name → q → (ρ, value relative to that at ρ = 1), without what is 0 or does not exist."""
    import numpy as np

    from kernelc.duals.numeric import values

    rho = np.cos(np.linspace(np.pi, 0, POINTS))
    out: dict[str, dict[float, tuple[Any, Any]]] = {"nngp": {}, "ntk": {}}
    for q in qs:
        for name, curve in zip(out, values(found, q, q, rho), strict=True):
            if curve is not None and np.isfinite(curve[-1]) and curve[-1] > 0:
                out[name][q] = rho, curve / curve[-1]
    if not out["nngp"]:
        raise UnsupportedError("nothing to draw: E[φ(u)²] is 0, or beyond the range of a float")
    return out


def _title(formula: str) -> str:
    text = " ".join(formula.split())
    text = text if len(text) <= TITLE else text[: TITLE - 3] + "..."
    return f"φ = {text}" if text.isidentifier() and text != "x" else f"φ(x) = {text}"


def _panel(axes: Axes, name: str, curves: dict[float, tuple[Any, Any]]) -> None:
    prime = "'" if name == "ntk" else ""
    axes.axhline(0, color="0.75", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.75", linewidth=0.8, zorder=0)
    for (q, (rho, values)), width, style, colour in zip(curves.items(), WIDTHS, STYLES, COLOURS, strict=False):
        axes.plot(rho, values, linewidth=width, linestyle=style, color=colour, label=f"q = {q:g}")
    axes.set_title(name, fontsize=12)
    axes.set_xlabel(r"$\rho = c\,/\,q$    ($q_1 = q_2 = q$)", fontsize=11)
    axes.set_ylabel(rf"$E[\varphi{prime}(u)\,\varphi{prime}(v)]\;/\;E[\varphi{prime}(u)^2]$", fontsize=11)
    axes.set_xlim(-1, 1)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best", handlelength=3)
