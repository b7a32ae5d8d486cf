"""Protocols: everything that can change a detection number, in one versioned file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivif_bench.errors import UserError
from ivif_bench.protocol import read_protocol
from ivif_bench.registry import suggest
from ivif_bench.tasks._protocol import NetworkProtocol

SHIPPED_PROTOCOLS = Path(__file__).parent / "protocols"
SHIPPED_WEIGHTS = Path(__file__).parent / "weights"
TRAINED_MODES = ("retrain", "frozen")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Augmentation(_Strict):
    """Augmentation of training images, in ultralytics' terms. Nothing is left to its defaults."""

    hsv_h: float = Field(ge=0, le=1)
    hsv_s: float = Field(ge=0, le=1)
    hsv_v: float = Field(ge=0, le=1)
    degrees: float = Field(ge=0, le=180)
    translate: float = Field(ge=0, le=1)
    scale: float = Field(ge=0, lt=1)
    shear: float = Field(ge=0, le=180)
    perspective: float = Field(ge=0, le=0.001)
    flipud: float = Field(ge=0, le=1)
    fliplr: float = Field(ge=0, le=1)
    mosaic: float = Field(ge=0, le=1)
    mixup: float = Field(ge=0, le=1)
    close_mosaic: int = Field(ge=0)


class Training(_Strict):
    """How a detector is trained.

    Attributes:
        batch: images per step; gradients are summed up to ``nominal_batch`` before an update.
        lr0, lrf: first learning rate, and the fraction of it that the last epoch has.
        box, cls, dfl: weights of the three losses.
        precision: ``bf16`` needs a GPU.
        workers: processes that augment; on a CPU ultralytics always uses none.
    """

    epochs: int = Field(ge=1)
    batch: int = Field(ge=1)
    nominal_batch: int = Field(ge=1)
    optimizer: Literal["SGD", "Adam", "AdamW"]
    lr0: float = Field(gt=0)
    lrf: float = Field(ge=0, le=1)
    cos_lr: bool
    momentum: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    warmup_epochs: float = Field(ge=0)
    warmup_momentum: float = Field(ge=0, lt=1)
    warmup_bias_lr: float = Field(ge=0)
    box: float = Field(ge=0)
    cls: float = Field(ge=0)
    dfl: float = Field(ge=0)
    precision: Literal["fp32", "bf16"]
    workers: int = Field(ge=0)
    augmentation: Augmentation


class DetectionProtocol(NetworkProtocol):
    """One way to ask "how well are objects found in fused images?".

    Attributes:
        name: with its version, such as ``m3fd-det.v1``; a published protocol is never edited.
        layout: dataset layout that it is made for.
        classes: names and order of the classes that are scored.
        split: as ``ivif_bench.data.splits.resolve_split`` takes it.
        mode: ``retrain`` one detector per method; ``frozen`` one detector, trained on
            ``train_on``, judges all; ``zeroshot-coco`` COCO weights, shared classes only;
            ``released`` a detector trained by others.
        train_on: for ``frozen``: ``visible``, ``infrared`` or the name of a method.
        initial: ``scratch``, ``shipped:NAME``, ``user`` (the section's ``weights``) or a path.
        transfer: ``full`` demands the same classes; ``backbone`` leaves out the class branch of
            the head when they differ.
        image_size: side of the letterboxed square, in pixels.
        conf, nms_iou, max_det: boxes below ``conf`` go, then suppression per class, then the best
            ``max_det`` per image over all classes.
        multi_label: False: each box has its best class only. True: a box gives one detection for
            every class whose score is above ``conf``, as in yolov5's ``val.py``.
        scorer: ``coco+yolov5``: pycocotools for every number, and the AP of yolov5 since v6.2
            beside it; ``coco+yolov5-before-v6.2``: with the AP of earlier versions, which pair
            objects and detections once, at IoU 0.5, for all thresholds.
        chroma: in which colour all images are judged, see ``ivif_bench.data.chroma``.
        checkpoint: ``last`` epoch; nothing is ever selected on test images.
        class_map: names of the detector to names of the dataset; others are dropped.
    """

    classes: tuple[str, ...] = Field(min_length=1)
    mode: Literal["retrain", "frozen", "zeroshot-coco", "released"]
    train_on: str | None = None
    detector: str
    transfer: Literal["full", "backbone"] = "full"
    image_size: int = Field(ge=32, multiple_of=32)
    training: Training | None = None
    conf: float = Field(gt=0, lt=1)
    nms_iou: float = Field(gt=0, lt=1)
    max_det: int = Field(ge=1)
    multi_label: bool = False
    scorer: Literal["coco+yolov5", "coco+yolov5-before-v6.2"]
    chroma: Literal["visible", "none"]
    checkpoint: Literal["last"] = "last"
    class_map: dict[str, str] | None = None

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
        if self.training is not None and self.training.augmentation.close_mosaic > (
            self.training.epochs
        ):
            raise ValueError("'close_mosaic' is larger than 'epochs'")
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
