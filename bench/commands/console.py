"""What people see while a run goes on: progress with remaining time, or quiet lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import TaskID

from ivif_bench.commands.progress import bars, counting
from ivif_bench.pipeline.executors.local import Job
from ivif_bench.pipeline.run import Listener

__all__ = ["ProgressListener", "console", "counting", "print_json"]

console = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """JSON on standard output, for scripts."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


class ProgressListener(Listener, AbstractContextManager["ProgressListener"]):
    """Shows stages and jobs on the terminal; one line a stage when there is no terminal."""

    def __init__(self) -> None:
        self._bars = bars(console)
        self._total: TaskID | None = None
        self._jobs: dict[str, TaskID] = {}
        self._done: set[str] = set()
        self._lock = threading.Lock()

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

    def stage(self, title: str, jobs: Sequence[Job]) -> None:
        with self._lock:
            for bar in list(self._bars.task_ids):
                self._bars.remove_task(bar)
            self._jobs, self._done = {}, set()
            console.print(f"{title}: {len(jobs)} jobs", markup=False)
            self._total = self._bars.add_task(title, total=len(jobs))

    def progress(self, job: Job, done: int, total: int, what: str) -> None:
        with self._lock:
            bar = self._jobs.get(job.label)
            if bar is None:
                bar = self._bars.add_task(f"  {job.label}", total=total)
                self._jobs[job.label] = bar
            self._bars.update(bar, completed=done, total=total, visible=done < total)

    def finished(self, job: Job) -> None:
        with self._lock:
            bar = self._jobs.get(job.label)
            if bar is not None:
                self._bars.update(bar, visible=False)
            if self._total is not None:
                self._bars.advance(self._total)

    def note(self, text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)
