"""The contract of a task: how a configuration section is planned as units of work and executed."""

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
    """Base of a task's section in a run configuration; unknown keys are errors.

    Attributes:
        model: class of the protocols that sections name, with ``folder`` (of ``protocols/``), ``load``
            and ``registry`` as ``ivif_bench.tasks.network.protocol.NetworkProtocol`` has them; None
            for a task without protocol files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: ClassVar[Any] = None

    dataset: str

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of rows that the section brings beside the run's methods; they have no fused images."""
        return ()


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Metadata of a task, available without loading it.

    Attributes:
        name: key of its sections in a run configuration: ``quality``, ``detection``, ...
        entry: ``"module:Class"`` of its ``Task``; ``"Class"`` if it is in the same file.
        title: heading of its tables.
        order: position of its work and its tables in a run, small numbers first.
        lists: registries of its own components, as ``"module:attribute"``, by the name under which
            ``ivif-bench list`` shows them.
        seconds_per_image: time of one processor core to judge an image of 640 x 480, measured by the
            task's author; None if that depends on the protocol.
    """

    name: str
    entry: str
    title: str
    order: int = 100
    lists: Mapping[str, str] = field(default_factory=dict)
    seconds_per_image: float | None = None


@dataclass(frozen=True, slots=True)
class TaskInputs:
    """The input of a task while it plans.

    Attributes:
        datasets: open datasets by name.
        refs: how to open them again in a worker.
        fused: fused sets by (dataset, method), only of methods of the run.
        methods: names of the rows to plan: methods of the run in its order, rows of the section.
        seed: the run's seed.
        fingerprint: sha256 of a file, remembered between runs.
        recipes: registered type and options of every method, by its name.
    """

    datasets: Mapping[str, Dataset]
    refs: Mapping[str, DatasetRef]
    fused: Mapping[tuple[str, str], FusedSet]
    methods: Sequence[str]
    seed: int
    fingerprint: Callable[[Path], str]
    recipes: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders and callbacks of a unit while it runs.

    Attributes:
        scratch: folder of this unit, shared by the processes that judge its images; kept after a
            crash so that work can be resumed, removed when the result is written.
        shared: folder for artefacts that several units use (checkpoints); see ``once``.
        log: file that takes the messages of libraries.
        progress: to be called with (done, total, what) regularly.
        origins: receives the earlier processes whose work is continued, so that the result names
            them; ``once`` does so for the content of ``shared``.
    """

    scratch: Path
    shared: Path
    log: Path
    progress: Progress
    origins: Origins = field(default_factory=Origins)

    def once(self, name: str, make: Callable[[Path], None]) -> Path:
        """Make a folder in ``shared`` unless it exists, as ``ivif_bench.store.once`` does."""
        from ivif_bench.store import (
            once,  # loads pyarrow, which listing tasks and metrics does not need
        )

        return once(self.shared / name, make, self.origins)


@dataclass(frozen=True, slots=True)
class Expected:
    """The amount of work of a section, as far as it is known before there are images.

    Attributes:
        protocol: as its units name it.
        units: units of work for each method.
        images: judged images of each unit, if they may be divided among processes; else 0.
        shared: pieces of work that all units share, such as trainings of a frozen network.
        bytes: disk space of each unit in the run directory besides its records: a trained network.
        gpu: units ask for a GPU.
    """

    protocol: str = ""
    units: int = 1
    images: int = 0
    shared: int = 0
    bytes: int = 0
    gpu: bool = False


class Task(ABC):
    """A way of judging fused images."""

    section: ClassVar[type[Section]]

    @abstractmethod
    def stems(self, section: Any, dataset: Dataset) -> tuple[str, ...]:
        """Stems of the dataset that must be fused before this section can be planned."""

    def check(self, section: Any, dataset: Dataset, ref: DatasetRef) -> None:  # noqa: B027 - optional
        """Check the section before anything is computed: weights, classes, names.

        Raises:
            UserError: the section cannot be carried out as it is.
        """

    def load(self, section: Any) -> None:  # noqa: B027 - optional
        """Load what the section needs besides its dataset, without computing: classes, weights files.

        ``validate`` calls it; it may import network libraries.

        Raises:
            UserError: something cannot be loaded, or a weights file is not the expected one.
        """

    @abstractmethod
    def plan(self, section: Any, inputs: TaskInputs) -> list[Unit]:
        """The units of work of this section, for every method that has images."""

    def methods(self, section: Any) -> tuple[str, ...]:
        """Methods whose images every unit of the section needs, whichever method it judges."""
        return ()

    def expected(self, section: Any, dataset: Dataset) -> Expected:
        """The expected result of ``plan``; only forecasts of time and disk space depend on it."""
        return Expected()

    def shared_work(self, unit: Unit) -> str:
        """Name of work that units share and that is done once before them; empty if there is none.

        Equal work has an equal name, also in other runs: a training, named by its key.
        """
        return ""

    def do_shared_work(self, unit: Unit, workspace: Workspace) -> None:
        """Do the work that ``shared_work`` names, and store it in ``workspace.shared``."""
        raise NotImplementedError(f"{type(self).__name__} shares no work")

    def temporary(self, unit: Unit) -> tuple[str, ...]:
        """Names of folders in ``Workspace.shared`` that a unit needs only until it has its result.

        A run removes them when no unfinished unit needs them.
        """
        return ()

    def images(self, unit: Unit) -> tuple[str, ...]:
        """Stems that may be divided among processes; empty if the unit cannot be divided."""
        return ()

    def judge(self, unit: Unit, stems: tuple[str, ...], workspace: Workspace) -> None:
        """Judge some images and store the results in ``workspace.scratch`` for ``execute``.

        Several processes do this at the same time, each with other stems, after the shared work.
        """
        raise NotImplementedError(f"{type(self).__name__} judges no image apart")

    @abstractmethod
    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        """Do the remaining work of one unit, and return its records.

        Runs in a worker with only the unit and its folders. Anything that ``do_shared_work`` and
        ``judge`` have not done is done here; the records do not depend on that.
        """


TASKS: Registry[TaskSpec] = Registry("task", "ivif_bench.tasks", "ivif_bench.tasks", base=Task)


def task_names() -> list[str]:
    """Names of all tasks in the order of their tables."""
    return sorted(TASKS.specs(), key=lambda name: (TASKS.get(name).order, name))
