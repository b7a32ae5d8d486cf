"""Detection as a task of a run configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ivif_bench.data.base import Dataset
from ivif_bench.task import Section, TaskInputs, Workspace
from ivif_bench.tasks.detection.adapter import DetectionAdapter, evaluated_by
from ivif_bench.tasks.detection.coco_eval import BY_DEFAULT, Evaluator, demand_evaluator
from ivif_bench.tasks.detection.given_ids import GivenBoxes
from ivif_bench.tasks.detection.given_rows import GivenRows, check_given, is_given, score_given
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.checks import split_of
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.network.task import NetworkSection, NetworkTask
from ivif_bench.types import DatasetRef, Record, Unit


class DetectionSection(NetworkSection):
    """A ``detection`` entry of a run configuration.

    Attributes:
        boxes: rows that are a user's boxes, by name: a file, or the options of ``GivenBoxes``.
        evaluator: computes COCO's AP. It is in no protocol, since the numbers are the same.
    """

    model: ClassVar[type[NetworkProtocol]] = DetectionProtocol

    boxes: dict[str, GivenBoxes] = Field(default_factory=dict)
    evaluator: Evaluator = BY_DEFAULT

    @field_validator("boxes", mode="before")
    @classmethod
    def _bare_file(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: {"file": v} if isinstance(v, str) else v for name, v in value.items()}

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(self.boxes)


class DetectionTask(NetworkTask):
    """How well a detector finds objects in what a fusion method made."""

    section: ClassVar[type[Section]] = DetectionSection
    adapter: ClassVar[TaskAdapter] = DetectionAdapter()

    def check(self, section: Any, dataset: Dataset, ref: DatasetRef) -> None:
        super().check(section, dataset, ref)
        demand_evaluator(section.evaluator)
        protocol = section.resolved()
        check_given(section.boxes, protocol, dataset, split_of(protocol, dataset).test)

    def plan(self, section: Any, inputs: TaskInputs) -> list[Unit]:
        given = [name for name in inputs.methods if name in section.boxes]
        methods = [name for name in inputs.methods if name not in section.boxes]
        units = super().plan(section, replace(inputs, methods=methods))
        if given:
            dataset, protocol = inputs.datasets[section.dataset], section.resolved()
            split = split_of(protocol, dataset)
            rows = GivenRows(self.adapter, section, protocol, dataset, split, inputs)
            units += [rows.row(name, section.boxes[name]) for name in given]
        return [evaluated_by(unit, section.evaluator) for unit in units]

    def shared_work(self, unit: Unit) -> str:
        return "" if is_given(unit) else super().shared_work(unit)

    def images(self, unit: Unit) -> tuple[str, ...]:
        return () if is_given(unit) else super().images(unit)

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        if is_given(unit):
            return score_given(self.adapter, unit, workspace)
        return super().execute(unit, workspace)
