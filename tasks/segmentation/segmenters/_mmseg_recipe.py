"""How a segmenter of mmsegmentation is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ivif_bench.recipe import Recipe
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol

_Side = Annotated[int, Field(ge=32)]


class MmsegInference(Recipe):
    """How images go into the network."""

    image_size: tuple[_Side, _Side] = Field(
        strict=False,
        description="height and width that images are resized to before the network sees them; "
        "predictions go back to the label's size (pixels)",
    )
    normalisation: Literal["imagenet"] = Field(
        "imagenet", description="statistics of the input, the same for all fusion methods"
    )


class MmsegTraining(Recipe):
    """How mmsegmentation trains a segmenter."""

    crop_size: tuple[_Side, _Side] = Field(
        strict=False, description="height and width of training crops (pixels)"
    )
    ratio_range: tuple[float, float] = Field(
        strict=False, description="smallest and largest scale of image_size before cropping"
    )
    cat_max_ratio: float = Field(
        gt=0,
        le=1,
        description="a crop is drawn again, up to ten times, if one class covers more than this",
    )
    flip: float = Field(ge=0, le=1, description="probability of mirroring")
    photometric_distortion: bool = Field(
        description="random changes of brightness, contrast, saturation and hue"
    )
    iterations: int = Field(ge=1, description="training steps")
    batch: int = Field(ge=1, description="crops per step")
    optimizer: Literal["adamw"] = Field("adamw", description="kind of optimizer")
    lr: float = Field(gt=0, description="highest learning rate")
    weight_decay: float = Field(ge=0, description="strength of the decay of weights")
    warmup: int = Field(
        ge=0, description="steps of linear warm-up; then lr falls as (1 - t) ** poly_power"
    )
    head_multiplier: float = Field(gt=0, description="the head learns with lr times this")
    poly_power: float = Field(gt=0, description="power of the decay")

    @model_validator(mode="after")
    def _consistent(self) -> MmsegTraining:
        if self.warmup >= self.iterations:
            raise ValueError("warmup must be shorter than iterations")
        if not 0 < self.ratio_range[0] <= self.ratio_range[1]:
            raise ValueError("ratio_range must be (smaller, larger), above 0")
        return self

    @property
    def summary(self) -> str:
        return f"{self.iterations} iterations of {self.batch}, last one"


def training_of(protocol: SegmentationProtocol) -> MmsegTraining:
    """The training options of a protocol for one of mmsegmentation's segmenters."""
    assert isinstance(protocol.training, MmsegTraining)
    return protocol.training
