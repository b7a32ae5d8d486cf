"""The contract of an executor, which runs jobs."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ivif_bench.pipeline.jobs import Ended, Job, Progress


class Executor(ABC):
    """Starts jobs in processes and reports their progress.

    A job that fails or crashes does not affect the others.

    Attributes:
        workers: number of jobs of one thread that run in parallel.
    """

    workers: int

    @abstractmethod
    def has_room(self, job: Job) -> bool:
        """Whether a job can start now."""

    @abstractmethod
    def start(self, job: Job) -> None:
        """Start a job for which there is room."""

    @abstractmethod
    def wait(self) -> list[Progress | Ended]:
        """Wait for the next events of running jobs, and return them."""

    @abstractmethod
    def close(self) -> None:
        """Release all resources; running jobs are stopped, and killed if they do not stop."""
