"""The protocol of segmentation, and what its first file format looked like."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from ivif_bench.errors import UserError
from ivif_bench.tasks.network.protocol import NetworkProtocol, refuse_unknown

# Fields that cannot change the trained weights: they are judged with, or are hashed by content.
_NOT_TRAINING = frozenset(
    {"name", "layout", "split", "mode", "seeds", "void", "means", "conditions", "pseudo_labels"}
)
# Keys of format 2 that format 1 has not, and the other way round.
_NEW = {"format", "network", "recipe", "transfer", "scores"}
_OLD = {"segmenter", "reinit_head"}


class SegmentationProtocol(NetworkProtocol):
    """How segmenters are trained and judged."""

    task: ClassVar[str] = "segmentation"
    folder: ClassVar[Path] = Path(__file__).parent
    networks: ClassVar[str] = "ivif_bench.tasks.segmentation.registry:SEGMENTERS"
    trained_by: ClassVar[tuple[str, ...]] = (*NetworkProtocol.trained_by, "ignore_index")
    names_of_format_1: ClassVar[tuple[tuple[str, str], ...]] = (
        (r"\brecipe\.[^:. ]+\.(inference|training)\.", ""),
        (r"^network\b", "segmenter"),
        (r"^optimizer\b", "optimiser"),
    )

    classes: tuple[str, ...] = Field(
        min_length=2, description="names of the classes; the class id is the position"
    )
    ignore_index: int = Field(255, le=255, description="label value that is no class")
    void: Literal["ignore", "false-positive", "mfnet", "class"] = Field(
        description="ignore drops ignored truth; false-positive counts it against the class "
        "predicted there; class does so and takes void as one more class of the means; mfnet drops "
        "row and column of void, and of the classes left out of a mean"
    )
    means: dict[str, tuple[str, ...]] = Field(
        min_length=1,
        description="name of a mean IoU to the classes left out of it; the first is the main number",
    )
    conditions: tuple[str, ...] = Field((), description="pair tags with rows of their own")
    scores: tuple[Literal["mAcc", "FWIoU", "boundary"], ...] = Field(
        (),
        description="more scores: mAcc over the classes of each mean, FWIoU (frequency-weighted "
        "IoU), boundary (IoU near the edges of classes)",
    )
    pseudo_labels: bool = Field(
        False, description="the labels are a network's output, not ground truth; captions say so"
    )

    @model_validator(mode="after")
    def _classes_fit(self) -> Self:
        if not self.trained and self.transfer == "backbone":
            raise ValueError(f"mode {self.mode!r} needs initial weights, head included")
        for name, without in self.means.items():
            if unknown := set(without) - set(self.classes):
                raise ValueError(f"means.{name} leaves out unknown classes {sorted(unknown)}")
        if self.ignore_index < len(self.classes):
            raise ValueError("ignore_index must be no class")
        return self

    @model_serializer(mode="wrap")
    def _without_young_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """``scores`` is younger than the first protocols, which keep their hashes without it."""
        values: dict[str, Any] = write(self)
        if not values.get("scores", True):
            del values["scores"]
        return values

    @classmethod
    def read_format_1(cls, values: dict[str, Any]) -> dict[str, Any]:
        """From ``segmenter``, ``reinit_head``, and all options beside the other keys."""
        own = {*cls.model_fields} - _NEW
        common = {key: value for key, value in values.items() if key in own}
        if "segmenter" not in values:
            return common
        spec = cls.registry().get(str(values["segmenter"]))
        names = {**dict.fromkeys(spec.inference.model_fields, "inference")}
        names |= dict.fromkeys(spec.training.model_fields if spec.training else (), "training")
        old_names = {"optimiser" if name == "optimizer" else name: name for name in names}
        try:
            refuse_unknown(values, own | _OLD | set(old_names))
        except UserError as problem:
            raise UserError(f"{problem} (segmenter {spec.name})") from problem
        recipe: dict[str, Any] = {"inference": {}, "training": {} if spec.training else None}
        for key in old_names.keys() & values.keys():
            recipe[names[old_names[key]]][old_names[key]] = values[key]
        return {
            **common,
            **_mode_of(values.get("mode"), values.get("train_on")),
            "network": spec.name,
            "transfer": "backbone" if values.get("reinit_head", False) else "full",
            "recipe": {spec.family: recipe},
        }

    def write_format_1(self, values: dict[str, Any]) -> dict[str, Any]:
        ((_, recipe),) = values["recipe"].items()
        options = {**recipe["inference"], **(recipe["training"] or {})}
        renamed = {"optimiser" if key == "optimizer" else key: options[key] for key in options}
        pair = {"retrain": ("retrain", "fused"), "released": ("frozen", "nothing")}
        mode, train_on = pair.get(self.mode, (self.mode, self.train_on))
        return {
            **{key: value for key, value in values.items() if key not in _NEW},
            **renamed,
            "segmenter": self.network,
            "reinit_head": self.transfer == "backbone",
            "mode": mode,
            "train_on": train_on,
        }

    @property
    def unit_part(self) -> Any:
        return super().unit_part if self.format == 2 else self.unit_sha256

    @property
    def training_part(self) -> Any:
        return super().training_part if self.format == 2 else self.digest(_NOT_TRAINING)

    @property
    def training_remarks(self) -> tuple[str, ...]:
        """Tells trainings from those of versions whose learning rate never rose in this case."""
        risen = getattr(self.training, "warmup", 0) == 1
        return (*super().training_remarks, *(["a warm-up of one step ends"] if risen else []))

    def training_run(self, seed: int, by_method: bool) -> tuple[Any, ...]:
        return super().training_run(seed, by_method) if self.format == 2 else (seed,)


def _mode_of(mode: Any, train_on: Any) -> dict[str, Any]:
    """``mode`` and ``train_on`` of format 1, where the latter went with every mode."""
    if mode is None or train_on is None:
        return {}
    if (mode == "retrain") != (train_on == "fused"):
        raise UserError("mode 'retrain' goes with train_on 'fused', 'frozen' with the others")
    if train_on == "fused":
        return {"mode": mode, "train_on": None}
    return {"mode": "released", "train_on": None} if train_on == "nothing" else {}


SHIPPED_PROTOCOLS = SegmentationProtocol.folder / "protocols"
load_protocol = SegmentationProtocol.load
