"""Linear prediction of the image from the diffusion features, for training the diffusion network.

In a narrow network the features need not contain the image's brightness: every block of the finest
level ends with a normalisation per channel, so brightness can only be in the residual sums around the
blocks, and noise prediction does not require it. A fusion head then cannot use it.
docs/methods/dmfuse.md has the measured effect.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ivif_bench.fusion_models.sr3.unet import UNet, UNetConfig

_FIRST_GAIN = 4.0


def favour_picture(unet: UNet) -> None:
    """Enlarge the first convolution of a new network.

    The residual sums around the blocks then have a larger share of the image than the blocks add. The
    first block is not affected, because it normalises every channel.
    """
    with torch.no_grad():
        unet.init_conv.weight.mul_(_FIRST_GAIN)


class PictureReadout(nn.Module):
    """A 1x1 convolution per scale from a decoder feature to the gray picture."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            nn.Conv2d(config.tap_channels(tap), 1, 1) for tap in config.first_taps
        )

    def errors(self, features: Sequence[Tensor], picture: Tensor) -> Tensor:
        """Mean absolute difference to the picture at each scale.

        Args:
            features: [N, C, H / 2^k, W / 2^k], finest first, of the network's ``first_taps``.
            picture: the clean one, [N, 1, H, W].

        Returns:
            [N, scales].
        """
        found = []
        for level, (scale, feature) in enumerate(zip(self.scales, features, strict=True)):
            wanted = functional.avg_pool2d(picture, 2**level)
            with torch.autocast(feature.device.type, enabled=False):  # bf16 is too coarse for it
                seen = scale(feature.float())
            found.append((seen - wanted).abs().mean(dim=(1, 2, 3)))
        return torch.stack(found, dim=1)
