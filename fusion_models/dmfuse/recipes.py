"""Training of DMFuse's two networks: settings and named recipes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ivif_bench.options import Options
from ivif_bench.training import Preset

Steps = Annotated[int, Field(ge=1, description="optimiser steps")]
Rate = Annotated[
    float, Field(gt=0, lt=1, description="learning rate of Adam; its peak unless published")
]


class Settings(Options):
    """The settings that both recipes have."""

    steps: Steps
    batch: int = Field(4, ge=1, description="crops in a step")
    learning_rate: Rate
    average: float = Field(
        0.999, ge=0, lt=1, description="decay of the moving average of the weights, 0 for none"
    )
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16 is mixed precision")
    size: int = Field(
        64,
        ge=32,
        multiple_of=32,
        description="side of a crop (pixels); unless published, every fourth step has a quarter as "
        "many crops of twice the side",
    )
    published: bool = Field(
        False,
        description="constant learning rate, no clipping of gradients, plain crops of one size; else "
        "warm-up and half a cosine, clipping at norm 1, crops scaled and mirrored",
    )


class PriorSettings(Settings):
    """The recipe of the diffusion network."""

    steps: Steps = 6000
    learning_rate: Rate = 1e-3
    picture: float = Field(
        4.0,
        ge=0,
        description="weight of the error of the image predicted from the features, for half of "
        "the crops (see readout); 0: noise loss only",
    )


class HeadSettings(Settings):
    """The recipe of the fusion head."""

    steps: Steps = 4000
    learning_rate: Rate = 2e-3
    # Results depend on the content of the files, which is recorded, not on their paths.
    prior: str = Field(
        exclude=True,
        min_length=1,
        description="file of the diffusion network: what 'train dmfuse-prior' wrote, or the "
        "published ddpm_gen.pth",
    )
    start: str | None = Field(
        None,
        exclude=True,
        description="file of an earlier 'train dmfuse' whose head this training continues",
    )


_PUBLISHED = {"learning_rate": 1e-5, "size": 256, "published": True}
_TINY = {"steps": 20, "batch": 2, "size": 32}

PRIOR_PRESETS = {
    "lite": Preset("width 8, 1.5 M parameters, for dmfuse-lite; minutes on one CPU core"),
    "published": Preset(
        "width 32, 24 M parameters, the published settings; needs a GPU",
        {"steps": 1_000_000, **_PUBLISHED, "picture": 0.0},
    ),
    "tiny": Preset("width 8, seconds; to test the training code", _TINY),
}
HEAD_PRESETS = {
    "lite": Preset("width 16, for dmfuse-lite; minutes on one CPU core"),
    "published": Preset(
        "width 32, 0.65 M parameters, the published settings; needs a GPU",
        {"steps": 10_000, **_PUBLISHED},
    ),
    "tiny": Preset("width 16, seconds; shows that everything works", _TINY),
}
