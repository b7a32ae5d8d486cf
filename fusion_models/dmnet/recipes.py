"""How DMNet is trained: settings, and the named recipes with the paper's ablations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ivif_bench.errors import UserError
from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.fusion_models.dmnet.losses import LossWeights
from ivif_bench.validation import checked

Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """A recipe. The paper gives the epochs, the crop, Adam and the first learning rate.

    Attributes:
        stage_one: whether stage I is run; ablation AE1 leaves it out.
        stage_one_epochs, stage_two_epochs: 15 and 30. An epoch shows as many crops as there are
            pairs.
        stage_one_steps, stage_two_steps: optimiser steps instead of epochs, if given.
        held_out: every so many-th pair is kept for the validation rows of the log; 0 keeps none, as
            the paper trains on all 1,083 pairs; training pairs are shown there then.
        crop: side of the random crops; 128.
        scales: a crop shows up to so many times ``crop`` pixels of the image, shrunk; the paper
            does not shrink.
        batch: pairs in a step, in all processes together; 8, CDDFuse's.
        learning_rate: 1e-4 at the start.
        decay: ``constant``, since the paper names only an initial rate; ``step`` halves it every 20
            epochs of a stage, as CDDFuse; ``cosine`` has a warm-up of 20 steps.
        stage_two_noise: ``reuse`` takes L_dm from the passes at 5, 50, 100 that the fusion makes
            anyway; ``random`` makes one more pass at a step drawn from all 2000.
        latent_gradient: ``through`` trains the convolution of Eq. 9 by L_dm and the fusion losses,
            since stage II trains everything together; ``detached`` stops gradients at the diffusion
            module's input, so that convolution keeps its first values.
        average: decay of a moving average of the weights, 0 for none (the paper names none).
        clip: largest norm of the gradient, 0 for no limit (the paper names none). In stage I the
            gradients of both parts count together.
        precision: ``fp32`` or ``bf16``, mixed.
        checkpointing: recompute activations in the backward pass: less memory, more time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: Architecture = Architecture()
    losses: LossWeights = LossWeights()
    stage_one: bool = True
    stage_one_epochs: Count = 15
    stage_two_epochs: Count = 30
    stage_one_steps: Count | None = None
    stage_two_steps: Count | None = None
    held_out: Annotated[int, Field(ge=0)] = 0
    crop: Annotated[int, Field(ge=16, multiple_of=16)] = 128
    scales: Annotated[tuple[Annotated[float, Field(ge=1)], ...], Field(min_length=1)] = (1.0,)
    batch: Count = 8
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    decay: Literal["constant", "step", "cosine"] = "constant"
    stage_two_noise: Literal["reuse", "random"] = "reuse"
    latent_gradient: Literal["through", "detached"] = "through"
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    clip: Annotated[float, Field(ge=0)] = 0.0
    precision: Literal["fp32", "bf16"] = "fp32"
    checkpointing: bool = False

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

    def steps(self, pairs: int) -> tuple[int, int]:
        """Optimiser steps of both stages with so many training pairs; stage I may have none."""
        each = pairs / self.batch
        one = self.stage_one_steps or max(1, round(self.stage_one_epochs * each))
        two = self.stage_two_steps or max(1, round(self.stage_two_epochs * each))
        return (one if self.stage_one else 0), two


# Narrow, and short enough for minutes of one CPU core. Eight groups: the UNet's narrowest level has
# eight channels. No dropout: so small a network underfits.
LITE = Settings(
    architecture=Architecture(width=16, heads=4, unet_width=8, unet_groups=8, unet_dropout=0.0),
    stage_one_steps=600,
    stage_two_steps=4000,
    held_out=20,
    crop=64,
    scales=(1.0, 2.0),
    batch=2,
    learning_rate=2e-3,
    decay="cosine",
    average=0.99,
    clip=1.0,
)


RECIPES: Mapping[str, Settings] = {
    "paper": Settings(),
    "lite": LITE,
    "ae1": Settings(stage_one=False, stage_two_epochs=45),
    "ae13": Settings(architecture=Architecture(diffusion=False)),
    "ae14": Settings(architecture=Architecture(attention=False)),
    "no-dib": Settings(architecture=Architecture(invertible=False)),
    "no-dtb": Settings(architecture=Architecture(transformer=False)),
    "no-dtb-dib": Settings(architecture=Architecture(transformer=False, invertible=False)),
}

# Ablations of the paper's Table V that its text does not define, with what it does say.
UNDEFINED: Mapping[str, str] = {
    **dict.fromkeys(
        ("ae2", "ae3", "ae10"),
        "it lacks DTB and DIB, but the paper does not say what else differs between AE2, AE3 and "
        "AE10; 'no-dtb-dib' leaves out just these two",
    ),
    **dict.fromkeys(("ae4", "ae5", "ae6"), "the paper's text does not describe it"),
    **dict.fromkeys(
        ("ae7", "ae12"),
        "it lacks DIB, but the paper does not say what else differs between AE7 and AE12; 'no-dib' "
        "leaves out just that",
    ),
    **dict.fromkeys(
        ("ae8", "ae9", "ae11"),
        "it lacks DTB, but the paper does not say what else differs between AE8, AE9 and AE11; "
        "'no-dtb' leaves out just that",
    ),
}


def recipe(preset: str, options: Mapping[str, Any], steps: int | None = None) -> Settings:
    """A recipe with changes.

    Args:
        options: settings, loss weights or choices of the architecture by name.
        steps: steps of both stages together, divided like the recipe's own.

    Raises:
        UserError: the paper does not define that preset, or an option is unknown or wrong.
    """
    if preset in UNDEFINED:
        raise UserError(f"train dmnet: preset {preset!r} is not defined: {UNDEFINED[preset]}")
    values = RECIPES[preset].model_dump()
    for name, value in options.items():
        place = next(
            (values[part] for part in ("architecture", "losses") if name in values[part]), values
        )
        place[name] = value
    settings = checked(Settings, values, "train dmnet")
    if steps is None:
        return settings
    one, two = settings.steps(pairs=1000)
    first = min(max(1, round(steps * one / (one + two))), steps - 1) if one else 0
    if one and steps < 2:
        raise UserError("train dmnet: --steps must be at least 2, one for each stage")
    return settings.model_copy(
        update={"stage_one_steps": first or None, "stage_two_steps": steps - first}
    )
