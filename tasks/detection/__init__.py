"""Object detection: detectors emit boxes, one scorer turns them into AP."""

from ivif_bench.task import TaskSpec

SPECS = (
    TaskSpec(
        name="detection",
        entry="ivif_bench.tasks.detection.task:DetectionTask",
        title="Object detection",
        order=20,
        lists={"detectors": "ivif_bench.tasks.detection.registry:DETECTORS"},
    ),
)
