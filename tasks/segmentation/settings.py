"""What a segmenter has to know of a protocol; how it is judged is none of its business."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SerializeAsAny

from ivif_bench.recipe import Recipe
from ivif_bench.tasks._protocol import NetworkProtocol

_Side = Annotated[int, Field(ge=32)]


class SegmenterSettings(NetworkProtocol):
    """The part of a protocol that segmenters read."""

    classes: tuple[str, ...] = Field(
        min_length=2, description="names of the classes; the class id is the position"
    )
    segmenter: str = Field(description="registered name of the segmenter")
    reinit_head: bool = Field(
        False, description="take only the backbone of the initial weights and draw a new head"
    )
    image_size: tuple[_Side, _Side] = Field(
        description="height and width that images are resized to before the network sees them; "
        "predictions go back to the label's size (pixels)"
    )
    ignore_index: int = Field(255, le=255, description="label value that is no class")
    training: SerializeAsAny[Recipe] = Field(
        description="recipe of the segmenter; in files its keys stand beside the protocol's own"
    )
