"""Detection as a task: its section of a run configuration, its stems, its units of work."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split
from ivif_bench.task import Expected, Section, Task, TaskInputs, Workspace
from ivif_bench.tasks._protocol import Seeds, split_of
from ivif_bench.tasks.detection.check import check, load
from ivif_bench.tasks.detection.inputs import SOURCES
from ivif_bench.tasks.detection.plan import UnitBuilder
from ivif_bench.tasks.detection.protocol import DetectionProtocol, load_protocol
from ivif_bench.tasks.detection.registry import DETECTORS
from ivif_bench.tasks.detection.run import detect, execute, train
from ivif_bench.types import DatasetRef, Record, Unit


class DetectionSection(Section):
    """A ``detection`` entry of a run configuration; what is left out comes from the protocol.

    Attributes:
        protocol: shipped name, or path of a protocol file.
        seeds: training seeds, 0 or more.
        split: as ``ivif_bench.data.splits.resolve_split`` takes it.
        weights: file for protocols whose ``initial`` is ``user``.
        threads: CPU threads; sums depend on it in their last bits, so it is part of a unit's key.
        gpus: 1 gives a unit a GPU to itself where there are any, 0 keeps it on the CPU.
    """

    protocol: str
    seeds: Seeds | None = None
    split: str | dict[str, str] | None = None
    weights: str | None = None
    threads: int = Field(default=1, ge=1)
    gpus: int = Field(default=1, ge=0)

    def resolved(self) -> DetectionProtocol:
        """The protocol with this section's overrides."""
        changes = {"seeds": self.seeds, "split": self.split}
        return load_protocol(self.protocol).override(
            **{name: value for name, value in changes.items() if value is not None}
        )

    @property
    def weights_path(self) -> Path | None:
        """The section's own weights file."""
        return None if self.weights is None else Path(self.weights)


class DetectionTask(Task):
    """How well a detector finds objects in what a fusion method made."""

    section: ClassVar[type[Section]] = DetectionSection

    def check(self, section: DetectionSection, dataset: Dataset, ref: DatasetRef) -> None:
        protocol, split = _resolve(section, dataset)
        check(protocol, dataset, ref, split, section.weights_path)

    def load(self, section: DetectionSection) -> None:
        load(section.resolved(), section.weights_path)

    def stems(self, section: DetectionSection, dataset: Dataset) -> tuple[str, ...]:
        protocol, split = _resolve(section, dataset)
        # A frozen detector that saw a source needs no fused training images.
        trained = protocol.mode == "retrain" or (
            protocol.mode == "frozen" and protocol.train_on not in SOURCES
        )
        return tuple(sorted(split.test + (split.train if trained else ())))

    def plan(self, section: DetectionSection, inputs: TaskInputs) -> list[Unit]:
        dataset = inputs.datasets[section.dataset]
        protocol, split = _resolve(section, dataset)
        builder = UnitBuilder(
            protocol,
            dataset,
            split,
            inputs,
            section.weights_path,
            section.threads,
            section.gpus,
        )
        sets = [inputs.fused.get((section.dataset, method)) for method in inputs.methods]
        return [
            builder.unit(fused, seed)
            for fused in sets
            if fused is not None
            for seed in protocol.seeds
        ]

    def methods(self, section: DetectionSection) -> tuple[str, ...]:
        wanted = section.resolved().train_on
        return () if wanted is None or wanted in SOURCES else (wanted,)

    def expected(self, section: DetectionSection, dataset: Dataset) -> Expected:
        protocol, split = _resolve(section, dataset)
        retrained, seeds = protocol.mode == "retrain", len(protocol.seeds)
        return Expected(
            protocol=protocol.name,
            units=seeds,
            images=0 if retrained else len(split.test),
            shared=seeds if protocol.mode == "frozen" and split.train else 0,
            bytes=4 * DETECTORS.get(protocol.detector).parameters if retrained else 0,
            gpu=section.gpus > 0,
        )

    def shared_work(self, unit: Unit) -> str:
        frozen = unit.payload["protocol"]["mode"] == "frozen" and unit.payload["train"]
        return f"detector-{unit.payload['training_key']}" if frozen else ""

    def do_shared_work(self, unit: Unit, workspace: Workspace) -> None:
        train(unit, workspace)

    def images(self, unit: Unit) -> tuple[str, ...]:
        retrained = unit.payload["protocol"]["mode"] == "retrain"
        return () if retrained else tuple(unit.payload["test"])

    def judge(self, unit: Unit, stems: tuple[str, ...], workspace: Workspace) -> None:
        detect(unit, stems, workspace)

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        return execute(unit, workspace)


def _resolve(section: DetectionSection, dataset: Dataset) -> tuple[DetectionProtocol, Split]:
    protocol = section.resolved()
    return protocol, split_of(protocol, dataset)
