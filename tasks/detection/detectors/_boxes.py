"""Options of detectors that see letterboxed squares and suppress overlapping boxes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ivif_bench.recipe import Recipe


class BoxInference(Recipe):
    """How images go into the network and which boxes stay."""

    untrained: ClassVar[frozenset[str]] = frozenset({"conf", "nms_iou", "max_det", "multi_label"})

    image_size: int = Field(
        ge=32, multiple_of=32, description="side of the letterboxed square (pixels)"
    )
    conf: float = Field(gt=0, lt=1, description="boxes with a lower confidence are dropped")
    nms_iou: float = Field(gt=0, lt=1, description="IoU of the suppression per class")
    max_det: int = Field(ge=1, description="boxes per image that stay, over all classes")
    multi_label: bool = Field(
        False,
        description="false: each box has its best class only; true: a box gives one detection for "
        "every class whose score is above conf, as in yolov5's val.py",
    )

    @property
    def summary(self) -> str:
        return f"{self.image_size} pixels"

    @property
    def boxes(self) -> str:
        """What the line "Scorer" of a table says of the boxes."""
        classes = "all classes above it (multi-label)" if self.multi_label else "best class only"
        return (
            f"confidence > {self.conf:g}, {classes}, NMS per class {self.nms_iou:g}, "
            f"{self.max_det} per image"
        )


class QueryInference(Recipe):
    """Options of detectors that emit a fixed number of boxes and suppress none."""

    untrained: ClassVar[frozenset[str]] = frozenset({"conf", "max_det"})

    image_size: int = Field(ge=32, multiple_of=32, description="side of the square (pixels)")
    conf: float = Field(gt=0, lt=1, description="boxes with a lower confidence are dropped")
    max_det: int = Field(
        300, ge=1, le=300, description="boxes per image that stay; the network emits 300"
    )

    @property
    def summary(self) -> str:
        return f"{self.image_size} pixels"

    @property
    def boxes(self) -> str:
        """What the line "Scorer" of a table says of the boxes."""
        return (
            f"confidence > {self.conf:g}, the network's own best 300 box and class pairs, no NMS, "
            f"{self.max_det} per image"
        )


class AugmentedInference(BoxInference):
    """The same with augmentation at test time, as an option of the original YOLOv5."""

    untrained: ClassVar[frozenset[str]] = BoxInference.untrained | {"augment"}

    augment: bool = Field(
        False,
        description="true: each image is seen at three sizes (1, 0.83, 0.67), at the second mirrored, "
        "as with yolov5's --augment; three times the work",
    )

    @property
    def boxes(self) -> str:
        seen = "; augmented at test time (sizes 1, 0.83 mirrored, 0.67)" if self.augment else ""
        return f"{super().boxes}{seen}"
