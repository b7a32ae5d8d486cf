"""Protocols: everything that can change a detection number, in one versioned file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ivif_bench.errors import UserError
from ivif_bench.protocol import read_protocol
from ivif_bench.registry import suggest
from ivif_bench.tasks.detection.registry import DETECTORS
from ivif_bench.tasks.detection.settings import DetectorSettings
from ivif_bench.validation import checked

SHIPPED_PROTOCOLS = Path(__file__).parent / "protocols"
SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
TRAINED_MODES = ("retrain", "frozen")


class DetectionProtocol(DetectorSettings):
    """One way to ask "how well are objects found in fused images?"."""

    mode: Literal["retrain", "frozen", "zeroshot-coco", "released"] = Field(
        description="retrain: one detector per method; frozen: one detector, trained on train_on, "
        "judges all; zeroshot-coco: COCO weights, shared classes only; released: a detector "
        "trained by others"
    )
    train_on: str | None = Field(
        None, description="for mode frozen: visible, infrared or the name of a method"
    )
    scorer: Literal["coco+yolov5", "coco+yolov5-before-v6.2"] = Field(
        description="pycocotools for every number, and beside it the AP of yolov5 since v6.2, or "
        "of earlier versions, which pair objects and detections once, at IoU 0.5, for all thresholds"
    )
    chroma: Literal["visible", "none"] = Field(description="colour in which all images are judged")
    checkpoint: Literal["last"] = Field(
        "last", description="the last epoch is judged; nothing is ever selected on test images"
    )
    class_map: dict[str, str] | None = Field(
        None, description="names of the detector to names of the dataset; others are dropped"
    )

    @field_validator("training", mode="before")
    @classmethod
    def _recipe_of_the_detector(cls, value: Any, info: ValidationInfo) -> Any:
        """Check the recipe by the model that the detector declares."""
        if value is None or "detector" not in info.data:
            return None
        spec = DETECTORS.get(info.data["detector"])
        if spec.recipe is None:
            raise UserError(
                f"training: detector {spec.name!r} cannot be trained; modes: {', '.join(spec.modes)}"
            )
        return value if isinstance(value, spec.recipe) else checked(spec.recipe, value, "training")

    @model_validator(mode="after")
    def _consistent(self) -> DetectionProtocol:
        if (self.mode in TRAINED_MODES) != (self.training is not None):
            raise ValueError(
                f"mode {self.mode!r} {'needs' if self.training is None else 'takes no'} 'training'"
            )
        if (self.mode == "frozen") != (self.train_on is not None):
            raise ValueError("'train_on' goes with mode 'frozen', and only with it")
        if self.mode in TRAINED_MODES and self.class_map is not None:
            raise ValueError("'class_map' is for detectors trained by others")
        if self.mode not in TRAINED_MODES and self.initial == "scratch":
            raise ValueError(f"mode {self.mode!r} needs weights, not 'scratch'")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("'classes' names one twice")
        targets = list((self.class_map or {}).values())
        foreign = sorted(set(targets) - set(self.classes))
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
    def training_values(self) -> dict[str, Any]:
        """The part that decides a trained network: thresholds and scoring are not in it."""
        parts = {
            "classes",
            "detector",
            "transfer",
            "image_size",
            "training",
            "chroma",
            "checkpoint",
        }
        return self.model_dump(mode="json", include=parts)

    def digest(self, without: frozenset[str] = frozenset()) -> str:
        """Hash of the protocol's values but for some.

        ``multi_label`` is younger than published protocols: False means what they meant without
        it, and their hashes stay.
        """
        return super().digest(without if self.multi_label else without | {"multi_label"})

    @property
    def unit_values(self) -> dict[str, Any]:
        """All that decides one unit, besides its own seed and the stems that the split led to."""
        return self.portable.model_dump(mode="json", exclude={"seeds", "split"})


def load_protocol(name_or_path: str) -> DetectionProtocol:
    """Load a shipped protocol by name, or a protocol file by path.

    Raises:
        UserError: unknown name, unreadable file, or a key that is unknown, missing or wrong.
    """
    return read_protocol(DetectionProtocol, name_or_path, SHIPPED_PROTOCOLS, "detection")


def weights_file(protocol: DetectionProtocol, given: Path | None) -> Path | None:
    """The weights file that a protocol starts from; None for random weights.

    Args:
        given: the section's ``weights``, for protocols with ``initial: user``.

    Raises:
        UserError: weights that are missing, or given where the protocol has its own.
    """
    initial = protocol.initial
    if given is not None and initial != "user":
        raise UserError(
            f"detection: 'weights' is for protocols with initial 'user'; {protocol.name!r} has "
            f"{initial!r}"
        )
    if initial == "scratch":
        return None
    if initial.startswith("shipped:"):
        return _shipped(initial.removeprefix("shipped:"))
    if initial == "user" and given is None:
        raise UserError(
            f"protocol {protocol.name!r} needs a weights file for {protocol.detector}: set "
            "'weights: FILE' in the detection section"
        )
    path = given if given is not None else Path(initial)
    if not path.is_file():
        raise UserError(f"detection: no such weights file: {path}")
    return path


def _shipped(name: str) -> Path:
    path = SHIPPED_WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        known = sorted(each.stem for each in SHIPPED_WEIGHTS.glob("*.safetensors"))
        hint = suggest(name, known) if known else "none are shipped"
        raise UserError(f"unknown detector weights 'shipped:{name}'; {hint}")
    return path
