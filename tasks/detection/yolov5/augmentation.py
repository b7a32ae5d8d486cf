"""The options of the augmentation, under the names of the original's hyper-parameter files."""

from __future__ import annotations

from pydantic import Field

from ivif_bench.options import Options


class Augmentation(Options):
    """Augmentation of training images."""

    hsv_h: float = Field(
        ge=0, le=1, description="largest change of hue, as a fraction of the hue itself"
    )
    hsv_s: float = Field(ge=0, le=1, description="largest change of saturation, as a fraction")
    hsv_v: float = Field(ge=0, le=1, description="largest change of brightness, as a fraction")
    degrees: float = Field(ge=0, le=180, description="largest rotation either way (degrees)")
    translate: float = Field(
        ge=0, le=1, description="largest shift either way, as a fraction of the side"
    )
    scale: float = Field(
        ge=0, lt=1, description="images are scaled by a factor between 1 - scale and 1 + scale"
    )
    shear: float = Field(ge=0, lt=90, description="largest shear either way (degrees)")
    perspective: float = Field(ge=0, le=0.001, description="largest perspective distortion")
    flipud: float = Field(ge=0, le=1, description="probability of turning upside down")
    fliplr: float = Field(ge=0, le=1, description="probability of mirroring")
    mosaic: float = Field(ge=0, le=1, description="probability of a mosaic of four images")
    mixup: float = Field(
        ge=0, le=1, description="probability of mixing a mosaic with a second mosaic"
    )
    copy_paste: float = Field(
        ge=0,
        le=1,
        description="fraction of outlined objects to paste mirrored; boxes without outlines: none",
    )
