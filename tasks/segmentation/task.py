"""Segmentation as a task of a run configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ivif_bench.data.base import Dataset
from ivif_bench.task import Section, TaskInputs, Workspace
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.checks import split_of
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.network.task import NetworkSection, NetworkTask
from ivif_bench.tasks.segmentation.adapter import SegmentationAdapter
from ivif_bench.tasks.segmentation.given_labels import GivenLabels
from ivif_bench.tasks.segmentation.given_rows import GivenRows, check_given, is_given, score_given
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.types import DatasetRef, Record, Unit


class SegmentationSection(NetworkSection):
    """A ``segmentation`` entry of a run configuration.

    Attributes:
        pseudo_labels: whether the labels are a network's output, in place of the protocol's.
        labels: rows that are a user's label images, by name: a folder, or the options of
            ``GivenLabels``.
    """

    model: ClassVar[type[NetworkProtocol]] = SegmentationProtocol
    overrides: ClassVar[tuple[str, ...]] = (*NetworkSection.overrides, "pseudo_labels")

    pseudo_labels: bool | None = None
    labels: dict[str, GivenLabels] = Field(default_factory=dict)

    @field_validator("labels", mode="before")
    @classmethod
    def _bare_folder(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: {"files": v} if isinstance(v, str) else v for name, v in value.items()}

    @property
    def rows(self) -> tuple[str, ...]:
        return tuple(self.labels)


class SegmentationTask(NetworkTask):
    """How well a network segments what a fusion method made."""

    section: ClassVar[type[Section]] = SegmentationSection
    adapter: ClassVar[TaskAdapter] = SegmentationAdapter()

    def check(self, section: Any, dataset: Dataset, ref: DatasetRef) -> None:
        super().check(section, dataset, ref)
        protocol = section.resolved()
        check_given(section.labels, protocol, dataset, split_of(protocol, dataset).test)

    def plan(self, section: Any, inputs: TaskInputs) -> list[Unit]:
        given = [name for name in inputs.methods if name in section.labels]
        methods = [name for name in inputs.methods if name not in section.labels]
        units = super().plan(section, replace(inputs, methods=methods))
        if given:
            dataset, protocol = inputs.datasets[section.dataset], section.resolved()
            split = split_of(protocol, dataset)
            rows = GivenRows(self.adapter, section, protocol, dataset, split, inputs)
            units += [rows.row(name, section.labels[name]) for name in given]
        return units

    def shared_work(self, unit: Unit) -> str:
        return "" if is_given(unit) else super().shared_work(unit)

    def images(self, unit: Unit) -> tuple[str, ...]:
        return () if is_given(unit) else super().images(unit)

    def execute(self, unit: Unit, workspace: Workspace) -> list[Record]:
        if is_given(unit):
            return score_given(self.adapter, unit, workspace)
        return super().execute(unit, workspace)
