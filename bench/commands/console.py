"""Progress of a run: bars with the remaining time on a terminal, else lines of text."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import TaskID

from ivif_bench.commands.amounts import duration, summary
from ivif_bench.commands.progress import bars, counting
from ivif_bench.pipeline.costs import Costs
from ivif_bench.pipeline.forecast import Item
from ivif_bench.pipeline.jobs import Job
from ivif_bench.pipeline.run import Listener

__all__ = ["ProgressListener", "console", "counting", "print_json"]

console = Console(stderr=True, highlight=False)
_TOLD_EVERY = 30.0  # seconds


def print_json(value: Any) -> None:
    """JSON on standard output, for scripts."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


class ProgressListener(Listener, AbstractContextManager["ProgressListener"]):
    """Shows jobs as bars on a terminal; without a terminal, prints a line every half minute."""

    def __init__(self) -> None:
        self._bars = bars(console)
        self._total: TaskID | None = None
        self._rows: dict[tuple[str, str], TaskID] = {}
        self._checked: TaskID | None = None
        self._done = 0
        self._told = time.monotonic()

    def __enter__(self) -> ProgressListener:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def checking(self, done: int, total: int, what: str) -> None:
        if self._checked is None:
            self._checked = self._bars.add_task(what, total=total)
        self._bars.update(
            self._checked, description=what, completed=done, total=total, visible=done < total
        )
        self._tell(f"{what}: {done} of {total}")

    def begin(self, items: Sequence[Item], costs: Costs, workers: int, gpus: int) -> None:
        if any(item.missing for item in items):
            self.note(summary(items, costs, workers, gpus))

    def expect(self, jobs: int, seconds: float | None) -> None:
        if self._total is None:
            self._total = self._bars.add_task("all jobs", total=None)
        left = f", about {duration(seconds)} left" if seconds else ""
        self._bars.update(
            self._total,
            completed=self._done,
            total=self._done + jobs,
            description=f"all jobs{left}",
        )
        if jobs:
            self._tell(f"{self._done} of {self._done + jobs} jobs done{left}")

    def progress(self, job: Job, done: int, total: int, what: str) -> None:
        row = (job.stage, job.label)
        if row not in self._rows:
            self._rows[row] = self._bars.add_task(f"  {job.stage} {job.label}", total=total)
        self._bars.update(self._rows[row], completed=done, total=total, visible=done < total)

    def finished(self, job: Job) -> None:
        self._done += 1
        bar = self._rows.get((job.stage, job.label))
        if bar is not None and not job.images:
            self._bars.update(bar, visible=False)

    def note(self, text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    def _tell(self, text: str) -> None:
        """Without a terminal, print a line at most every half minute."""
        now = time.monotonic()
        if not console.is_terminal and now > self._told + _TOLD_EVERY:
            self._told = now
            console.print(text, markup=False)
