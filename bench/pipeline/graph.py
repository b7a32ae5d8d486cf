"""A graph of jobs: each starts as soon as its dependencies are finished and a process is free.

An event costs as much as there are jobs that wait for it, and rows: a run has a hundred thousand jobs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from ivif_bench.errors import UserError
from ivif_bench.pipeline.executors.base import Executor
from ivif_bench.pipeline.jobs import FUSING, Ended, Job, Progress

Watch = Callable[[Job, int, int, str], None]


@dataclass(eq=False, slots=True)
class _Waiting:
    """A job, or a function to call, and the number of jobs that it still waits for."""

    what: Job | Callable[[], None]
    missing: int
    dropped: bool = False


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
        self._names: set[str] = set()
        self._running: dict[str, Job] = {}
        self._behind: dict[str, list[_Waiting]] = {}  # by the name of a job
        self._ready: dict[tuple[str, str], deque[Job]] = {}  # by row, in the order of the rows
        self._due: deque[Callable[[], None]] = deque()
        self._open = 0
        self._weights: dict[tuple[str, str], float] = {}
        self._images: dict[tuple[str, str], _Images] = {}
        self.outcomes: dict[str, Ended] = {}
        self.problems: list[str] = []

    def add(self, jobs: Iterable[Job]) -> None:
        """Add jobs; one whose name is known already is the same work and is done once."""
        for job in jobs:
            if job.name in self._names:
                continue
            self._names.add(job.name)
            self._open += 1
            row = (job.stage, job.label)
            self._weights[row] = self._weights.get(row, 0.0) + job.seconds
            self._ready.setdefault(row, deque())
            if job.images:
                self._images.setdefault(row, _Images()).total += job.images
            failed = self._wait(_Waiting(job, 0), job.needs)
            if failed is not None:
                self._end(Ended(job, failed.problem, failed.users_fault))

    def after(self, needs: Collection[str], call: Callable[[], None]) -> None:
        """Call a function, which may add jobs, when these jobs have succeeded; else never."""
        self._wait(_Waiting(call, 0), needs)

    @property
    def open(self) -> int:
        """Number of known jobs that have not ended."""
        return self._open

    def run(self) -> None:
        """Do all jobs, including those that are added meanwhile.

        Raises:
            UserError: the executor has nowhere to do them.
        """
        self._settle()
        # Nothing may run while jobs are ready: a cluster without any node has no room.
        while self._running or any(self._ready.values()):
            events = self._executor.wait()
            for event in events:
                if isinstance(event, Progress):
                    self._tell(event)
                else:
                    del self._running[event.job.name]
                    self._end(event)
            if not events or any(isinstance(event, Ended) for event in events):
                self._settle()

    def _wait(self, waiting: _Waiting, needs: Collection[str]) -> Ended | None:
        """Put something behind the jobs that it needs; the outcome of one that has failed already."""
        for name in dict.fromkeys(needs):
            outcome = self.outcomes.get(name)
            if outcome is None:
                waiting.missing += 1
                self._behind.setdefault(name, []).append(waiting)
            elif outcome.problem:
                waiting.dropped = True
                return outcome
        if not waiting.missing:
            self._release(waiting)
        return None

    def _release(self, waiting: _Waiting) -> None:
        if isinstance(waiting.what, Job):
            self._ready[waiting.what.stage, waiting.what.label].append(waiting.what)
        else:
            self._due.append(waiting.what)

    def _settle(self) -> None:
        """Plan work that has become possible, and start jobs."""
        while self._due:
            try:
                self._due.popleft()()
            except UserError as problem:
                self.problems.append(str(problem))
        self._start()

    def _start(self) -> None:
        """Start jobs: fusing first, because other work depends on it, and long rows first.

        A row that was never measured may be long, so it comes before short ones. The jobs of a row
        need the same of the machine, so those behind one without room have none either.
        """
        for row in sorted((row for row, jobs in self._ready.items() if jobs), key=self._urgency):
            jobs = self._ready[row]
            while jobs and self._executor.has_room(jobs[0]):
                job = jobs.popleft()
                self._running[job.name] = job
                self._executor.start(job)

    def _urgency(self, row: tuple[str, str]) -> tuple[bool, float]:
        return row[0] != FUSING, -(self._weights[row] or math.inf)

    def _tell(self, event: Progress) -> None:
        job = event.job
        done, total = event.done, event.total
        if job.images:
            images = self._images[job.stage, job.label]
            done, total = images.at(job.name, min(done, job.images)), images.total
        self._watch(job, done, total, event.what)

    def _end(self, event: Ended) -> None:
        """Note the outcome of a job, and of those that cannot be done because of it."""
        outcomes = deque([event])
        while outcomes:
            event = outcomes.popleft()
            self._open -= 1
            self.outcomes[event.job.name] = event
            self._ended(event)
            for waiting in self._behind.pop(event.job.name, ()):
                waiting.missing -= 1
                if waiting.dropped:
                    continue
                if event.problem:
                    waiting.dropped = True
                    if isinstance(waiting.what, Job):
                        outcomes.append(Ended(waiting.what, event.problem, event.users_fault))
                elif not waiting.missing:
                    self._release(waiting)


@dataclass(slots=True)
class _Images:
    """Images of a row: how many there are, how many are done, and of which jobs."""

    total: int = 0
    done: int = 0
    jobs: dict[str, int] = field(default_factory=dict)

    def at(self, job: str, done: int) -> int:
        """Note how far a job is; the images that all have done."""
        self.done += done - self.jobs.get(job, 0)
        self.jobs[job] = done
        return self.done
