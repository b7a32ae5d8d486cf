"""The two networks of DMFuse: shapes, files, and the features that go from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ivif_bench.errors import UserError, first_few
from ivif_bench.fusion_models.dmfuse.head import FusionHead, HeadConfig
from ivif_bench.fusion_models.dmfuse.noise import TIME_STEPS
from ivif_bench.fusion_models.sr3.checkpoint import PREFIX, load_unet
from ivif_bench.fusion_models.sr3.schedule import add_noise, checkpoint_buffers
from ivif_bench.fusion_models.sr3.unet import UNet, UNetConfig

CHANNELS = 3  # the gray picture three times


def diffusion_config(width: int = 32) -> UNetConfig:
    """DMFuse's diffusion network; 32 is the published width. Every channel of the finest level is
    normalised by itself, as there, and attention is at the coarsest level.
    """
    return UNetConfig(CHANNELS, width, attention_levels=(4,), norm_groups=min(32, width))


def head_config(diffusion: UNetConfig, width: int = 32, spare: bool = False) -> HeadConfig:
    """A head for the features of that diffusion network."""
    first, second, third, fourth, fifth = (
        len(TIME_STEPS) * diffusion.tap_channels(tap) for tap in diffusion.first_taps
    )
    return HeadConfig((first, second, third, fourth, fifth), width, spare)


@dataclass(frozen=True)
class Networks:
    """A diffusion network and a head that fit each other, ready for inference."""

    diffusion: UNet
    head: FusionHead


def diffusion_features(
    diffusion: UNet, pictures: Tensor, passes: Iterable[tuple[Tensor, Tensor]]
) -> list[Tensor]:
    """Decoder features of noisy versions of the pictures.

    Args:
        diffusion: in evaluation mode.
        pictures: [N, 3, H, W] in [-1, 1].
        passes: per time step the levels [N, 1] and the noise [N, 3, H, W].

    Returns:
        Five tensors [N, C, H / 2^k, W / 2^k], finest first: the time steps one after another.
    """
    taps = diffusion.config.first_taps
    found = []
    for level, noise in passes:
        level, noise = level.to(pictures.device), noise.to(pictures.device)
        found.append(diffusion.features(add_noise(pictures, level, noise), level, taps))
    return [torch.cat(scale, dim=1) for scale in zip(*found, strict=True)]


def load_diffusion(tensors: Mapping[str, Tensor], where: str) -> UNet:
    """A diffusion network of the file's width, in evaluation mode, without gradients.

    Args:
        tensors: content of ``ddpm_gen.pth``, or of a file that ``train dmfuse-prior`` wrote.
        where: name of the file, for messages.

    Raises:
        UserError: tensors are missing, unknown, or do not fit.
    """
    first = tensors.get(PREFIX + "init_conv.weight")
    if first is None:
        raise UserError(
            f"{where}: no diffusion network of DMFuse: tensor {PREFIX}init_conv.weight is missing"
        )
    width = first.shape[0] if first.ndim == 4 else 0
    if not width or width % min(32, width):
        raise UserError(
            f"{where}: tensor {PREFIX}init_conv.weight has shape {list(first.shape)}; expected four "
            "axes, the first of at most 32 or a multiple of it"
        )
    unet = UNet(diffusion_config(width))
    load_unet(unet, tensors, where)
    return unet.eval().requires_grad_(False)


def load_head(tensors: Mapping[str, Tensor], diffusion: UNet, where: str) -> FusionHead:
    """A fusion head of the file's width, in evaluation mode, without gradients.

    Args:
        tensors: content of ``models/model.model``, or of a file that ``train dmfuse`` wrote.
        diffusion: whose features it takes.
        where: name of the file, for messages.

    Raises:
        UserError: tensors are missing, unknown, or do not fit.
    """
    value = tensors.get("crossatten.value_conv.weight")
    if value is None:
        raise UserError(
            f"{where}: no fusion head of DMFuse: tensor crossatten.value_conv.weight is missing"
        )
    if value.ndim != 4 or not value.shape[0]:
        raise UserError(
            f"{where}: tensor crossatten.value_conv.weight has shape {list(value.shape)}; expected "
            "four axes"
        )
    spare = "conv_in2.conv2d.weight" in tensors
    head = FusionHead(head_config(diffusion.config, value.shape[0], spare))
    expected = head.state_dict()
    different = sorted(expected.keys() ^ tensors.keys())
    if different:
        raise UserError(
            f"{where}: not a fusion head of DMFuse; it differs in {first_few(different)}"
        )
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape:
            raise UserError(
                f"{where}: tensor {key} has shape {list(tensor.shape)}, but with this diffusion "
                f"network of width {diffusion.config.width} it must be {list(expected[key].shape)}"
            )
    head.load_state_dict({key: tensor.float() for key, tensor in tensors.items()})
    return head.eval().requires_grad_(False)


def load_networks(tensors: Mapping[str, Tensor], where: str) -> Networks:
    """Both networks from one file, as ``train dmfuse`` writes it."""
    tables = checkpoint_buffers("cosine").keys()
    of_diffusion = {k: v for k, v in tensors.items() if k.startswith(PREFIX) or k in tables}
    of_head = {k: v for k, v in tensors.items() if k not in of_diffusion}
    diffusion = load_diffusion(of_diffusion, where)
    return Networks(diffusion, load_head(of_head, diffusion, where))
