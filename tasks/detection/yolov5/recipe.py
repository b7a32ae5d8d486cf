"""How the original YOLOv5 is trained: the keys of a protocol's ``training``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from ivif_bench.recipe import Recipe
from ivif_bench.tasks.detection.yolov5.augmentation import Augmentation
from ivif_bench.tasks.detection.yolov5.presets import PRESETS, preset_values
from ivif_bench.tasks.detection.yolov5.rules import RULES, Version
from ivif_bench.tasks.detection.yolov5.schedule import Schedule
from ivif_bench.tasks.detection.yolov5.settings import LossSettings, OptimizerName

Preset = Literal["scratch-low", "scratch-med", "scratch-high", "VOC", "Objects365"]


class Yolov5Training(Recipe):
    """How the original YOLOv5 is trained. A key that is left out has the value of the preset."""

    presets: ClassVar[frozenset[str]] = frozenset({"preset", "rules"})

    preset: Preset = Field(
        "scratch-low", description="published hyper-parameter file; other keys take precedence"
    )
    rules: Version = Field("v7.0", description="version of YOLOv5 whose rules are followed")
    epochs: int = Field(ge=1, description="passes over the training images")
    batch: int = Field(16, ge=1, description="images per iteration, on all GPUs together")
    nominal_batch: int = Field(
        64, ge=1, description="gradients are summed up to this many images before an update"
    )
    optimizer: OptimizerName = Field("SGD", description="kind of optimizer")
    cos_lr: bool = Field(
        description="the learning rate falls as a half cosine instead of a line; by default with "
        "rules v6.0 only"
    )
    lr0: float = Field(gt=0, description="first learning rate")
    lrf: float = Field(ge=0, le=1, description="fraction of lr0 at the end")
    momentum: float = Field(ge=0, lt=1, description="momentum of SGD, first beta of Adam")
    weight_decay: float = Field(ge=0, description="strength of the decay of weights")
    warmup_epochs: float = Field(
        ge=0, description="length of the warm-up; at least 100 iterations (1,000 up to v6.1)"
    )
    warmup_momentum: float = Field(ge=0, lt=1, description="momentum at the start of the warm-up")
    warmup_bias_lr: float = Field(
        ge=0, description="learning rate of biases at the start of the warm-up"
    )
    box: float = Field(ge=0, description="weight of the loss of boxes")
    obj: float = Field(ge=0, description="weight of the loss of objectness")
    cls: float = Field(ge=0, description="weight of the loss of classes")
    obj_pw: float = Field(gt=0, description="weight of positive targets of objectness")
    cls_pw: float = Field(gt=0, description="weight of positive targets of classes")
    anchor_t: float = Field(
        gt=1, description="an anchor is used for objects whose sides differ by a smaller factor"
    )
    anchors: float | None = Field(
        ge=1, le=20, description="anchors per level, fitted anew; null keeps those of the weights"
    )
    autoanchor: bool = Field(
        True, description="fit anchors to the training boxes where they match fewer than 98 %"
    )
    fl_gamma: float = Field(ge=0, description="exponent of the focal loss; 0 is none")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="smoothing of class targets")
    sort_overlaps: bool = Field(
        False,
        description="of several objects in one cell the best overlap counts, not the last one",
    )
    autobalance: bool = Field(False, description="the weights of levels follow their losses")
    image_weights: bool = Field(
        False,
        description="images with rare or badly found classes are drawn more often, by the last "
        "validation; the same image may come several times in an epoch",
    )
    multi_scale: bool = Field(False, description="each batch has another size, from 50 to 150 %")
    freeze: tuple[int, ...] = Field(
        (), strict=False, description="layers whose weights stay as they are"
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="arithmetic of the network; bf16 and fp16 need a GPU"
    )
    validation: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="fraction of the training images, its last ones, that is kept for validation",
    )
    patience: int = Field(
        0, ge=0, description="end after so many epochs without a better validation; 0 never"
    )
    augmentation: Augmentation = Field(description="augmentation of training images")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        name, rules = given.get("preset", "scratch-low"), given.get("rules", "v7.0")
        if name not in PRESETS or rules not in RULES:
            return given  # the field says what is allowed
        values = preset_values(name, rules)
        own = given.get("augmentation", {})
        if isinstance(own, Mapping):
            own = {**values["augmentation"], **own}
        return {"cos_lr": rules == "v6.0", **values, **given, "augmentation": own}

    @model_validator(mode="after")
    def _patience_needs_validation(self) -> Yolov5Training:
        if self.patience and not self.validation:
            raise ValueError("'patience' needs a 'validation' part above 0")
        if self.image_weights and not self.validation:
            raise ValueError("'image_weights' needs a 'validation' part above 0")
        return self

    @property
    def summary(self) -> str:
        rules = f"rules of YOLOv5 {self.rules}, hyper-parameters {self.preset}"
        changed = ", ".join(self._own_values())
        changed = f" but for {changed}" if changed else ""
        return f"{self.epochs} epochs, batch {self.batch}, {self.optimizer}, {rules}{changed}"

    def _own_values(self) -> list[str]:
        """Names of the keys of the hyper-parameter file that have other values here."""
        published = preset_values(self.preset, self.rules)
        augmentation = published.pop("augmentation")
        parts = ((self, published), (self.augmentation, augmentation))
        return [key for part, keys in parts for key in keys if getattr(part, key) != keys[key]]

    @property
    def loss(self) -> LossSettings:
        """The part of the recipe that the loss takes."""
        return LossSettings(**{name: getattr(self, name) for name in LossSettings.__annotations__})

    def schedule(self, images: int) -> Schedule:
        """The rates of a training on a number of images."""
        return Schedule(
            epochs=self.epochs,
            batches=-(-images // self.batch),
            batch=self.batch,
            nominal_batch=self.nominal_batch,
            lr0=self.lr0,
            lrf=self.lrf,
            cosine=self.cos_lr,
            momentum=self.momentum,
            warmup_epochs=self.warmup_epochs,
            warmup_momentum=self.warmup_momentum,
            warmup_bias_lr=self.warmup_bias_lr,
            rules=RULES[self.rules],
        )
