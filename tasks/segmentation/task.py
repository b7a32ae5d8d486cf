"""Segmentation as a task of a run configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ivif_bench.task import Section
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.given_rows import GivenRows
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.network.task import NetworkSection, NetworkTask
from ivif_bench.tasks.segmentation.adapter import SegmentationAdapter
from ivif_bench.tasks.segmentation.given_labels import GivenLabels
from ivif_bench.tasks.segmentation.given_rows import LabelRows
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol


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
    def given(self) -> Mapping[str, GivenLabels]:
        return self.labels


class SegmentationTask(NetworkTask):
    """How well a network segments what a fusion method made."""

    section: ClassVar[type[Section]] = SegmentationSection
    adapter: ClassVar[TaskAdapter] = SegmentationAdapter()
    given_rows: ClassVar[type[GivenRows] | None] = LabelRows
