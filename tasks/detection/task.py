"""Detection as a task: its section of a run configuration, its stems, its units of work."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bench.data.base import Dataset
from bench.data.splits import Split, resolve_split
from bench.task import Planning, Section, Task, Workspace
from bench.types import Record, Unit
from tasks.detection.inputs import SOURCES
from tasks.detection.plan import Planner
from tasks.detection.protocol import DetectionProtocol, load_protocol
from tasks.detection.run import execute


class DetectionSection(Section):
    """A ``detection`` entry of a run configuration; what is left out comes from the protocol.

    Attributes:
        protocol: shipped name, or path of a protocol file.
        seeds: training seeds.
        split: as ``bench.data.splits.resolve_split`` takes it.
        weights: file for protocols whose ``initial`` is ``user``.
        threads: CPU threads; sums depend on it in their last bits, so it is part of a unit's key.
        gpus: GPUs that a scheduler reserves per unit; one that is visible is used in any case.
    """

    protocol: str
    seeds: tuple[int, ...] | None = Field(default=None, min_length=1)
    split: str | dict[str, str] | None = None
    weights: str | None = None
    threads: int = Field(default=1, ge=1)
    gpus: int = Field(default=0, ge=0)

    def resolved(self) -> DetectionProtocol:
        """The protocol with this section's overrides."""
        return load_protocol(self.protocol).with_changes(seeds=self.seeds, split=self.split)


class DetectionTask(Task):
    """How well a detector finds objects in what a fusion method made."""

    section: ClassVar[type[Section]] = DetectionSection

    def stems(self, section: DetectionSection, dataset: Dataset) -> tuple[str, ...]:
        protocol, split = _resolve(section, dataset)
        # A frozen detector that saw a source needs no fused training images.
        trained = protocol.mode == "retrain" or (
            protocol.mode == "frozen" and protocol.train_on not in SOURCES
        )
        return tuple(sorted(split.test + (split.train if trained else ())))

    def plan(self, section: DetectionSection, planning: Planning) -> list[Unit]:
        dataset = planning.datasets[section.dataset]
        protocol, split = _resolve(section, dataset)
        weights = None if section.weights is None else Path(section.weights)
        planner = Planner(
            protocol, dataset, split, planning, weights, section.threads, section.gpus
        )
        sets = [planning.fused.get((section.dataset, method)) for method in planning.methods]
        return [
            planner.unit(fused, seed)
            for fused in sets
            if fused is not None
            for seed in protocol.seeds
        ]

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        return execute(unit, workspace)


def _resolve(section: DetectionSection, dataset: Dataset) -> tuple[DetectionProtocol, Split]:
    protocol = section.resolved()
    return protocol, resolve_split(dataset, section.split or protocol.split)
