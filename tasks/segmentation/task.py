"""Segmentation as a task: its section of a run configuration, its stems, its units of work."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from bench.data.base import Dataset
from bench.data.splits import Split, resolve_split
from bench.errors import UserError
from bench.task import Planning, Section, Task, Workspace
from bench.types import Record, Unit
from tasks.segmentation.plan import Planner
from tasks.segmentation.protocol import GIVEN, SegmentationProtocol, load_protocol
from tasks.segmentation.run import execute


class SegmentationSection(Section):
    """A ``segmentation`` entry of a run configuration; what is left out comes from the protocol.

    Attributes:
        protocol: shipped name, or path of a protocol file.
        split: as ``bench.data.splits.resolve_split`` takes it.
        initial: initial weights, see ``SegmentationProtocol``.
        threads: CPU threads; sums depend on it in their last bits, so it is part of a unit's key.
        gpus: GPUs that a scheduler reserves per unit; one that is visible is used in any case.
    """

    protocol: str
    seeds: tuple[int, ...] | None = None
    split: str | dict[str, str] | None = None
    initial: str | None = None
    pseudo_labels: bool | None = None
    threads: int = Field(default=1, ge=1)
    gpus: int = Field(default=0, ge=0)

    def resolved(self) -> SegmentationProtocol:
        """The protocol with this section's overrides."""
        wanted = {
            "seeds": self.seeds,
            "split": self._split_name(),
            "initial": self.initial,
            "pseudo_labels": self.pseudo_labels,
        }
        changes = {name: value for name, value in wanted.items() if value is not None}
        return load_protocol(self.protocol).override(**changes)

    def _split_name(self) -> str | None:
        """How the split enters the protocol's hash: files count by their stems, not their paths."""
        if isinstance(self.split, dict) or (self.split and Path(self.split).is_file()):
            return GIVEN
        return self.split

    def resolve_split(self, dataset: Dataset) -> Split:
        """The split to train and judge on; this section's goes before the protocol's."""
        wanted = self.split or load_protocol(self.protocol).split
        if wanted == GIVEN:
            raise UserError(
                f"protocol {self.protocol!r} has no split of its own; add to its segmentation "
                f"section on dataset {dataset.name!r}: split: {{train: FILE, test: FILE}}"
            )
        return resolve_split(dataset, wanted)


class SegmentationTask(Task):
    """How well a network segments what a fusion method made."""

    section: ClassVar[type[Section]] = SegmentationSection

    def stems(self, section: SegmentationSection, dataset: Dataset) -> tuple[str, ...]:
        split = section.resolve_split(dataset)
        retrained = section.resolved().mode == "retrain"
        return tuple(sorted(split.test + (split.train if retrained else ())))

    def plan(self, section: SegmentationSection, planning: Planning) -> list[Unit]:
        protocol = section.resolved()
        dataset = planning.datasets[section.dataset]
        split = section.resolve_split(dataset)
        planner = Planner(protocol, dataset, split, planning, section.threads, section.gpus)
        sets = [planning.fused.get((section.dataset, method)) for method in planning.methods]
        return [
            planner.unit(fused, seed)
            for fused in sets
            if fused is not None
            for seed in protocol.seeds
        ]

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        return execute(unit, workspace)
