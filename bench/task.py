"""The contract of a downstream task: how a question is planned as units of work and executed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from ivif_bench.data.base import Dataset
from ivif_bench.origins import Origins
from ivif_bench.registry import Registry
from ivif_bench.types import DatasetRef, FusedSet, Progress, Record, Unit


class Section(BaseModel):
    """Base of a task's section in a run configuration; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What is known of a task before it is loaded.

    Attributes:
        name: key of its sections in a run configuration: ``quality``, ``detection``, ...
        entry: ``"module:Class"`` of its ``Task``; ``"Class"`` if it is in the same file.
        title: heading of its tables.
        order: place of its work and its tables in a run, small numbers first.
        lists: registries of its own components, as ``"module:attribute"``, by the name under which
            ``ivif-bench list`` shows them.
    """

    name: str
    entry: str
    title: str
    order: int = 100
    lists: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskInputs:
    """What a task may look at while it plans.

    Attributes:
        datasets: open datasets by name.
        refs: how to open them again in a worker.
        fused: fused sets by (dataset, method), only of methods of the run.
        methods: names of all methods of the run, in its order.
        seed: the run's seed.
        fingerprint: sha256 of a file, remembered between runs.
    """

    datasets: Mapping[str, Dataset]
    refs: Mapping[str, DatasetRef]
    fused: Mapping[tuple[str, str], FusedSet]
    methods: Sequence[str]
    seed: int
    fingerprint: Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a unit may write while it runs.

    Attributes:
        scratch: private folder of this unit; kept after a crash so that work can go on.
        shared: folder for artefacts that several units use (checkpoints); see ``once``.
        log: file that takes the messages of libraries.
        progress: call with (done, total, what) now and then.
        origins: takes over from whom the work of earlier processes comes, so that the result names
            them; ``once`` does so for what it finds in ``shared``.
    """

    scratch: Path
    shared: Path
    log: Path
    progress: Progress
    origins: Origins = field(default_factory=Origins)

    def once(self, name: str, make: Callable[[Path], None]) -> Path:
        """Make a folder in ``shared`` unless it is there, as ``ivif_bench.store.once`` does."""
        from ivif_bench.store import (
            once,  # loads pyarrow, which listing tasks and metrics does not need
        )

        return once(self.shared / name, make, self.origins)


class Task(ABC):
    """A downstream question about fused images."""

    section: ClassVar[type[Section]]

    @abstractmethod
    def stems(self, section: Any, dataset: Dataset) -> tuple[str, ...]:
        """Stems of the dataset that must be fused before this section can be planned."""

    def check(self, section: Any, dataset: Dataset, ref: DatasetRef) -> None:  # noqa: B027 - optional
        """Find what is wrong before anything is computed: weights, classes, names.

        Raises:
            UserError: the section cannot be carried out as it is.
        """

    def load(self, section: Any) -> None:  # noqa: B027 - optional
        """Load what the section needs beside its dataset, without computing: classes, weights files.

        ``validate`` asks for it; it may import network libraries.

        Raises:
            UserError: something cannot be loaded, or a weights file is not what it must be.
        """

    @abstractmethod
    def plan(self, section: Any, inputs: TaskInputs) -> list[Unit]:
        """The units of work that answer this section, for every method that has images."""

    @abstractmethod
    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        """Do one unit of work; runs in a worker with nothing but the unit and its folders."""


TASKS: Registry[TaskSpec] = Registry("task", "ivif_bench.tasks", "ivif_bench.tasks", base=Task)


def task_names() -> list[str]:
    """Names of all tasks in the order of their tables."""
    return sorted(TASKS.specs(), key=lambda name: (TASKS.get(name).order, name))
