"""The unconditional diffusion priors: their shapes and their files.

A file is safetensors with the network's shape in its header.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from ivif_bench.errors import UserError, first_few


@dataclass(frozen=True)
class PriorShape:
    """Shape of a prior.

    Attributes:
        arguments: keyword arguments of diffusers' ``UNet2DModel``.
        stride: sides of an image must be multiples of it.
    """

    arguments: dict[str, Any]
    stride: int


def adm_shape(width: int, head: int) -> PriorShape:
    """OpenAI's ADM for 256x256 without classes, at a base width and head width.

    Two residual blocks a level, multipliers 1, 1, 2, 2, 4, 4, attention on the three coarsest
    levels and in the middle, six output channels of which the last three (learned variance) are
    not used by DDFM.
    """
    return PriorShape(
        {
            "sample_size": 256,
            "in_channels": 3,
            "out_channels": 6,
            "layers_per_block": 2,
            "block_out_channels": [width * multiplier for multiplier in (1, 1, 2, 2, 4, 4)],
            "attention_head_dim": head,
            "down_block_types": ["ResnetDownsampleBlock2D"] * 3 + ["AttnDownBlock2D"] * 3,
            "up_block_types": ["AttnUpBlock2D"] * 3 + ["ResnetUpsampleBlock2D"] * 3,
            "resnet_time_scale_shift": "scale_shift",
            "downsample_type": "resnet",
            "upsample_type": "resnet",
            "norm_num_groups": 32,
            "attn_norm_num_groups": 32,
            "norm_eps": 1e-5,
        },
        stride=32,
    )


def small_shape(channels: tuple[int, ...], groups: int) -> PriorShape:
    """One residual block a level and no attention, so that the cost of a size is that of its area."""
    depth = len(channels)
    return PriorShape(
        {
            "sample_size": 64,
            "in_channels": 3,
            "out_channels": 3,
            "layers_per_block": 1,
            "block_out_channels": list(channels),
            "down_block_types": ["DownBlock2D"] * depth,
            "up_block_types": ["UpBlock2D"] * depth,
            "add_attention": False,
            "norm_num_groups": groups,
        },
        stride=2 ** (depth - 1),
    )


ADM = adm_shape(width=256, head=64)
LITE = small_shape((32, 64, 96, 128, 128), groups=16)
TINY = small_shape((8, 16, 16), groups=8)


def build(shape: PriorShape) -> nn.Module:
    """An untrained network of that shape."""
    with _quiet():
        from diffusers.models.unets.unet_2d import UNet2DModel

        network: nn.Module = UNet2DModel(**shape.arguments)
    return network


def load_prior(path: Path) -> tuple[nn.Module, int]:
    """The network of a prior's file, in evaluation mode and float32, and its stride.

    Raises:
        UserError: not a prior's file, or tensors are missing, unknown or of another shape.
    """
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["prior"])
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        shape = PriorShape(dict(about["shape"]), int(about["stride"]))
        network = _described(shape)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as problem:
        raise UserError(
            f"weights {path}: not a DDFM prior ({problem}); convert OpenAI's .pt file with "
            "'ivif-bench weights convert ddfm FILE'"
        ) from problem
    wanted = {name: value.shape for name, value in network.state_dict().items()}
    wrong = [
        name
        for name in sorted({*wanted, *tensors})
        if name not in wanted or name not in tensors or wanted[name] != tensors[name].shape
    ]
    if wrong:
        raise UserError(
            f"weights {path}: tensors missing, unknown or of another shape: {first_few(wrong, 4)}"
        )
    network.load_state_dict(tensors, assign=True)
    return network.requires_grad_(False).eval(), shape.stride


def _described(shape: PriorShape) -> nn.Module:
    """The network, without weights, that a file's header describes.

    Raises:
        ValueError: there is none, or it is no prior of RGB images.
    """
    try:
        with torch.device("meta"):
            network = build(shape)
        config: Any = network.config
        levels = len(config["block_out_channels"])
        channels = config["in_channels"], config["out_channels"]
    except Exception as problem:  # diffusers raises whatever a wrong shape makes it raise
        raise ValueError(f"its header describes no network: {problem}") from problem
    if channels not in ((3, 3), (3, 6)) or shape.stride != 2 ** (levels - 1):
        raise ValueError(
            f"its header describes {channels[0]} channels in, {channels[1]} out and stride "
            f"{shape.stride} for {levels} levels"
        )
    return network


def place(network: nn.Module, device: torch.device, kind: torch.dtype) -> nn.Module:
    """The network on a device and in a precision."""
    with _quiet():
        return network.to(device, kind)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without diffusers' notes on its own optional packages and casts."""
    logger = logging.getLogger("diffusers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
