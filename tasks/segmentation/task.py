"""Segmentation as a task of a run configuration."""

from __future__ import annotations

from typing import ClassVar

from ivif_bench.task import Section
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.network.task import NetworkSection, NetworkTask
from ivif_bench.tasks.segmentation.adapter import SegmentationAdapter
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol


class SegmentationSection(NetworkSection):
    """A ``segmentation`` entry of a run configuration.

    Attributes:
        pseudo_labels: whether the labels are a network's output, in place of the protocol's.
    """

    model: ClassVar[type[NetworkProtocol]] = SegmentationProtocol
    overrides: ClassVar[tuple[str, ...]] = (*NetworkSection.overrides, "pseudo_labels")

    pseudo_labels: bool | None = None


class SegmentationTask(NetworkTask):
    """How well a network segments what a fusion method made."""

    section: ClassVar[type[Section]] = SegmentationSection
    adapter: ClassVar[TaskAdapter] = SegmentationAdapter()
