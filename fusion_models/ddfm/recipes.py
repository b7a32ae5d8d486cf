"""Training of DDFM's prior: settings and named recipes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ivif_bench.options import Options
from ivif_bench.training import Preset


class PriorSettings(Options):
    """Recipe of a prior."""

    steps: int = Field(5000, ge=1, description="optimiser steps")
    batch: int = Field(
        8,
        ge=1,
        description="images of 64x64 per step; every fourth step has a quarter as many of 128x128",
    )
    learning_rate: float = Field(
        4e-4, gt=0, description="peak, after a warm-up of 200 steps; then half a cosine"
    )
    precision: Literal["fp32", "bf16"] = Field("fp32", description="bf16 is mixed precision")
    average: float = Field(
        0.999, ge=0, lt=1, description="decay of the moving average of the weights, 0 for none"
    )


PRESETS = {
    "lite": Preset("5 M parameters, for ddfm-lite; hours on one CPU core", {"precision": "bf16"}),
    "tiny": Preset(
        "20 thousand parameters, seconds; to test the training code", {"steps": 40, "batch": 4}
    ),
}
