"""Training of DMNet: settings, and named recipes with the paper's ablations."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, Strict, model_validator

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.options import Options
from ivif_bench.training import Preset

Operator = Literal["sobel", "canny", "log", "roberts"]
_Scales = Annotated[tuple[Annotated[float, Field(ge=1)], ...], Strict(False), Field(min_length=1)]


class Course(Options):
    """Length, data and optimiser of the training.

    The paper gives the epochs, the crop, Adam and the first learning rate.
    """

    stage_one: bool = Field(True, description="whether stage I is run; AE1 leaves it out")
    stage_one_epochs: int = Field(
        15, ge=1, description="an epoch has as many crops as there are pairs"
    )
    stage_two_epochs: int = Field(
        30, ge=1, description="an epoch has as many crops as there are pairs"
    )
    stage_one_steps: int | None = Field(
        None, ge=1, description="optimiser steps instead of stage I's epochs"
    )
    stage_two_steps: int | None = Field(
        None, ge=1, description="optimiser steps instead of stage II's epochs"
    )
    steps: int | None = Field(
        None,
        ge=1,
        description="optimiser steps of both stages together, divided as they would be without it",
    )
    held_out: int = Field(
        0, ge=0, description="every n-th pair is kept for the log's validation rows; 0: none"
    )
    crop: int = Field(128, ge=16, multiple_of=16, description="side of the random crops (pixels)")
    scales: _Scales = Field(
        (1.0,),
        description="a crop covers k times its side in the image, downscaled; k is drawn from these",
    )
    batch: int = Field(8, ge=1, description="pairs per step, over all processes")
    learning_rate: float = Field(1e-4, gt=0, description="initial learning rate of Adam")
    decay: Literal["constant", "step", "cosine"] = Field(
        "constant",
        description="step: halved every 20 epochs of a stage; cosine: with a warm-up of 20 steps",
    )
    stage_two_noise: Literal["reuse", "random"] = Field(
        "reuse",
        description="L_dm from the passes of the fusion, or from one more pass at a step of all 2000",
    )
    latent_gradient: Literal["through", "detached"] = Field(
        "through",
        description="whether the convolution of Eq. 9 is trained, or no gradient enters the diffusion "
        "module's input",
    )
    average: float = Field(
        0.0, ge=0, lt=1, description="decay of a moving average of the weights, 0: none"
    )
    clip: float = Field(
        0.0,
        ge=0,
        description="limit of the norm of the gradient, over all parts of a stage; 0: no limit",
    )
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16 is mixed precision")
    checkpointing: bool = Field(
        False, description="recompute activations in the backward pass: less memory, more time"
    )


class LossWeights(Options):
    """Settings of the losses that the paper does not specify."""

    infrared_weight: float = Field(1.0, ge=0, description="lambda 1 of Eq. 13")
    ssim_weight: float = Field(5.0, ge=0, description="mu of Eq. 14")
    gradient_weight: float = Field(10.0, ge=0, description="lambda 2 of Eq. 18")
    gradient_operator: Operator = Field("sobel", description="gradient operator of Eq. 19")
    denoising_error: Literal["squared", "root"] = Field(
        "squared",
        description="error in Eq. 17: mean square, or its root, which is closer to the norm as written",
    )


P = TypeVar("P", bound=Options)


class Settings(Architecture, LossWeights, Course):
    """All settings of a training of DMNet."""

    @model_validator(mode="after")
    def _a_step_for_each_stage(self) -> Self:
        if self.steps is not None and self.stage_one and self.steps < 2:
            raise ValueError("steps must be at least 2, one for each stage")
        return self

    @property
    def architecture(self) -> Architecture:
        """The network's choices alone."""
        return self._part(Architecture)

    @property
    def losses(self) -> LossWeights:
        """The losses' weights alone."""
        return self._part(LossWeights)

    def _part(self, model: type[P]) -> P:
        return model(**{name: getattr(self, name) for name in model.model_fields})

    def batch_of(self, processes: int) -> int:
        """Pairs in a step of each of so many processes.

        Raises:
            UserError: the batch cannot be divided evenly.
        """
        if self.batch % processes:
            raise UserError(
                f"train dmnet: a batch of {self.batch} cannot be divided among {processes} processes"
            )
        return self.batch // processes

    def stages(self, pairs: int) -> tuple[int, int]:
        """Optimiser steps of both stages with so many training pairs; stage I may have none."""
        if self.steps is None:
            return self._undivided(pairs)
        one, two = self._undivided(pairs=1000)  # so that the division does not depend on the data
        first = min(max(1, round(self.steps * one / (one + two))), self.steps - 1) if one else 0
        return first, self.steps - first

    def _undivided(self, pairs: int) -> tuple[int, int]:
        each = pairs / self.batch
        one = self.stage_one_steps or max(1, round(self.stage_one_epochs * each))
        two = self.stage_two_steps or max(1, round(self.stage_two_epochs * each))
        return (one if self.stage_one else 0), two


def _undefined(reason: str) -> Preset:
    return Preset("refused: the paper does not define it", refused=reason)


# Ablations of the paper's Table V that its text does not define, with what it does say.
_NOT_DESCRIBED = "the paper's text does not describe it"
_LACKS_BOTH = (
    "it lacks DTB and DIB, but the paper does not say what else differs between AE2, AE3 and AE10; "
    "'no-dtb-dib' leaves out just these two"
)
_LACKS_DIB = (
    "it lacks DIB, but the paper does not say what else differs between AE7 and AE12; 'no-dib' "
    "leaves out just that"
)
_LACKS_DTB = (
    "it lacks DTB, but the paper does not say what else differs between AE8, AE9 and AE11; 'no-dtb' "
    "leaves out just that"
)

PRESETS = {
    "paper": Preset("386 M parameters, 15 + 30 epochs, crops of 128; for GPUs"),
    # Narrow, and short enough for minutes of one CPU core. Eight groups: the UNet's narrowest level
    # has eight channels. No dropout: so small a network underfits.
    "lite": Preset(
        "1.6 M parameters, for dmnet-lite; about 40 minutes of one CPU core",
        {
            "width": 16,
            "heads": 4,
            "unet_width": 8,
            "unet_groups": 8,
            "unet_dropout": 0.0,
            "stage_one_steps": 600,
            "stage_two_steps": 4000,
            "held_out": 20,
            "crop": 64,
            "scales": (1.0, 2.0),
            "batch": 2,
            "learning_rate": 2e-3,
            "decay": "cosine",
            "average": 0.99,
            "clip": 1.0,
        },
    ),
    "ae1": Preset(
        "ablation: stage II only, 45 epochs", {"stage_one": False, "stage_two_epochs": 45}
    ),
    "ae13": Preset(
        "ablation: two convolutions in place of the diffusion module", {"diffusion": False}
    ),
    "ae14": Preset("ablation: without CSAB", {"attention": False}),
    "no-dtb": Preset("ablation: without DTB; part of AE8, AE9, AE11", {"transformer": False}),
    "no-dib": Preset("ablation: without DIB; part of AE7, AE12", {"invertible": False}),
    "no-dtb-dib": Preset(
        "ablation: without DTB and DIB; part of AE2, AE3, AE10",
        {"transformer": False, "invertible": False},
    ),
    "ae2": _undefined(_LACKS_BOTH),
    "ae3": _undefined(_LACKS_BOTH),
    "ae4": _undefined(_NOT_DESCRIBED),
    "ae5": _undefined(_NOT_DESCRIBED),
    "ae6": _undefined(_NOT_DESCRIBED),
    "ae7": _undefined(_LACKS_DIB),
    "ae8": _undefined(_LACKS_DTB),
    "ae9": _undefined(_LACKS_DTB),
    "ae10": _undefined(_LACKS_BOTH),
    "ae11": _undefined(_LACKS_DTB),
    "ae12": _undefined(_LACKS_DIB),
}
