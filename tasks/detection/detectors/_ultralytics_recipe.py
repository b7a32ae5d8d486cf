"""How a detector of ultralytics is trained, in the terms of its own trainer."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from ivif_bench.options import Options
from ivif_bench.recipe import Recipe


class Augmentation(Options):
    """Augmentation of training images. Nothing is left to ultralytics' defaults."""

    hsv_h: float = Field(
        ge=0, le=1, description="largest change of hue, as a fraction of the colour circle"
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
    shear: float = Field(ge=0, le=180, description="largest shear either way (degrees)")
    perspective: float = Field(ge=0, le=0.001, description="largest perspective distortion")
    flipud: float = Field(ge=0, le=1, description="probability of turning upside down")
    fliplr: float = Field(ge=0, le=1, description="probability of mirroring")
    mosaic: float = Field(ge=0, le=1, description="probability of a mosaic of four images")
    mixup: float = Field(ge=0, le=1, description="probability of mixing with a second image")
    close_mosaic: int = Field(ge=0, description="last epochs without mosaic")


class UltralyticsSchedule(Recipe):
    """What all trainings by ultralytics have in common. Nothing is left to its defaults."""

    epochs: int = Field(ge=1, description="passes over the training images")
    batch: int = Field(ge=1, description="images per step")
    nominal_batch: int = Field(
        ge=1, description="gradients are summed up to this many images before an update"
    )
    optimizer: Literal["SGD", "Adam", "AdamW"] = Field(description="kind of optimizer")
    lr0: float = Field(gt=0, description="first learning rate")
    lrf: float = Field(ge=0, le=1, description="fraction of lr0 that the last epoch has")
    cos_lr: bool = Field(description="the learning rate falls as a cosine instead of a line")
    momentum: float = Field(ge=0, lt=1, description="momentum of SGD, first beta of Adam")
    weight_decay: float = Field(ge=0, description="strength of the decay of weights")
    warmup_epochs: float = Field(ge=0, description="length of the warm-up (epochs)")
    warmup_momentum: float = Field(ge=0, lt=1, description="momentum at the start of the warm-up")
    warmup_bias_lr: float = Field(
        ge=0, description="learning rate of biases at the start of the warm-up"
    )
    precision: Literal["fp32", "bf16"] = Field(description="arithmetic; bf16 needs a GPU")
    workers: int = Field(
        ge=0,
        description="processes that load and augment, on a CPU at most two; no image depends on it",
    )
    augmentation: Augmentation = Field(description="augmentation of training images")

    @model_validator(mode="after")
    def _mosaic_ends_in_the_training(self) -> Self:
        if self.augmentation.close_mosaic > self.epochs:
            raise ValueError("'close_mosaic' is larger than 'epochs'")
        return self

    @property
    def summary(self) -> str:
        return f"{self.epochs} epochs, last one"


class UltralyticsTraining(UltralyticsSchedule):
    """How ultralytics trains a YOLO."""

    box: float = Field(ge=0, description="weight of the loss of boxes")
    cls: float = Field(ge=0, description="weight of the loss of classes")
    dfl: float = Field(ge=0, description="weight of the distribution focal loss")
