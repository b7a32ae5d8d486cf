"""Semantic segmentation of fused images: protocols, segmenters, one confusion matrix for all."""

from bench.task import TaskSpec

SPECS = (
    TaskSpec(
        name="segmentation",
        entry="tasks.segmentation.task:SegmentationTask",
        title="Semantic segmentation",
        order=30,
        lists={"segmenters": "tasks.segmentation.registry:SEGMENTERS"},
    ),
)
