"""Tables of what was measured: a line a run."""

import statistics
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from speed.pool import Timed
from speed.runs import Group, Match, Run

COLUMNS = ("contender", "kernel", "data", "call", "n", "d", "dtype", "threads", "ns/entry", "rounds",
           "ratio [quartiles]", "bar", "met", "differs by")  # fmt: skip
MEMORY = ("contender", "kernel", "data", "call", "n", "d", "MiB beyond", "bar", "met")
ALLOWED = 64  # MiB


def label(run: Run) -> list[str]:
    """The columns that say what was run."""
    who = run.who if run.collapse else f"{run.who}, no collapse"
    if run.who == "product":
        call = "x @ x.T" if run.symmetric else "x1 @ x2.T"
    else:
        call = f"{run.get}({'x' if run.symmetric else 'x1, x2'})"
    return [who, f"{run.activation} {run.depth}", run.data, call, str(run.n), str(run.d)]


def ratios(base: Timed, timed: Timed, speedup: bool) -> list[float]:
    """Round by round, of the times of an entry."""
    scale = (base.run.n / timed.run.n) ** 2
    pairs = zip(base.seconds, timed.seconds, strict=False)
    return [a / (scale * b) if speedup else scale * b / a for a, b in pairs]


def judged(match: Match, group: Group, found: list[Timed]) -> Iterable[tuple[Timed, list[float], float | None, str]]:
    """Each run with its ratios, its bar, and whether it reaches it."""
    base, *runs = found
    yield base, [], None, ""
    for timed in runs:
        values, bar = ratios(base, timed, group.speedup), match.bars.get(timed.run.who)
        if bar is None or not values:
            yield timed, values, bar, "" if bar is None else "failed"
            continue
        median = statistics.median(values)
        met = median >= bar if group.speedup else median <= bar
        yield timed, values, bar, ("yes" if met else "NO") if timed.right else "WRONG"


def row(timed: Timed, values: list[float], bar: float | None, met: str, speedup: bool) -> list[str]:
    """A line of a table."""
    bound = "" if bar is None else f"{'≥' if speedup else '≤'} {bar:g}"
    shared = [*label(timed.run), timed.run.dtype, str(timed.run.threads)]
    if timed.failure:
        return [*shared, "failed", "0", timed.failure, bound, met, ""]
    off = "" if timed.off is None else f"{timed.off:.0e}"
    return [*shared, f"{timed.entry:.2f}", str(len(timed.seconds)), spread(values), bound, met, off]


def spread(values: list[float]) -> str:
    """The median and the quartiles."""
    if not values:
        return "1"
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * values
    return f"{median:.2f} [{low:.2f}, {high:.2f}]"


def show(title: str, columns: Iterable[str], sections: list[list[list[str]]], markdown: bool) -> None:
    """A table with a line between its sections; in Markdown the base of each section is in bold."""
    columns = list(columns)
    if markdown:
        print(f"\n### {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
        for section in sections:
            for i, cells in enumerate(section):
                bold = i == 0 and len(section) > 1
                print(f"| {' | '.join([f'**{cells[0]}**' if bold else cells[0], *cells[1:]])} |")
        return sys.stdout.flush()
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(
            name, justify="right" if name in ("n", "d", "threads", "rounds", "ns/entry", "MiB beyond") else "left"
        )
    for section in sections:
        for i, cells in enumerate(section):
            table.add_row(*map(escape, cells), end_section=i == len(section) - 1)
    Console(width=None if sys.stdout.isatty() else 170).print(table)
    return sys.stdout.flush()
