"""Detection as a task of a run configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ivif_bench.data.base import Dataset
from ivif_bench.task import Section, TaskInputs
from ivif_bench.tasks.detection.adapter import DetectionAdapter, evaluated_by
from ivif_bench.tasks.detection.coco_eval import BY_DEFAULT, Evaluator, demand_evaluator
from ivif_bench.tasks.detection.given_ids import GivenBoxes
from ivif_bench.tasks.detection.given_rows import BoxRows
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.given_rows import GivenRows
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.network.task import NetworkSection, NetworkTask
from ivif_bench.types import DatasetRef, Unit


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
    def given(self) -> Mapping[str, GivenBoxes]:
        return self.boxes


class DetectionTask(NetworkTask):
    """How well a detector finds objects in what a fusion method made."""

    section: ClassVar[type[Section]] = DetectionSection
    adapter: ClassVar[TaskAdapter] = DetectionAdapter()
    given_rows: ClassVar[type[GivenRows] | None] = BoxRows

    def check(self, section: Any, dataset: Dataset, ref: DatasetRef) -> None:
        demand_evaluator(section.evaluator)
        super().check(section, dataset, ref)

    def plan(self, section: Any, inputs: TaskInputs) -> list[Unit]:
        return [evaluated_by(unit, section.evaluator) for unit in super().plan(section, inputs)]
