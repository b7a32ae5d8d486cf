"""Semantic segmentation of fused images: protocols, segmenters, one confusion matrix for all."""

from ivif_bench.task import TaskSpec

SPECS = (
    TaskSpec(
        name="segmentation",
        entry="ivif_bench.tasks.segmentation.task:SegmentationTask",
        title="Semantic segmentation",
        order=30,
        lists={"segmenters": "ivif_bench.tasks.segmentation.registry:SEGMENTERS"},
    ),
)
