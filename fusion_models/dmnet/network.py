"""DMNet: the network, put together from its parts.

Source: "DMNet", IEEE Internet of Things Journal 12(19), 2025; Eqs. 1-19 are numbered as there. No
code or weights of it were published: this is a re-implementation from the text.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.fusion_models.dmnet.csab import CSAB
from ivif_bench.fusion_models.dmnet.decoder import Decoder
from ivif_bench.fusion_models.dmnet.diffusion import DiffusionModule, Latent, PlainLatent
from ivif_bench.fusion_models.dmnet.encoder import DenseBlock, Encoder
from ivif_bench.fusion_models.sr3.unet import UNet

INFRARED, VISIBLE, LATENT = range(3)


class Fusion(NamedTuple):
    """The output of DMNet for a batch.

    Attributes:
        image: fused, [N, 1, H, W] in [0, 1].
        predicted: the noise that the diffusion module saw, [N, steps, 2, H, W], or None.
        clean: the diffusion module's input, [N, 2, H, W].
    """

    image: Tensor
    predicted: Tensor | None
    clean: Tensor


class DMNet(nn.Module):
    """Dense multiscale fusion network; 386,247,442 parameters by default (the paper says 386M).

    The paper gives: an embedding convolution; five transformer layers whose outputs are added with
    a scale alpha, 1/5 at the start; three invertible layers with beta, 1/3; SR3's UNet on a
    two-channel image at steps 5, 50, 100; a convolution over its five scales; CSAB; a decoder of
    transformer and CNN. What it does not specify is an option of ``Architecture``:

    width, heads: 64 channels in 8 heads, as CDDFuse, whose blocks the paper takes.
    encoders: ``shared`` by both modalities, as in CDDFuse; or ``separate``.
    transformer_layers, invertible_layers: 5 and 3, from the paper.
    transformer_wiring, invertible_wiring: ``chain``, each layer reads the one before, as the text
        says; or ``dense``, it reads the scaled sum of all earlier ones, as the name suggests.
    attention_modules: one CSAB ``shared`` by its three inputs (Eq. 10 writes one A); or
        ``separate``.
    attention_order: ``channel_first``, as CBAM; or ``spatial_first``.
    attention_ratio, attention_kernel: 8, DANet's (same group), and 7, CBAM's.
    pooling_mix, pooling_share: s max + (1-s) mean. Mixed pooling is only named; ``learned`` has one
        s for the channel and one for the spatial part, from 0.5; ``per_channel`` one s per channel
        in the channel part; ``fixed`` keeps s.
    latent_input_kernel: 1, the convolution of Eq. 9, of which only the output size is stated; or 3.
    latent_input_range: ``unit``, the two-channel image in [0, 1], as DANet feeds it; ``symmetric``,
        in [-1, 1]. It concerns stage I: in stage II the convolution of Eq. 9 is free to scale.
    unet_width, unet_groups, unet_dropout: 128, 32, 0.2, the effective setting of Dif-Fusion, the
        paper's reference for diffusion in fusion.
    unet_attention: ``middle`` only, for the same reason and the parameter count; ``eighth`` or
        ``sixteenth`` attend at that scale too; ``eighth_only`` there and not in the middle.
    schedule: ``linear`` 1e-6 to 1e-2 over 2000 steps, as DANet; or ``cosine``.
    noise_steps: 5, 50, 100, from the paper.
    steps_combined: ``mean`` over the steps, as DANet; or ``concatenate``.
    projection: ``top_down``, one linear 3x3 convolution per scale. The paper says one convolution,
        but with the default UNet only this meets its 386M parameters; ``single_1x1`` and
        ``single_3x3`` are the literal reading, on the enlarged and concatenated scales.
    upsampling: ``nearest``, as in the UNet; or ``bilinear``.
    decoder_blocks, decoder_slope: 4 transformer blocks, then 3x3 convolutions to half the width and
        to 1 with LeakyReLU between, without bias, and a sigmoid, as CDDFuse and DANet.
    add_visible: off, as Eqs. 11-12 say; on, the image itself (stage I) or the visible image (stage
        II) is added before the sigmoid, as CDDFuse and DANet do.
    output_range: ``clamp`` to [0, 1], so that images stay comparable; ``minmax`` stretches each.
    transformer, invertible, attention, diffusion: off leaves the part out, for ablations; two
        convolutions take the place of the diffusion module.
    """

    def __init__(self, options: Architecture | None = None) -> None:
        super().__init__()
        self.options = options = options or Architecture()
        width = options.width
        count = 2 if options.encoders == "separate" else 1
        self.encoders = nn.ModuleList(Encoder(options) for _ in range(count))
        count = 3 if options.attention_modules == "separate" else 1
        self.attention = nn.ModuleList(
            CSAB(options) if options.attention else nn.Identity() for _ in range(count)
        )
        kernel = options.latent_input_kernel
        self.latent_input = nn.Conv2d(2 * width, 2, kernel, padding=kernel // 2)
        self.diffusion = DiffusionModule(options) if options.diffusion else None
        self.plain_latent = None if options.diffusion else PlainLatent(options)
        self.decoder = Decoder(options)

    def set_checkpointing(self, on: bool) -> None:
        """Whether training computes activations again in the backward pass, to save memory."""
        for module in self.modules():
            if isinstance(module, DenseBlock | Decoder | UNet):
                module.checkpointing = on

    def encode(self, image: Tensor, modality: int) -> tuple[Tensor, Tensor]:
        """Base and detail features of one modality, Eqs. 1 and 2; [N, 1, H, W] -> [N, C, H, W]."""
        base, detail = self.encoders[modality % len(self.encoders)](image)
        return base, detail

    def attend(self, features: Tensor, source: int) -> Tensor:
        """Eq. 10: Phi^A = A(Phi) of infrared, visible or latent features."""
        gated: Tensor = self.attention[source % len(self.attention)](features)
        return gated

    def reconstruct(self, image: Tensor, modality: int) -> Tensor:
        """Eq. 11, stage I: I' = DE(A(D(B(I)))); [N, 1, H, W] in [0, 1] -> the same."""
        _, detail = self.encode(image, modality)
        decoded: Tensor = self.decoder(
            self.attend(detail, modality), image if self.options.add_visible else None
        )
        return decoded

    def stage_one_input(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """The two-channel image on which stage I trains the diffusion module, [N, 2, H, W]."""
        pair = torch.cat((infrared, visible), dim=1)
        return pair if self.options.latent_input_range == "unit" else 2 * pair - 1

    def latent(self, clean: Tensor, noise: Tensor, level: Tensor, predict: bool) -> Latent:
        """Phi^L of the two-channel image; see ``DiffusionModule.forward``."""
        if self.diffusion is not None:
            latent: Latent = self.diffusion(clean, noise, level, predict)
            return latent
        assert self.plain_latent is not None
        return Latent(self.plain_latent(clean), None)

    def forward(
        self,
        infrared: Tensor,
        visible: Tensor,
        noise: Tensor,
        level: Tensor | None = None,
        *,
        predict: bool = False,
        detach: bool = False,
    ) -> Fusion:
        """Fuse a batch, as in stage II.

        Args:
            infrared: [N, 1, H, W] in [0, 1]; H and W multiples of 16.
            visible: luma, likewise.
            noise: standard normal, [N, steps, 2, H, W].
            level: noise levels [N, steps]; by default the fixed end point of each step.
            predict: also return the noise that the diffusion module predicts.
            detach: let no gradient pass into the diffusion module's input.
        """
        if level is None:
            level = self.end_levels(len(infrared)).to(infrared.device)
        base_ir, detail_ir = self.encode(infrared, INFRARED)
        base_vis, detail_vis = self.encode(visible, VISIBLE)
        clean = self.latent_input(torch.cat((base_ir, base_vis), dim=1))  # Conv of Eq. 9
        if detach:
            clean = clean.detach()
        together = self.attend(detail_ir, INFRARED) + self.attend(detail_vis, VISIBLE)
        del base_ir, base_vis, detail_ir, detail_vis  # the UNet needs the memory
        latent = self.latent(clean, noise, level, predict)
        # Eq. 12: F = DE(Phi^A_ir + Phi^A_vis + Phi^A_lf)
        together = together + self.attend(latent.features, LATENT)
        image = self.decoder(together, visible if self.options.add_visible else None)
        return Fusion(image, latent.predicted, clean)

    def end_levels(self, count: int) -> Tensor:
        """Noise levels used outside training, float32 [count, steps]."""
        if self.diffusion is None:
            return torch.ones(count, len(self.options.noise_steps))
        return self.diffusion.end_levels(count)


def count_parameters(options: Architecture) -> int:
    """Parameters of the network with these options, counted without allocating any."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in DMNet(options).parameters())
