"""The options of DMNet as a fusion method; those of its training are in ``recipes``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from ivif_bench.device import Device
from ivif_bench.options import Options


class DMNetOptions(Options):
    """Options of the method."""

    weights: str | None = Field(
        None,
        description="file written by 'ivif-bench train dmnet'; by default the shipped one, for "
        "dmnet dmnet.safetensors in the weights folder",
    )
    device: Device = Field("auto", description="auto is CUDA if available")
    strips: int = Field(
        0,
        ge=0,
        description="compute layers in strips of this many rows (at least 4) to save memory; "
        "0: whole images, with the same result",
    )
    tile: int = Field(
        0,
        ge=0,
        multiple_of=16,
        description="side of the tiles of larger images (pixels), an approximation; 0: whole images",
    )
    overlap: int = Field(64, ge=0, description="overlap of neighbouring tiles (pixels)")

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if 0 < self.strips < 4:
            raise ValueError(f"strips must be 0 or at least 4 rows, not {self.strips}")
        if self.tile and self.overlap >= self.tile:
            raise ValueError(f"tile {self.tile} must be larger than overlap {self.overlap}")
        return self
