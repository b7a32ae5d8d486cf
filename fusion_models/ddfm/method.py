"""DDFM as a fusion method: images in, the sampler, the stretched luma out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ivif_bench.device import device_of, strict_float32
from ivif_bench.features import FeatureMap
from ivif_bench.fusion import METHODS, FusionMethod
from ivif_bench.fusion_models.ddfm.em import ADMM, EM, ADMMSettings, EMSettings, Rectifier
from ivif_bench.fusion_models.ddfm.maps import maps_of
from ivif_bench.fusion_models.ddfm.options import DDFMLiteOptions, DDFMOptions
from ivif_bench.fusion_models.ddfm.prior import load_prior, place
from ivif_bench.fusion_models.ddfm.reduced import Reduced
from ivif_bench.fusion_models.ddfm.sampler import (
    FULL,
    STUDIO,
    Denoiser,
    Moment,
    normal,
    sample,
)
from ivif_bench.fusion_models.ddfm.schedule import respaced
from ivif_bench.validation import checked
from ivif_bench.weights import locate

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class DDFM(FusionMethod):
    """Unconditional diffusion sampling, rectified by an EM step on the two sources (ICCV 2023).

    ``variant: released`` (the default) gives the images of the public code, ``variant: paper`` the
    equations of the paper. They are different methods: the released step mirrors the blend (see
    ``em``), swaps the roles of the two images, smooths the residual instead of the signal with a
    penalty of 0.001 instead of 0.1, and runs DDIM instead of DDPM's posterior.

    Measured effect, with ``ddfm-lite`` (``scale: 1``) on six 192x256 crops of MSRS and TNO at 100
    steps: the released images correlate with infrared and visible by 0.53 and 0.78, as their average does
    to 0.001; those of the paper's equations by 1.00 and 0.02. Each step amplifies the
    difference in weights, and D <= 2C favours a, so they end as the infrared image. See
    docs/methods/ddfm.md.

    The result is gray, stretched to the full range per image, as released.

    Args:
        **options: see ``DDFMOptions``.

    Raises:
        UserError: no weights, or a wrong option.
    """

    name = "ddfm"
    model: type[DDFMOptions] = DDFMOptions

    def __init__(self, **options: Any) -> None:
        self.options = checked(self.model, options, self.name)
        spec = METHODS.get(self.name)
        self.device = device_of(self.options.device, self.name)
        self._network: nn.Module | None = None
        self.stride = spec.stride
        self.moments = nn.Identity()  # gets every step's ``Moment``: a place for hooks
        if self.options.ablation != "no_ddpm":
            network, stride = load_prior(locate(spec, spec.weights[0], self.options.weights))
            self.stride = stride * self.options.chain_scale
            self._network = place(network, self.device, _PRECISIONS[self.options.precision])
        self.denoise = self._denoiser()

    def fuse(self, infrared: Tensor, visible: Tensor, seeds: Sequence[int]) -> Tensor:
        gray = read_luma(visible)
        sources = [
            pad((255 * image).round_() / 127.5 - 1, self.stride) for image in (infrared, gray)
        ]
        first, second = sources[::-1] if self.options.visible_is_a else sources
        height, width = infrared.shape[2:]
        fused = self.fuse_luma(first.to(self.device), second.to(self.device), seeds, self.moments)
        stretched = stretch(fused[:, :, :height, :width].cpu())
        if not self.options.rgb:
            return stretched
        return (visible + (stretched - gray)).clamp_(0, 1)

    def feature_maps(self) -> Mapping[str, FeatureMap]:
        """Maps of ``ddfm.maps``; none for the ablation without a prior."""
        if self._network is None:
            return {}
        return maps_of(self._network, self.moments, self.options.steps, self.options.chain_scale)

    def fuse_luma(
        self,
        a: Tensor,
        b: Tensor,
        seeds: Sequence[int],
        observe: Callable[[Moment], None] | None = None,
    ) -> Tensor:
        """The fused luma before the stretch.

        Args:
            a, b: sources by role, float32 [N, 1, H, W] in [-1, 1], sides multiples of ``stride``.
            seeds: one per image.
            observe: called after every step of the sampler.

        Returns:
            float32 [N, 1, H, W].
        """
        options, scale = self.options, self.options.chain_scale
        rectifier = rectifier_of(options, a, b)
        if options.ablation == "no_ddpm":
            fused = (a + b) / 2
            for _ in range(options.steps):
                fused = rectifier.step(fused)
            return fused
        own = [options.seed if options.seed is not None else seed for seed in seeds]
        generators = [torch.Generator().manual_seed(seed) for seed in own]
        shape = (len(a), 3, a.shape[2] // scale, a.shape[3] // scale)
        reduced = Reduced(rectifier, a, b, scale) if scale > 1 else None
        fused = sample(
            self.denoise,
            reduced or rectifier,
            normal(shape, generators).to(self.device),
            respaced(options.steps),
            STUDIO if options.luma_range == "studio" else FULL,
            options.sampler_eta,
            generators,
            observe,
        )
        return reduced.fused if reduced else fused

    def _denoiser(self) -> Denoiser:
        network = self._network
        kind = _PRECISIONS[self.options.precision]
        called: Any = torch.compile(network) if self.options.compile else network

        def denoise(x: Tensor, step: int) -> Tensor:
            times = torch.tensor(step, device=x.device)
            with strict_float32():
                noise: Tensor = called(x.to(kind), times, return_dict=False)[0]
            return noise[:, :3].float()

        return denoise


class DDFMLite(DDFM):
    """DDFM with the small prior that this project trained and ships; its results are not DDFM's.

    By default its chain runs at a quarter of each side, with the EM step at full size (see
    ``reduced``); with ``scale: 1`` it is the same method as ``DDFM`` with another prior.

    Args:
        **options: see ``DDFMLiteOptions``.

    Raises:
        UserError: no weights, or a wrong option.
    """

    name = "ddfm-lite"
    model = DDFMLiteOptions


def rectifier_of(options: DDFMOptions, a: Tensor, b: Tensor) -> Rectifier:
    """The rectification of a batch from its sources."""
    if options.phi is not None:
        return ADMM(ADMMSettings(phi=options.phi, psi=options.psi), a, b)
    settings = EMSettings(
        form=options.variant,
        psi=options.psi,
        eta=options.em_penalty,
        gradient=options.em_gradient,
        clamp=options.clamp,
        smoothness=options.ablation != "no_tv",
    )
    return EM(settings, a, b)


def read_luma(visible: Tensor) -> Tensor:
    """Gray of an 8-bit RGB image as DDFM reads it: 0.299 R + 0.587 G + 0.114 B, rounded to levels.

    Args:
        visible: float32 [N, 3, H, W] in [0, 1], multiples of 1/255.

    Returns:
        float32 [N, 1, H, W], multiples of 1/255. Rounding is half to even, in float32.
    """
    levels = (255 * visible).round_()
    red, green, blue = levels[:, 0:1], levels[:, 1:2], levels[:, 2:3]
    return (red * 0.299 + green * 0.587 + blue * 0.114).round_() / 255


def pad(image: Tensor, stride: int) -> Tensor:
    """Continue an image [N, C, H, W] by reflection at bottom and right to multiples of a stride."""
    for axis in (2, 3):
        size = image.shape[axis]
        padded = -(-size // stride) * stride
        if padded != size:
            index = torch.arange(padded) % max(1, 2 * size - 2)
            image = image.index_select(axis, torch.minimum(index, (2 * size - 2 - index).abs()))
    return image


def stretch(image: Tensor) -> Tensor:
    """Each image [1, H, W] of a batch stretched from its minimum and maximum to 0 and 1.

    An image of one value has no range to stretch; it is mapped from [-1, 1].
    """
    low, high = image.amin((2, 3), keepdim=True), image.amax((2, 3), keepdim=True)
    flat = high == low
    stretched = (image - low) / torch.where(flat, 1, high - low)
    return torch.where(flat, (image / 2 + 0.5).clamp(0, 1), stretched)
