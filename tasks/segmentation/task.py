"""Segmentation as a task: its section of a run configuration, its stems, its units of work."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ivif_bench.data.base import Dataset
from ivif_bench.data.splits import Split
from ivif_bench.task import Expected, Section, Task, TaskInputs, Workspace
from ivif_bench.tasks._protocol import Seeds, split_of
from ivif_bench.tasks.segmentation.check import check, load
from ivif_bench.tasks.segmentation.plan import UnitBuilder
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol, load_protocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS
from ivif_bench.tasks.segmentation.run import execute, segment, train
from ivif_bench.types import DatasetRef, Record, Unit


class SegmentationSection(Section):
    """A ``segmentation`` entry of a run configuration; what is left out comes from the protocol.

    Attributes:
        protocol: shipped name, or path of a protocol file.
        seeds: training seeds, 0 or more.
        split: as ``ivif_bench.data.splits.resolve_split`` takes it.
        initial: initial weights, see ``SegmentationProtocol``.
        threads: CPU threads; sums depend on it in their last bits, so it is part of a unit's key.
        gpus: 1 gives a unit a GPU to itself where there are any, 0 keeps it on the CPU.
    """

    protocol: str
    seeds: Seeds | None = None
    split: str | dict[str, str] | None = None
    initial: str | None = None
    pseudo_labels: bool | None = None
    threads: int = Field(default=1, ge=1)
    gpus: int = Field(default=1, ge=0)

    def resolved(self) -> SegmentationProtocol:
        """The protocol with this section's overrides."""
        wanted = {
            "seeds": self.seeds,
            "split": self.split,
            "initial": self.initial,
            "pseudo_labels": self.pseudo_labels,
        }
        changes = {name: value for name, value in wanted.items() if value is not None}
        return load_protocol(self.protocol).override(**changes)


class SegmentationTask(Task):
    """How well a network segments what a fusion method made."""

    section: ClassVar[type[Section]] = SegmentationSection

    def check(self, section: SegmentationSection, dataset: Dataset, ref: DatasetRef) -> None:
        protocol, split = _resolve(section, dataset)
        check(protocol, dataset, ref, split)

    def load(self, section: SegmentationSection) -> None:
        load(section.resolved())

    def stems(self, section: SegmentationSection, dataset: Dataset) -> tuple[str, ...]:
        protocol, split = _resolve(section, dataset)
        retrained = protocol.mode == "retrain"
        return tuple(sorted(split.test + (split.train if retrained else ())))

    def plan(self, section: SegmentationSection, inputs: TaskInputs) -> list[Unit]:
        dataset = inputs.datasets[section.dataset]
        protocol, split = _resolve(section, dataset)
        builder = UnitBuilder(protocol, dataset, split, inputs, section.threads, section.gpus)
        sets = [inputs.fused.get((section.dataset, method)) for method in inputs.methods]
        return [
            builder.unit(fused, seed)
            for fused in sets
            if fused is not None
            for seed in protocol.seeds
        ]

    def expected(self, section: SegmentationSection, dataset: Dataset) -> Expected:
        protocol, split = _resolve(section, dataset)
        retrained, seeds = protocol.mode == "retrain", len(protocol.seeds)
        return Expected(
            protocol=protocol.name,
            units=seeds,
            images=0 if retrained else len(split.test),
            shared=seeds if protocol.mode == "frozen" and split.train else 0,
            bytes=4 * SEGMENTERS.get(protocol.segmenter).parameters if retrained else 0,
            gpu=section.gpus > 0,
        )

    def shared_work(self, unit: Unit) -> str:
        frozen = unit.payload["protocol"]["mode"] == "frozen" and unit.payload["train"]
        return f"segmenter-{unit.payload['training_key']}" if frozen else ""

    def do_shared_work(self, unit: Unit, workspace: Workspace) -> None:
        train(unit, workspace)

    def images(self, unit: Unit) -> tuple[str, ...]:
        retrained = unit.payload["protocol"]["mode"] == "retrain"
        return () if retrained else tuple(unit.payload["test"])

    def judge(self, unit: Unit, stems: tuple[str, ...], workspace: Workspace) -> None:
        segment(unit, stems, workspace)

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        return execute(unit, workspace)


def _resolve(section: SegmentationSection, dataset: Dataset) -> tuple[SegmentationProtocol, Split]:
    protocol = section.resolved()
    return protocol, split_of(protocol, dataset)
