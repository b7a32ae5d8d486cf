"""Protocols: versioned YAML files with everything that changes a number."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ivif_bench.data.chroma import Chroma
from ivif_bench.protocol import read_protocol
from ivif_bench.tasks._protocol import NetworkProtocol

SHIPPED_PROTOCOLS = Path(__file__).parent / "protocols"

# Fields that cannot change the trained weights: they are judged with, or are hashed by content.
_NOT_TRAINING = frozenset(
    {"name", "layout", "split", "mode", "seeds", "void", "means", "conditions", "pseudo_labels"}
)

Size = tuple[int, int]


class SegmentationProtocol(NetworkProtocol):
    """How segmenters are trained and judged. Sizes are (height, width) in pixels.

    Attributes:
        split: as ``ivif_bench.data.splits.resolve_split`` takes it, or ``given``: the run
            configuration must bring one.
        mode: ``retrain`` trains one segmenter per method on its own images; ``frozen`` trains one
            for all methods and only tests it on each.
        train_on: ``fused`` with ``retrain``; with ``frozen`` one side of the training pairs, or
            ``nothing`` to judge with the initial weights as they are.
        initial: ``scratch``, ``shipped:NAME``, or the path of a .safetensors (or plain .pth) file.
        reinit_head: take only the backbone of the initial weights and draw a new head.
        image_size: size that images are resized to before the network sees them; predictions go
            back to the label's size.
        crop_size: size of training crops; ``ratio_range`` scales ``image_size`` before cropping.
        cat_max_ratio: a crop is drawn again (up to ten times) if one class covers more than this.
        warmup: iterations of linear warm-up; then the learning rate falls as
            ``(1 - t) ** poly_power``.
        head_multiplier: the head learns with ``lr`` times this.
        ignore_index: label value that is no class.
        void: what ignored truth does to predictions, see ``scoring.score``.
        means: name of a mean IoU to the classes left out of it; the first is the main number.
        conditions: pair tags with rows of their own.
        checkpoint: which weights are judged; nothing is ever selected on test images.
        pseudo_labels: the labels are a network's output, not ground truth; captions must say so.
    """

    classes: tuple[str, ...] = Field(min_length=2)
    mode: Literal["retrain", "frozen"]
    train_on: Literal["fused", "visible", "infrared", "nothing"]
    segmenter: str
    reinit_head: bool = False
    image_size: Size
    crop_size: Size
    ratio_range: tuple[float, float]
    cat_max_ratio: float = Field(gt=0, le=1)
    flip: float = Field(ge=0, le=1)
    photometric_distortion: bool
    iterations: int = Field(ge=1)
    batch: int = Field(ge=1)
    optimiser: Literal["adamw"] = "adamw"
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup: int = Field(ge=0)
    head_multiplier: float = Field(gt=0)
    poly_power: float = Field(gt=0)
    normalisation: Literal["imagenet"] = "imagenet"
    chroma: Chroma
    ignore_index: int = 255
    void: Literal["ignore", "false-positive"]
    means: dict[str, tuple[str, ...]] = Field(min_length=1)
    conditions: tuple[str, ...] = ()
    checkpoint: Literal["last"] = "last"
    pseudo_labels: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> SegmentationProtocol:
        if (self.mode == "retrain") != (self.train_on == "fused"):
            raise ValueError("mode 'retrain' goes with train_on 'fused', 'frozen' with the others")
        if self.train_on == "nothing" and (self.initial == "scratch" or self.reinit_head):
            raise ValueError("train_on 'nothing' needs initial weights, head included")
        if self.warmup >= self.iterations:
            raise ValueError("warmup must be shorter than iterations")
        for name, left_out in self.means.items():
            if unknown := set(left_out) - set(self.classes):
                raise ValueError(f"means.{name} leaves out unknown classes {sorted(unknown)}")
        if not len(self.classes) <= self.ignore_index <= 255:
            raise ValueError("ignore_index must be no class and at most 255")
        if min(*self.image_size, *self.crop_size) < 32:
            raise ValueError("image_size and crop_size must be at least 32")
        if not 0 < self.ratio_range[0] <= self.ratio_range[1]:
            raise ValueError("ratio_range must be (smaller, larger), above 0")
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
