"""Object detection: detectors emit boxes, one scorer turns them into AP."""

from bench.task import TaskSpec

SPECS = (
    TaskSpec(
        name="detection",
        entry="tasks.detection.task:DetectionTask",
        title="Object detection",
        order=20,
        lists={"detectors": "tasks.detection.registry:DETECTORS"},
    ),
)
