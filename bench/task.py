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
        seconds_per_image: what one processor core takes to judge an image of 640 x 480, measured by
            whoever wrote the task; None if that depends on the protocol.
    """

    name: str
    entry: str
    title: str
    order: int = 100
    lists: Mapping[str, str] = field(default_factory=dict)
    seconds_per_image: float | None = None


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
        scratch: folder of this unit, which processes that judge its images share; kept after a
            crash so that work can go on, removed when the result is written.
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


@dataclass(frozen=True, slots=True)
class Expected:
    """What a section asks for, as far as it is known before there are images.

    Attributes:
        protocol: as its units name it.
        units: units of work for each method.
        images: judged images of each unit, if they may be divided among processes; else 0.
        shared: pieces of work that all units share, such as trainings of a frozen network.
        bytes: what each unit leaves in the run directory beside its records: a trained network.
        gpu: units ask for a GPU.
    """

    protocol: str = ""
    units: int = 1
    images: int = 0
    shared: int = 0
    bytes: int = 0
    gpu: bool = False


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

    def methods(self, section: Any) -> tuple[str, ...]:
        """Methods whose images every unit of the section needs, whichever method it judges."""
        return ()

    def expected(self, section: Any, dataset: Dataset) -> Expected:
        """What ``plan`` will give; only forecasts of time and disk space depend on it."""
        return Expected()

    def shared_work(self, unit: Unit) -> str:
        """Name of work that units share and that is done once before them; empty if there is none.

        Equal work has an equal name, also in other runs: a training, named by its key.
        """
        return ""

    def do_shared_work(self, unit: Unit, workspace: Workspace) -> None:
        """Do the work that ``shared_work`` names, and leave it in ``workspace.shared``."""
        raise NotImplementedError(f"{type(self).__name__} shares no work")

    def images(self, unit: Unit) -> tuple[str, ...]:
        """Stems whose judging may be divided among processes; empty if the unit is one piece."""
        return ()

    def judge(self, unit: Unit, stems: tuple[str, ...], workspace: Workspace) -> None:
        """Judge some images and keep what was found in ``workspace.scratch`` for ``execute``.

        Several processes do this at the same time, each with other stems, after the shared work.
        """
        raise NotImplementedError(f"{type(self).__name__} judges no image apart")

    @abstractmethod
    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        """Do what is left of one unit of work, and return its records.

        Runs in a worker with nothing but the unit and its folders. Whatever ``do_shared_work`` and
        ``judge`` have not done is done here; the records do not depend on who did it.
        """


TASKS: Registry[TaskSpec] = Registry("task", "ivif_bench.tasks", "ivif_bench.tasks", base=Task)


def task_names() -> list[str]:
    """Names of all tasks in the order of their tables."""
    return sorted(TASKS.specs(), key=lambda name: (TASKS.get(name).order, name))
