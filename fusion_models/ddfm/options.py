"""The options of DDFM: what each variant means and what may be set beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ivif_bench.fusion_models.ddfm.em import ADMM, EM, ADMMSettings, EMSettings, Rectifier
from ivif_bench.fusion_models.ddfm.sampler import FULL, STUDIO, Luma
from ivif_bench.fusion_models.ddfm.schedule import TRAINED_STEPS

_PHI = {"phi_0.1": 0.1, "phi_1": 1.0}


class Options(BaseModel):
    """Options as the user gave them; None takes what the variant says.

    Attributes:
        variant: ``released`` gives the images of the public code, ``paper`` follows the paper's
            equations, ``older`` an earlier version of the authors (see ``em``).
        steps: length of the chain; the released script runs 100.
        roles: which image is ``a``: the visible one (``released``) or the infrared one (``paper``).
        gradient: in the EM step, ``open`` or ``circular`` (see ``em``).
        range: ``studio`` reads the estimate's luma as released, from -0.80 to 0.92; ``full`` in
            the scale of the sources.
        psi, penalty: weight of the smoothness term, and eta (rho) of the EM step.
        eta: share of fresh noise in a sampler step, 0 (DDIM) to 1 (DDPM).
        clamp: D <= 2C in the EM step.
        ablation: a row of the paper's Table 2.
        rgb: give the visible image's colour back.
        seed: one seed for every image instead of one each; the released script always takes 3407.
        precision, compile, device: of the network; the rest is float32. ``auto`` takes the GPU if
            there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    variant: Literal["released", "paper", "older"] = "released"
    steps: int = Field(100, ge=1, le=TRAINED_STEPS)
    roles: Literal["released", "paper"] | None = None
    gradient: Literal["open", "circular"] | None = None
    range: Literal["studio", "full"] | None = None
    psi: float = Field(0.5, ge=0, allow_inf_nan=False)
    penalty: float | None = Field(None, gt=0, allow_inf_nan=False)
    eta: float | None = Field(None, ge=0, le=1)
    clamp: bool = True
    ablation: Literal["none", "no_ddpm", "no_tv", "phi_0.1", "phi_1"] = "none"
    rgb: bool = False
    seed: int | None = Field(None, ge=0, lt=2**63)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compile: bool = False
    device: str = "auto"

    @property
    def visible_is_a(self) -> bool:
        """Whether the visible image is the first source."""
        as_paper = self.variant == "paper" or self.ablation in _PHI
        return (self.roles or ("paper" if as_paper else "released")) == "released"

    @property
    def sampler_eta(self) -> float:
        """Share of fresh noise: the paper samples DDPM's posterior, the code runs DDIM."""
        return self.eta if self.eta is not None else float(self.variant == "paper")

    @property
    def luma(self) -> Luma:
        """How the estimate's luma is read."""
        default = "full" if self.variant == "paper" else "studio"
        return STUDIO if (self.range or default) == "studio" else FULL

    def rectifier(self) -> Callable[[Tensor, Tensor], Rectifier]:
        """Makes the rectification of a batch from its sources a and b."""
        if self.ablation in _PHI:
            admm = ADMMSettings(phi=_PHI[self.ablation], psi=self.psi)
            return lambda a, b: ADMM(admm, a, b)
        paper = self.variant == "paper"
        settings = EMSettings(
            form=self.variant,
            psi=self.psi,
            eta=self.penalty if self.penalty is not None else (0.1 if paper else 0.001),
            gradient=self.gradient or ("circular" if paper else "open"),
            clamp=self.clamp,
            smoothness=self.ablation != "no_tv",
        )
        return lambda a, b: EM(settings, a, b)
