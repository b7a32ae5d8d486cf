"""The contract of an executor: where jobs run."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ivif_bench.pipeline.jobs import Ended, Job, Progress


class Executor(ABC):
    """Starts jobs in processes and tells how they get on.

    A job that fails or crashes takes no other with it.

    Attributes:
        workers: jobs of one thread that run side by side.
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
        """Wait until something happened to the jobs that run, and return it."""

    @abstractmethod
    def close(self) -> None:
        """Release everything; jobs that still run are killed."""
