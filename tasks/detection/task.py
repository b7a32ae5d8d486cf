"""Detection as a task of a run configuration."""

from __future__ import annotations

from typing import ClassVar

from ivif_bench.task import Section
from ivif_bench.tasks.detection.adapter import DetectionAdapter
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.adapter import TaskAdapter
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.network.task import NetworkSection, NetworkTask


class DetectionSection(NetworkSection):
    """A ``detection`` entry of a run configuration."""

    model: ClassVar[type[NetworkProtocol]] = DetectionProtocol


class DetectionTask(NetworkTask):
    """How well a detector finds objects in what a fusion method made."""

    section: ClassVar[type[Section]] = DetectionSection
    adapter: ClassVar[TaskAdapter] = DetectionAdapter()
