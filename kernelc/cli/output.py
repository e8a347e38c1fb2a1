"""What the verbs print: JSON for programs, tables for people, a progress bar for those who wait."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_IN_A_PIPE = 500


def print_json(report: object) -> None:
    """Print a report as JSON."""
    click.echo(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))


def console() -> "Console":
    """Standard output for tables: as wide as the terminal, and in a pipe wide enough not to wrap."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else WIDTH_IN_A_PIPE, highlight=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print rows of plain text (no markup) under their column names."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


@contextmanager
def progress(description: str) -> Iterator[Callable[[float], None] | None]:
    """Yield what to call with the fraction done (0 to 1), or None where nobody watches: not on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)
