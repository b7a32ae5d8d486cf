"""The options of DDFM: the variants, and options that override them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ivif_bench.device import Device
from ivif_bench.fusion_models.ddfm.schedule import TRAINED_STEPS
from ivif_bench.options import Options

_PHI = {"phi_0.1": 0.1, "phi_1": 1.0}


class DDFMOptions(Options):
    """Options as given by the user; None means the variant's value (see ``em``)."""

    weights: str | None = Field(
        None,
        description="file of the prior (safetensors); by default the shipped or the downloaded one",
    )
    variant: Literal["released", "paper", "older"] = Field(
        "released",
        description="images of the public code, the paper's equations, or an earlier version of "
        "the authors",
    )
    steps: int = Field(100, ge=1, le=TRAINED_STEPS, description="number of sampling steps")
    roles: Literal["released", "paper"] | None = Field(
        None,
        description="which image is a: the visible one (released) or the infrared one (paper); by "
        "default the variant's",
    )
    gradient: Literal["open", "circular"] | None = Field(
        None, description="differences at the border in the EM step; by default the variant's"
    )
    range: Literal["studio", "full"] | None = Field(
        None,
        description="how the estimate's luma is read: from -0.80 to 0.92 as released, or in the "
        "scale of the sources; by default the variant's",
    )
    psi: float = Field(0.5, ge=0, description="weight of the smoothness term")
    penalty: float | None = Field(
        None, gt=0, description="eta (rho) of the EM step; by default 0.001, variant paper 0.1"
    )
    eta: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of fresh noise in a sampler step, from 0 (DDIM) to 1 (DDPM); by default "
        "0, variant paper 1",
    )
    clamp: bool = Field(True, description="D <= 2C in the EM step")
    ablation: Literal["none", "no_ddpm", "no_tv", "phi_0.1", "phi_1"] = Field(
        "none", description="a row of the paper's Table 2"
    )
    rgb: bool = Field(False, description="add the visible image's colour to the result; else gray")
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**63,
        description="one seed for all images (3407 as released); by default each image has its own",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="precision of the network; everything else is float32"
    )
    compile: bool = Field(False, description="torch.compile the network")
    device: Device = Field("auto", description="device of the network; auto is CUDA if available")

    @property
    def visible_is_a(self) -> bool:
        """Whether the visible image is the first source."""
        as_paper = self.variant == "paper" or self.phi is not None
        return (self.roles or ("paper" if as_paper else "released")) == "released"

    @property
    def sampler_eta(self) -> float:
        """Share of fresh noise: the paper samples DDPM's posterior, the code runs DDIM."""
        return self.eta if self.eta is not None else float(self.variant == "paper")

    @property
    def luma_range(self) -> Literal["studio", "full"]:
        """Scale in which the estimate's luma is read."""
        return self.range or ("full" if self.variant == "paper" else "studio")

    @property
    def em_penalty(self) -> float:
        """Penalty of the EM step."""
        if self.penalty is not None:
            return self.penalty
        return 0.1 if self.variant == "paper" else 0.001

    @property
    def em_gradient(self) -> Literal["open", "circular"]:
        """Differences at the border in the EM step."""
        return self.gradient or ("circular" if self.variant == "paper" else "open")

    @property
    def phi(self) -> float | None:
        """The fixed weight of an ablation that has one."""
        return _PHI.get(self.ablation)

    @property
    def chain_scale(self) -> int:
        """Full size over the size at which the chain runs; the method as published has one size."""
        return 1


class DDFMLiteOptions(DDFMOptions):
    """Options of DDFM with the small prior."""

    scale: Literal[1, 2, 4] = Field(
        4,
        description="the chain runs at 1/scale of each side, the EM step always at full size; 1 as "
        "released",
    )

    @property
    def chain_scale(self) -> int:
        """Full size over the size at which the chain runs."""
        return self.scale
