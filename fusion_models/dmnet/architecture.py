"""The choices of DMNet's architecture, by name; what each means and why is told in ``network``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Wiring = Literal["chain", "dense"]
Positive = Annotated[int, Field(ge=1)]


class Architecture(BaseModel):
    """Everything that decides which tensors DMNet has and how they are used.

    The defaults are this project's reading of the paper, 386,247,442 parameters. The reasons stand
    in the docstring of ``ivif_bench.fusion_models.dmnet.network.DMNet`` and in ``docs/methods/dmnet.md``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Positive = 64
    heads: Positive = 8
    encoders: Literal["shared", "separate"] = "shared"

    transformer: bool = True
    transformer_layers: Positive = 5
    transformer_wiring: Wiring = "chain"

    invertible: bool = True
    invertible_layers: Positive = 3
    invertible_wiring: Wiring = "chain"

    attention: bool = True
    attention_modules: Literal["shared", "separate"] = "shared"
    attention_order: Literal["channel_first", "spatial_first"] = "channel_first"
    attention_ratio: Positive = 8
    attention_kernel: Positive = 7
    pooling_mix: Literal["learned", "per_channel", "fixed"] = "learned"
    pooling_share: Annotated[float, Field(ge=0, le=1)] = 0.5

    diffusion: bool = True
    latent_input_kernel: Literal[1, 3] = 1
    latent_input_range: Literal["unit", "symmetric"] = "unit"
    unet_width: Positive = 128
    unet_groups: Positive = 32
    unet_attention: Literal["middle", "eighth", "sixteenth", "eighth_only"] = "middle"
    unet_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    schedule: Literal["linear", "cosine"] = "linear"
    noise_steps: tuple[Annotated[int, Field(ge=1, le=2000)], ...] = (5, 50, 100)
    steps_combined: Literal["mean", "concatenate"] = "mean"
    projection: Literal["top_down", "single_1x1", "single_3x3"] = "top_down"
    upsampling: Literal["nearest", "bilinear"] = "nearest"

    decoder_blocks: Positive = 4
    decoder_slope: Annotated[float, Field(ge=0, lt=1)] = 0.01
    add_visible: bool = False
    output_range: Literal["clamp", "minmax"] = "clamp"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.width % self.heads or self.width % 2:
            raise ValueError(
                f"width {self.width} must be even and a multiple of heads {self.heads}"
            )
        if self.width < self.attention_ratio:
            raise ValueError(
                f"attention_ratio {self.attention_ratio} leaves no channel of width {self.width}"
            )
        if self.attention_kernel % 2 == 0:
            raise ValueError(f"attention_kernel must be odd, not {self.attention_kernel}")
        if self.unet_width % self.unet_groups or self.unet_width % 2:
            raise ValueError(
                f"unet_width {self.unet_width} must be even and a multiple of "
                f"unet_groups {self.unet_groups}"
            )
        if not self.noise_steps:
            raise ValueError("noise_steps must name at least one step")
        return self

    @property
    def stride(self) -> int:
        """Height and width inside the network are multiples of this: the UNet halves four times."""
        return 16
