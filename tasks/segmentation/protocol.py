"""Protocols: versioned YAML files with everything that changes a number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ivif_bench.data.chroma import Chroma
from ivif_bench.errors import UserError
from ivif_bench.protocol import read_protocol
from ivif_bench.registry import suggest
from ivif_bench.tasks.segmentation.registry import SEGMENTERS
from ivif_bench.tasks.segmentation.settings import SegmenterSettings
from ivif_bench.validation import checked

SHIPPED_PROTOCOLS = Path(__file__).parent / "protocols"

# Fields that cannot change the trained weights: they are judged with, or are hashed by content.
_NOT_TRAINING = frozenset(
    {"name", "layout", "split", "mode", "seeds", "void", "means", "conditions", "pseudo_labels"}
)


class SegmentationProtocol(SegmenterSettings):
    """How segmenters are trained and judged."""

    mode: Literal["retrain", "frozen"] = Field(
        description="retrain: one segmenter per method, on its own images; frozen: one for all "
        "methods, only tested on each"
    )
    train_on: Literal["fused", "visible", "infrared", "nothing"] = Field(
        description="fused with retrain; with frozen one side of the training pairs, or nothing "
        "to judge with the initial weights as they are"
    )
    chroma: Chroma = Field(description="colour in which all images are judged")
    void: Literal["ignore", "false-positive"] = Field(
        description="ignore drops ignored truth; false-positive counts it against the class "
        "predicted there"
    )
    means: dict[str, tuple[str, ...]] = Field(
        min_length=1,
        description="name of a mean IoU to the classes left out of it; the first is the main number",
    )
    conditions: tuple[str, ...] = Field((), description="pair tags with rows of their own")
    checkpoint: Literal["last"] = Field(
        "last", description="the last weights are judged; nothing is ever selected on test images"
    )
    pseudo_labels: bool = Field(
        False, description="the labels are a network's output, not ground truth; captions say so"
    )

    @model_validator(mode="before")
    @classmethod
    def _recipe_of_the_segmenter(cls, values: Any) -> Any:
        """Check the keys that are not the protocol's own by the recipe of its segmenter."""
        if not isinstance(values, Mapping) or not isinstance(values.get("segmenter"), str):
            return values
        spec = SEGMENTERS.get(values["segmenter"])
        names = set(cls.model_fields) - {"training"}
        known = sorted(names | set(spec.recipe.model_fields))
        for key in values:
            if key not in known:
                hint = suggest(str(key), known)
                raise UserError(f"{key}: unknown key; {hint} (segmenter {spec.name})")
        own = {key: value for key, value in values.items() if key in names}
        recipe = {key: value for key, value in values.items() if key not in names}
        return {**own, "training": checked(spec.recipe, recipe, "")}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As in a file: the keys of the recipe beside the protocol's own."""
        values: dict[str, Any] = handler(self)
        recipe = values.pop("training", {})
        return {**values, **recipe}

    @model_validator(mode="after")
    def _consistent(self) -> SegmentationProtocol:
        if (self.mode == "retrain") != (self.train_on == "fused"):
            raise ValueError("mode 'retrain' goes with train_on 'fused', 'frozen' with the others")
        if self.train_on == "nothing" and (self.initial == "scratch" or self.reinit_head):
            raise ValueError("train_on 'nothing' needs initial weights, head included")
        for name, left_out in self.means.items():
            if unknown := set(left_out) - set(self.classes):
                raise ValueError(f"means.{name} leaves out unknown classes {sorted(unknown)}")
        if self.ignore_index < len(self.classes):
            raise ValueError("ignore_index must be no class")
        return self

    @property
    def training_sha256(self) -> str:
        """Hash of what decides the trained weights, beside samples, seed and initial weights."""
        return self.digest(_NOT_TRAINING)


def load_protocol(name_or_path: str) -> SegmentationProtocol:
    """Load a shipped protocol by name, or a protocol file by path.

    Raises:
        UserError: unknown name, unreadable file, or a key that is unknown, missing or wrong.
    """
    return read_protocol(SegmentationProtocol, name_or_path, SHIPPED_PROTOCOLS, "segmentation")
