"""The choices of DMNet's architecture, by name; ``network`` documents their meaning and reason."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from ivif_bench.options import Options

Wiring = Literal["chain", "dense"]
_Steps = Annotated[tuple[Annotated[int, Field(ge=1, le=2000)], ...], Strict(False)]
_WIRING = "input of a layer: the output of the one before, or the scaled sum of all before"


class Architecture(Options):
    """Everything that decides which tensors DMNet has and how they are used.

    The defaults are this project's reading of the paper, 386,247,442 parameters. The reasons are
    in the docstring of ``ivif_bench.fusion_models.dmnet.network.DMNet`` and in ``docs/methods/dmnet.md``.
    """

    width: int = Field(64, ge=1, description="channels of the encoder and the decoder")
    heads: int = Field(8, ge=1, description="attention heads of both; must divide the width")
    encoders: Literal["shared", "separate"] = Field(
        "shared", description="one encoder for both modalities, or one each"
    )

    transformer: bool = Field(True, description="whether there is a DTB")
    transformer_layers: int = Field(5, ge=1, description="layers of the DTB")
    transformer_wiring: Wiring = Field("chain", description=_WIRING)

    invertible: bool = Field(True, description="whether there is a DIB")
    invertible_layers: int = Field(3, ge=1, description="layers of the DIB")
    invertible_wiring: Wiring = Field("chain", description=_WIRING)

    attention: bool = Field(True, description="whether there is a CSAB")
    attention_modules: Literal["shared", "separate"] = Field(
        "shared", description="one CSAB for its three inputs, or three"
    )
    attention_order: Literal["channel_first", "spatial_first"] = Field(
        "channel_first", description="order of the two attentions of a CSAB"
    )
    attention_ratio: int = Field(
        8, ge=1, description="reduction ratio of the channel attention's MLP"
    )
    attention_kernel: int = Field(
        7, ge=1, description="kernel size of the spatial attention (pixels), odd"
    )
    pooling_mix: Literal["learned", "per_channel", "fixed"] = Field(
        "learned",
        description="share of max in mixed pooling: one learned number, one per channel, or fixed",
    )
    pooling_share: float = Field(
        0.5, ge=0, le=1, description="that share: its initial or fixed value"
    )

    diffusion: bool = Field(True, description="whether there is a diffusion module")
    latent_input_kernel: Literal[1, 3] = Field(
        1, description="kernel size of the convolution of Eq. 9 (pixels)"
    )
    latent_input_range: Literal["unit", "symmetric"] = Field(
        "unit", description="range of stage I's two-channel image: [0, 1] or [-1, 1]"
    )
    unet_width: int = Field(128, ge=1, description="channels of the UNet's first level")
    unet_groups: int = Field(
        32, ge=1, description="groups of the UNet's normalisation; must divide unet_width"
    )
    unet_attention: Literal["middle", "eighth", "sixteenth", "eighth_only"] = Field(
        "middle", description="positions of the UNet's attention"
    )
    unet_dropout: float = Field(0.2, ge=0, lt=1, description="dropout rate in training")
    schedule: Literal["linear", "cosine"] = Field("linear", description="noise schedule")
    noise_steps: _Steps = Field((5, 50, 100), description="noise steps of the UNet's passes")
    steps_combined: Literal["mean", "concatenate"] = Field(
        "mean", description="combination of the features of the passes"
    )
    projection: Literal["top_down", "single_1x1", "single_3x3"] = Field(
        "top_down", description="projection of the UNet's five scales to the width's channels"
    )
    upsampling: Literal["nearest", "bilinear"] = Field(
        "nearest", description="upsampling in the projection"
    )

    decoder_blocks: int = Field(4, ge=1, description="transformer blocks of the decoder")
    decoder_slope: float = Field(
        0.01, ge=0, lt=1, description="negative slope of the decoder's LeakyReLU"
    )
    add_visible: bool = Field(False, description="add the image before the last sigmoid")
    output_range: Literal["clamp", "minmax"] = Field(
        "clamp", description="clip the fused image to [0, 1], or stretch each image to it"
    )

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
            raise ValueError("noise_steps must have at least one step")
        return self

    @property
    def stride(self) -> int:
        """Height and width inside the network are multiples of this: the UNet halves four times."""
        return 16
