"""The options of DMFuse."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, Strict, model_validator

from ivif_bench.device import Device
from ivif_bench.options import Options

DEFAULT_BUDGET = 1 << 30
_Seed = Annotated[int, Field(ge=0, lt=2**32)]


class DMFuseLiteOptions(Options):
    """Options for one file with both networks."""

    weights: str | None = Field(
        None,
        description="file with both networks, as 'train dmfuse' writes it; by default the shipped one",
    )
    memory_budget: int = Field(
        DEFAULT_BUDGET, gt=0, description="memory that the attention may use (bytes)"
    )
    fused: bool = Field(
        False, description="compute the attention with one compiled kernel; CUDA only"
    )
    device: Device = Field("auto", description="auto is CUDA if available")
    official_seeds: Annotated[tuple[_Seed, _Seed], Strict(False)] | None = Field(
        None,
        description="seeds of NumPy and torch: draw in the published program's order, from image to "
        "image, so that an image depends on those before it; by default each image has generators "
        "of its own",
    )

    @model_validator(mode="after")
    def _fused_on_cuda(self) -> Self:
        if self.fused and self.device == "cpu":
            raise ValueError("fused needs a CUDA device; leave it out on the CPU")
        return self


class DMFuseOptions(DMFuseLiteOptions):
    """Options for the two published files, or for one with both networks."""

    weights: str | None = Field(
        None, description="one file with both networks instead, as 'train dmfuse' writes it"
    )
    diffusion: str | None = Field(
        None,
        description="file of the diffusion network: the authors' ddpm_gen.pth, or what "
        "'train dmfuse-prior' wrote; by default that of the weights folder",
    )
    head: str | None = Field(
        None,
        description="file of the fusion head: the authors' model.model; by default that of the "
        "weights folder",
    )

    @model_validator(mode="after")
    def _one_or_two_files(self) -> Self:
        if self.weights is not None and (self.diffusion is not None or self.head is not None):
            raise ValueError("weights holds both networks; leave out diffusion and head")
        return self
