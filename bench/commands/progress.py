"""Progress bars on the terminal; nothing is loaded for them where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from ivif_bench.types import Progress


@contextmanager
def counting(title: str) -> Iterator[Progress]:
    """One progress bar for a loop that reports (done, total, what); quiet without a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total, what: None
        return
    from rich.console import Console

    with bars(Console(stderr=True)) as shown:
        bar = shown.add_task(title, total=None)

        def progress(done: int, total: int, what: str) -> None:
            shown.update(bar, completed=done, total=total)

        yield progress


def bars(console: Console) -> Bars:
    """Bars with counts, elapsed and remaining time; lines must go through the same console."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    )
