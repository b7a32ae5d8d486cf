"""The hybrid decoder DE of Eqs. 11 and 12: transformer blocks, then two convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from ivif_bench.fusion_models.dmnet.architecture import Architecture
from ivif_bench.fusion_models.dmnet.blocks import RestormerBlock, run


class Decoder(nn.Module):
    """Features to a gray image; the same structure and weights in both training stages."""

    def __init__(self, options: Architecture) -> None:
        super().__init__()
        width = options.width
        self.blocks = nn.Sequential(
            *(RestormerBlock(width, options.heads) for _ in range(options.decoder_blocks))
        )
        self.checkpointing = False
        self.tail = nn.Sequential(
            nn.Conv2d(width, width // 2, 3, padding=1, bias=False),
            nn.LeakyReLU(options.decoder_slope),
            nn.Conv2d(width // 2, 1, 3, padding=1, bias=False),
        )

    def forward(self, features: Tensor, added: Tensor | None = None) -> Tensor:
        """Decode.

        Args:
            features: [N, C, H, W].
            added: image [N, 1, H, W] to add before the sigmoid, if any.

        Returns:
            [N, 1, H, W] in [0, 1].
        """
        for block in self.blocks:
            features = run(block, features, self.checkpointing)
        image = self.tail(features)
        if added is not None:
            image = image + added
        fused: Tensor = image.sigmoid()
        return fused
