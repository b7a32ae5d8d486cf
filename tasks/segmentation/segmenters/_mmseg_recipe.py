"""How a segmenter of mmsegmentation is trained."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from ivif_bench.recipe import Recipe
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol

_Side = Annotated[int, Field(ge=32)]
_Step = Annotated[int, Field(ge=1)]


class _Grown(Recipe):
    """A recipe with keys younger than its first protocols.

    At their defaults such keys mean what those protocols always meant, and are not written: all hashes
    stay what they were.
    """

    young: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_young_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        fields = type(self).model_fields
        for name in self.young:
            if getattr(self, name) == fields[name].default:
                values.pop(name, None)
        return values


class MmsegInference(_Grown):
    """How images go into the network."""

    untrained: ClassVar[frozenset[str]] = frozenset({"scales", "flip", "window", "stride"})
    young: ClassVar[frozenset[str]] = frozenset({"scales", "flip", "window", "stride"})

    image_size: tuple[_Side, _Side] = Field(
        strict=False,
        description="height and width that images are resized to before the network sees them; "
        "predictions go back to the label's size (pixels)",
    )
    normalisation: Literal["imagenet", "training-images"] = Field(
        "imagenet",
        description="statistics of the input: imagenet, the same for all fusion methods, or those of "
        "the images that the network is trained on (in mode retrain: each method's own)",
    )
    scales: tuple[Annotated[float, Field(gt=0, le=4)], ...] = Field(
        (1.0,),
        min_length=1,
        strict=False,
        description="augmentation at test time: sizes relative to image_size whose class "
        "probabilities are averaged, as they are at the label's size",
    )
    flip: bool = Field(False, description="average with the mirrored image at every scale as well")
    window: tuple[_Side, _Side] | None = Field(
        None,
        strict=False,
        description="height and width of a window that slides over larger images; logits are averaged "
        "where windows overlap (pixels). None: the whole image at once",
    )
    stride: tuple[_Step, _Step] | None = Field(
        None,
        strict=False,
        description="steps of the window (pixels); None: two thirds of it",
    )

    @model_validator(mode="after")
    def _window_and_stride(self) -> MmsegInference:
        if self.stride is not None and self.window is None:
            raise ValueError("stride needs a window")
        if self.window and any(
            step > side for step, side in zip(self.steps, self.window, strict=True)
        ):
            raise ValueError("stride must not be larger than the window")
        return self

    @property
    def steps(self) -> tuple[int, int]:
        """The steps of the window, if there is one."""
        if self.stride is not None:
            return self.stride
        return tuple(max(1, side * 2 // 3) for side in self.window or (1, 1))  # type: ignore[return-value]

    @property
    def summary(self) -> str:
        parts = []
        if self.normalisation == "training-images":
            parts.append("images normalised by the statistics of its own training images")
        if self.scales != (1.0,) or self.flip:
            flipped = " and mirrored" if self.flip else ""
            listed = ", ".join(f"{scale:g}" for scale in self.scales)
            parts.append(f"test-time augmentation (scales {listed}{flipped})")
        if self.window:
            (height, width), (down, across) = self.window, self.steps
            parts.append(f"window {height}x{width} in steps of {down}x{across}")
        return ", ".join(parts)


class MmsegTraining(_Grown):
    """How mmsegmentation trains a segmenter."""

    young: ClassVar[frozenset[str]] = frozenset({"precision", "validation", "validation_every"})

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
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="of the forward pass on a GPU; a CPU computes in fp32 or bf16"
    )

    validation: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the training images that is kept apart, in five runs of neighbouring "
        "numbers; curves have the mIoU on it",
    )
    validation_every: int = Field(
        1, ge=1, description="passes over the training images between two validations"
    )

    @model_validator(mode="after")
    def _consistent(self) -> MmsegTraining:
        if self.validation_every > 1 and not self.validation:
            raise ValueError("validation_every needs a validation part")
        if self.warmup >= self.iterations:
            raise ValueError("warmup must be shorter than iterations")
        if not 0 < self.ratio_range[0] <= self.ratio_range[1]:
            raise ValueError("ratio_range must be (smaller, larger), above 0")
        return self

    @property
    def summary(self) -> str:
        text = f"{self.iterations} iterations of {self.batch}"
        if not self.validation:
            return f"{text}, last one"
        return f"{text}, {100 * self.validation:g} % of the training images kept for validation"


def training_of(protocol: SegmentationProtocol) -> MmsegTraining:
    """The training options of a protocol for one of mmsegmentation's segmenters."""
    assert isinstance(protocol.training, MmsegTraining)
    return protocol.training
