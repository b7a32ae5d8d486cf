"""An executor without processes: these jobs are done where they are started."""

from __future__ import annotations

from pathlib import Path

from ivif_bench.pipeline import worker
from ivif_bench.pipeline.executors.base import Executor, Place
from ivif_bench.pipeline.jobs import Ended, Job, Progress


class InProcess(Executor):
    """Does each job at once, in this process; takes the place of ``local.LocalExecutor``.

    Attributes:
        started: all jobs, in the order in which they were started.
    """

    def __init__(self, workers: int = 1, *_: object) -> None:
        self.workers = workers
        self.started: list[Job] = []
        self._happened: list[Progress | Ended] = []

    @classmethod
    def open(cls, options: object, place: Place) -> InProcess:
        return cls(place.workers or 2)

    @property
    def gpus(self) -> int:
        return 0

    def has_room(self, job: Job) -> bool:
        return not self._happened

    def start(self, job: Job) -> None:
        self.started.append(job)
        self._happened.append(Ended(job, self.problem_of(job), seconds=0.01))

    def problem_of(self, job: Job) -> str:
        """Do a job; what went wrong with it, for tests of failures."""

        def progress(done: int, total: int, what: str) -> None:
            self._happened.append(Progress(job, done, total, what))

        Path(job.description["log"]).parent.mkdir(parents=True, exist_ok=True)
        worker.perform(job.description, progress)
        return ""

    def wait(self) -> list[Progress | Ended]:
        happened, self._happened = self._happened, []
        return happened

    def close(self) -> None:
        pass
