"""The transformer stage that YDTR, DATFuse and ITFuse share, as their programs really compute it.

They read an array N x C x H x W in memory as N x H x W x C without moving its axes. So a token is not a
pixel's C channels: it is C consecutive values of one channel in row order, across the ends of rows and
planes. With a window of one token, attention is the projection of the value alone. Every result therefore
depends on height and width, and no part of a picture can be computed by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivif_bench.fusion_models.compared.keyed import Seen, Tensors, unseen

if TYPE_CHECKING:
    from torch import Tensor

_HEADS = 8
_EPSILON = 1e-5


def stage_shapes(channels: int, blocks: int) -> dict[str, tuple[int, ...]]:
    """Every tensor of the stage; queries, keys and position tables are in the files and unused."""
    found: dict[str, tuple[int, ...]] = {
        "patch_embed.norm.weight": (96,),
        "patch_embed.norm.bias": (96,),
    }
    for index in range(blocks):
        name = f"basicLayer.blocks.{index}"
        for norm in ("norm1", "norm2"):
            found |= {f"{name}.{norm}.{part}": (channels,) for part in ("weight", "bias")}
        found[f"{name}.attn.relative_position_bias_table"] = (1, _HEADS)
        found[f"{name}.attn.relative_position_index"] = (1, 1)
        for layer, inputs, outputs in (
            ("attn.qkv", channels, 3 * channels),
            ("attn.proj", channels, channels),
            ("mlp.fc1", channels, 4 * channels),
            ("mlp.fc2", 4 * channels, channels),
        ):
            found[f"{name}.{layer}.weight"] = (outputs, inputs)
            found[f"{name}.{layer}.bias"] = (outputs,)
    return found


def stage(tensors: Tensors, x: Tensor, blocks: int, seen: Seen = unseen) -> Tensor:
    """[N, C, H, W] -> the same shape; ``seen`` gets each block's result in this shape too."""
    from torch.nn.functional import gelu, layer_norm, linear

    channels, shape = x.shape[1], x.shape
    x = x.contiguous().view(shape[0], -1, channels)
    for index in range(blocks):
        part = {
            key.removeprefix(f"basicLayer.blocks.{index}."): value
            for key, value in tensors.items()
            if key.startswith(f"basicLayer.blocks.{index}.")
        }

        def layer(y: Tensor, name: str, part: Tensors = part) -> Tensor:
            return linear(y, part[f"{name}.weight"], part[f"{name}.bias"])

        def norm(y: Tensor, name: str, part: Tensors = part) -> Tensor:
            return layer_norm(
                y, (channels,), part[f"{name}.weight"], part[f"{name}.bias"], _EPSILON
            )

        value = linear(
            norm(x, "norm1"),
            part["attn.qkv.weight"][2 * channels :],
            part["attn.qkv.bias"][2 * channels :],
        )
        x = x + layer(value, "attn.proj")
        x = x + layer(gelu(layer(norm(x, "norm2"), "mlp.fc1")), "mlp.fc2")
        seen(f"block{index}", x.view(shape))
    return x.view(shape)
