"""Progress bars on a terminal; without a terminal their library is not loaded."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from ivif_bench.types import Progress


@contextmanager
def counting(title: str, seconds: float | None = None) -> Iterator[Progress]:
    """One progress bar for a loop that reports (done, total, what).

    Args:
        title: text before the bar.
        seconds: without a terminal, write a line to standard error that often; None writes nothing.
    """
    if not sys.stderr.isatty():
        yield _Lines(title, seconds) if seconds is not None else lambda done, total, what: None
        return
    from rich.console import Console

    with bars(Console(stderr=True)) as shown:
        bar = shown.add_task(title, total=None)

        def progress(done: int, total: int, what: str) -> None:
            shown.update(bar, completed=done, total=total)

        yield progress


class _Lines:
    """A line every few seconds, and none for work that takes less."""

    def __init__(self, title: str, seconds: float) -> None:
        self._title = title
        self._seconds = seconds
        self._last = time.monotonic()

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if now - self._last >= self._seconds:
            self._last = now
            print(f"{self._title}: {what}, {done} of {total}", file=sys.stderr, flush=True)


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
