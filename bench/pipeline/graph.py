"""A graph of jobs: each starts as soon as its dependencies are finished and a process is free."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from ivif_bench.errors import UserError
from ivif_bench.pipeline.executors.base import Executor
from ivif_bench.pipeline.jobs import FUSING, Ended, Job, Progress

Watch = Callable[[Job, int, int, str], None]


@dataclass(frozen=True, slots=True)
class _Continuation:
    needs: frozenset[str]
    call: Callable[[], None]


class Graph:
    """The jobs of a run.

    Args:
        executor: where they run.
        watch: called with (job, done, total, what) for progress; images of the jobs of one row are
            counted together.
        ended: called with the outcome of each job.

    Attributes:
        outcomes: outcome of each job by its name; a job whose dependencies failed has their outcome.
        problems: errors of planning after jobs.
    """

    def __init__(
        self, executor: Executor, watch: Watch, ended: Callable[[Ended], None] = lambda end: None
    ) -> None:
        self._executor = executor
        self._watch = watch
        self._ended = ended
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, Job] = {}
        self._names: set[str] = set()
        self._later: list[_Continuation] = []
        self._weights: dict[tuple[str, str], float] = {}
        self._images: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        self.outcomes: dict[str, Ended] = {}
        self.problems: list[str] = []

    def add(self, jobs: Iterable[Job]) -> None:
        """Add jobs; one whose name is known already is the same work and is done once."""
        for job in jobs:
            if job.name in self._names:
                continue
            self._names.add(job.name)
            self._waiting[job.name] = job
            row = (job.stage, job.label)
            self._weights[row] = self._weights.get(row, 0.0) + job.seconds
            if job.images:
                self._images.setdefault(row, {})[job.name] = (0, job.images)

    def after(self, needs: Collection[str], call: Callable[[], None]) -> None:
        """Call a function, which may add jobs, when these jobs have succeeded; else never."""
        self._later.append(_Continuation(frozenset(needs), call))

    @property
    def open(self) -> int:
        """Number of known jobs that have not ended."""
        return len(self._waiting) + len(self._running)

    def run(self) -> None:
        """Do all jobs, including those that are added meanwhile."""
        self._settle()
        while self._running:
            events = self._executor.wait()
            for event in events:
                if isinstance(event, Progress):
                    self._tell(event)
                else:
                    del self._running[event.job.name]
                    self._end(event)
            if any(isinstance(event, Ended) for event in events):
                self._settle()

    def _settle(self) -> None:
        """Drop jobs with failed dependencies, plan work that has become possible, and start jobs."""
        changed = True
        while changed:
            changed = False
            for job in list(self._waiting.values()):
                failed = self._failed(job.needs)
                if failed is not None:
                    del self._waiting[job.name]
                    self._end(Ended(job, failed.problem, failed.users_fault))
                    changed = True
            ready = [each for each in self._later if self._all_well(each.needs)]
            self._later = [each for each in self._later if each not in ready]
            for each in ready:
                try:
                    each.call()
                except UserError as problem:
                    self.problems.append(str(problem))
                changed = True
        self._start()

    def _start(self) -> None:
        """Start jobs: fusing first, because other work depends on it, and long rows first.

        A row that was never measured may be long, so it comes before short ones.
        """
        ready = [job for job in self._waiting.values() if self._all_well(job.needs)]
        for job in sorted(ready, key=self._urgency):
            if self._executor.has_room(job):
                del self._waiting[job.name]
                self._running[job.name] = job
                self._executor.start(job)

    def _urgency(self, job: Job) -> tuple[bool, float]:
        return job.stage != FUSING, -(self._weights[job.stage, job.label] or math.inf)

    def _tell(self, event: Progress) -> None:
        job = event.job
        done, total = event.done, event.total
        if job.images:
            row = self._images[job.stage, job.label]
            row[job.name] = (min(done, job.images), job.images)
            done, total = (sum(part) for part in zip(*row.values(), strict=True))
        self._watch(job, done, total, event.what)

    def _end(self, event: Ended) -> None:
        self.outcomes[event.job.name] = event
        self._ended(event)

    def _failed(self, needs: Collection[str]) -> Ended | None:
        ended = (self.outcomes.get(name) for name in needs)
        return next((found for found in ended if found is not None and found.problem), None)

    def _all_well(self, needs: Collection[str]) -> bool:
        return all(name in self.outcomes and not self.outcomes[name].problem for name in needs)
