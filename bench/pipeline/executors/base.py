"""The contract of an executor, which runs jobs, and the registry of all of them.

An executor is one file in this folder that declares ``SPECS``; there is no list to edit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from ivif_bench.errors import UserError
from ivif_bench.options import NoOptions, Options, demand_options
from ivif_bench.pipeline.jobs import Ended, Job, Progress
from ivif_bench.registry import Registry
from ivif_bench.validation import checked

DEFAULT = "local"


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """Metadata of an executor, available without loading it.

    Attributes:
        name: as ``executor`` in a run configuration and ``--executor`` name it.
        entry: ``"module:Class"`` of its ``Executor``; ``"Class"`` if it is in the same file.
        summary: one line for ``ivif-bench list executors``.
        options: model of its settings. None of them changes a result.
    """

    name: str
    entry: str
    summary: str
    options: type[Options] = NoOptions

    def __post_init__(self) -> None:
        demand_options(f"executor {self.name!r}: options", self.options)


@dataclass(frozen=True, slots=True)
class Place:
    """What a run says to its executor.

    Attributes:
        run: the run directory, as configured: relative to the working directory, or absolute.
        temporary: folder for temporary files of this machine; removed at the end.
        workers: number of parallel jobs that the user asked for; None leaves it to the executor.
        note: called with messages of one line.
    """

    run: Path
    temporary: Path
    workers: int | None = None
    note: Callable[[str], None] = lambda text: None


class Executor(ABC):
    """Starts jobs in processes and reports their progress.

    A job that fails or crashes does not affect the others.

    Attributes:
        workers: number of jobs of one thread that run in parallel; the division into shards and
            forecasts depend on it, no result does.
    """

    workers: int

    @classmethod
    @abstractmethod
    def open(cls, options: Any, place: Place) -> Self:
        """Get ready to run jobs.

        Args:
            options: an instance of the model in the spec.

        Raises:
            UserError: it cannot be used here; what to install or to start.
        """

    @classmethod  # noqa: B027 - optional
    def check(cls) -> None:
        """Check, before anything is planned, whether the executor can be used here.

        Raises:
            UserError: a library or a program is missing; what to install.
        """

    @property
    @abstractmethod
    def gpus(self) -> int:
        """Number of GPUs for jobs that ask for them."""

    @abstractmethod
    def has_room(self, job: Job) -> bool:
        """Whether a job can start now."""

    @abstractmethod
    def start(self, job: Job) -> None:
        """Start a job for which there is room."""

    @abstractmethod
    def wait(self) -> list[Progress | Ended]:
        """Wait for the next events of running jobs, and return them.

        No event at all means that there may be room for more jobs, such as on a machine that came.

        Raises:
            UserError: nothing can run any more; finished work is kept.
        """

    @abstractmethod
    def close(self) -> None:
        """Release all resources; running jobs are stopped, and killed if they do not stop."""


EXECUTORS: Registry[ExecutorSpec] = Registry(
    "executor", "ivif_bench.pipeline.executors", "ivif_bench.executors", base=Executor
)


class ExecutorConfig(BaseModel):
    """The executor of a run; a bare name means ``{name: NAME}``. No result depends on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = DEFAULT
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    def changed(self, name: str, options: Mapping[str, Any]) -> ExecutorConfig:
        """Another executor, or the same one with other options; empty leaves it as it is.

        Raises:
            UserError: no such executor, or an option is wrong.
        """
        kept = self.options if name in ("", self.name) else {}
        found = ExecutorConfig(name=name or self.name, options={**kept, **options})
        found.check("executor")
        return found

    def check(self, where: str) -> Options:
        """The options, checked.

        Raises:
            UserError: no such executor, or an option is wrong.
        """
        try:
            model = EXECUTORS.get(self.name).options
        except UserError as problem:
            raise UserError(f"{where}: {problem}") from problem
        return checked(model, self.options, f"{where}.options")


def check_executor(config: ExecutorConfig) -> None:
    """Check, before anything is planned, whether a run's executor can be used.

    Raises:
        UserError: something is missing; what to install.
    """
    EXECUTORS.load(config.name).check()


def open_executor(config: ExecutorConfig, place: Place) -> Executor:
    """The executor of a run, ready to run jobs.

    Raises:
        UserError: it cannot be used here.
    """
    options = config.check("executor")
    executor: Executor = EXECUTORS.load(config.name).open(options, place)
    return executor


def ended(job: Job, said: Mapping[str, Any], code: int | None, problem: str = "") -> Ended:
    """The outcome of a job.

    Args:
        said: what it wrote as events besides progress, see ``ivif_bench.pipeline.worker``.
        code: exit code of its process.
        problem: why there was no process.
    """
    users_fault = "user_error" in said
    problem = problem or said.get("user_error") or said.get("crash") or ""
    if not problem and "seconds" not in said:  # it says that last, when all is done
        problem = f"the process ended with exit code {code}"
    if problem and not users_fault:
        problem = f"{job.label}: {problem}; see {job.description['log']}"
    return Ended(job, problem, users_fault, float(said.get("seconds", 0.0)))
