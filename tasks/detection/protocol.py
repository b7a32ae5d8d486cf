"""The protocol of detection, and what its first file format looked like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ivif_bench.errors import UserError
from ivif_bench.tasks.network.protocol import TRAINED_MODES, NetworkProtocol, refuse_unknown

Metric = Literal["AP50", "AP75", "AP50_95"]
SubsetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")]
_YOUNG = ("metrics", "miss_rate")  # keys that published protocols lack: hashed where they are given
_INFERENCE = ("image_size", "conf", "nms_iou", "max_det", "multi_label")


class MissRateSubset(BaseModel):
    """Which objects and images a miss rate is about; other objects are neither required nor wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_height: float = Field(0, ge=0, description="least height of a box (pixels)")
    max_height: float | None = Field(
        None, gt=0, description="height from which boxes are ignored (pixels)"
    )
    tag: str | None = Field(None, description="only images with this tag, such as night")

    @property
    def text(self) -> str:
        """What it holds, for the line "Scorer"."""
        parts = [
            f"height from {self.min_height:g}" if self.min_height else "",
            f"height below {self.max_height:g}" if self.max_height is not None else "",
            f"images tagged {self.tag}" if self.tag else "",
        ]
        return ", ".join(filter(None, parts)) or "all objects"


class DetectionProtocol(NetworkProtocol):
    """One way to ask "how well are objects found in fused images?"."""

    task: ClassVar[str] = "detection"
    folder: ClassVar[Path] = Path(__file__).parent
    networks: ClassVar[str] = "ivif_bench.tasks.detection.registry:DETECTORS"
    names_of_format_1: ClassVar[tuple[tuple[str, str], ...]] = (
        (r"\brecipe\.[^:. ]+\.inference\.", ""),
        (r"\brecipe\.[^:. ]+\.training\b", "training"),
        (r"^network\b", "detector"),
    )

    scorer: Literal["coco+yolov5", "coco+yolov5-before-v6.2"] = Field(
        description="pycocotools for every number, and beside it the AP of yolov5 since v6.2, or "
        "of earlier versions, which pair objects and detections once, at IoU 0.5, for all thresholds"
    )
    class_map: dict[str, str] | None = Field(
        None, description="names of the detector to names of the dataset; others are dropped"
    )
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] | None = Field(
        None,
        description="what tables show: AP50, AP75, AP50_95; by default AP50 and AP50_95, with a single "
        "class AP75 too. Results hold all of them",
    )

    miss_rate: dict[SubsetName, MissRateSubset] | None = Field(
        None,
        description="log-average miss rates at IoU 0.5 beside AP: name of a subset to what is in it, "
        "such as {reasonable: {min_height: 55}}",
    )

    @field_validator("metrics")
    @classmethod
    def _metrics_once(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError("one of them is named twice")
        return values

    @model_validator(mode="after")
    def _class_map_fits(self) -> Self:
        if self.trained and self.class_map is not None:
            raise ValueError("'class_map' is for detectors trained by others")
        foreign = sorted({*(self.class_map or {}).values()} - {*self.classes})
        if foreign:
            raise ValueError(f"'class_map' leads to {', '.join(foreign)}, not among 'classes'")
        return self

    @property
    def scored_classes(self) -> tuple[str, ...]:
        """Classes that the detector can emit, in the protocol's order: the headline mean's."""
        if self.class_map is None:
            return self.classes
        reachable = set(self.class_map.values())
        return tuple(name for name in self.classes if name in reachable)

    @property
    def shown(self) -> tuple[Metric, ...]:
        """The AP that tables show: what ``metrics`` says, or else what the field reports."""
        if self.metrics is not None:
            return self.metrics
        return ("AP50", "AP75", "AP50_95") if len(self.classes) == 1 else ("AP50", "AP50_95")

    @classmethod
    def read_format_1(cls, values: dict[str, Any]) -> dict[str, Any]:
        """From ``detector``, ``training`` and the options of inference beside the other keys."""
        own = set(cls.model_fields) - {"format", "network", "recipe"}
        refuse_unknown(values, {*own, "detector", "training", *_INFERENCE})
        common = {key: value for key, value in values.items() if key in own}
        if "detector" not in values:
            return common
        training = values.get("training")
        if training is not None and values.get("mode") not in (None, *TRAINED_MODES):
            raise UserError(f"mode {values['mode']!r} takes no 'training'")
        spec = cls.registry().get(str(values["detector"]))
        inference = {key: values[key] for key in _INFERENCE if key in values}
        recipe = {spec.family: {"inference": inference, "training": training}}
        return {**common, "network": spec.name, "recipe": recipe}

    def write_format_1(self, values: dict[str, Any]) -> dict[str, Any]:
        ((_, recipe),) = values["recipe"].items()
        others = {k: v for k, v in values.items() if k not in ("format", "network", "recipe")}
        return {
            **others,
            "detector": self.network,
            **{key: value for key, value in recipe["inference"].items() if key in _INFERENCE},
            "training": recipe["training"],
        }

    @property
    def _left_out(self) -> frozenset[str]:
        return frozenset(name for name in _YOUNG if getattr(self, name) is None)

    def digest(self, without: frozenset[str] = frozenset()) -> str:
        """Hash of the protocol's values but for some.

        Keys that are younger than published protocols are not hashed where they are left out, so
        that those hashes stay: ``multi_label`` of format 1, ``metrics``, ``miss_rate``.
        """
        if self.format == 1 and not getattr(self.inference, "multi_label", False):
            without = without | {"multi_label"}
        return super().digest(without | self._left_out)

    @property
    def unit_part(self) -> Any:
        if self.format == 2:
            return super().unit_part
        left_out = {"seeds", "split"} | self._left_out
        return {key: value for key, value in self.values().items() if key not in left_out}

    @property
    def training_part(self) -> Any:
        if self.format == 2:
            return super().training_part
        wanted = {*self.trained_by, "detector", "image_size", "training"} - {"network"}
        values = {key: value for key, value in self.values().items() if key in wanted}
        return values if self.trained else self.network

    @property
    def training_remarks(self) -> tuple[str, ...]:
        # Detectors that were trained when `none` still left colour files in colour are others.
        gray = self.format == 1 and self.trained and self.chroma == "none"
        return ("all in gray",) if gray else ()


SHIPPED_PROTOCOLS = DetectionProtocol.folder / "protocols"
load_protocol = DetectionProtocol.load
