"""What a detector has to know of a protocol; who judges it, and how, is none of its business."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SerializeAsAny

from ivif_bench.recipe import Recipe
from ivif_bench.tasks._protocol import NetworkProtocol


class DetectorSettings(NetworkProtocol):
    """The part of a protocol that detectors read."""

    detector: str = Field(description="registered name of the detector")
    classes: tuple[str, ...] = Field(
        min_length=1, description="names and order of the classes that are scored"
    )
    transfer: Literal["full", "backbone"] = Field(
        "full",
        description="full demands the same classes; backbone leaves out the class branch of the "
        "head when they differ",
    )
    image_size: int = Field(
        ge=32, multiple_of=32, description="side of the letterboxed square (pixels)"
    )
    training: SerializeAsAny[Recipe] | None = Field(
        None, description="recipe of the detector, for modes retrain and frozen"
    )
    conf: float = Field(gt=0, lt=1, description="boxes with a lower confidence go")
    nms_iou: float = Field(gt=0, lt=1, description="IoU of the suppression per class")
    max_det: int = Field(ge=1, description="boxes per image that stay, over all classes")
    multi_label: bool = Field(
        False,
        description="false: each box has its best class only; true: a box gives one detection for "
        "every class whose score is above conf, as in yolov5's val.py",
    )
