"""The encoder of one modality: embedding, dense transformer block, dense invertible block."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ivif_bench.fusion_models.dmnet.architecture import Architecture, Wiring
from ivif_bench.fusion_models.dmnet.blocks import InvertibleNode, RestormerBlock, run


class DenseBlock(nn.Module):
    """Layers in a row whose outputs are added up, times a learned scale.

    x_1 = layer_1(x_0); then chain: x_k = layer_k(x_{k-1}), dense: x_k = layer_k(scale (x_0 + ...
    + x_{k-1})). Both: output = scale (x_1 + ... + x_n), where the scale starts at 1/n.

    Each layer may be invertible; the sum is not.
    """

    def __init__(self, layer: Callable[[], nn.Module], count: int, wiring: Wiring) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer() for _ in range(count))
        self.scale = nn.Parameter(torch.tensor(1 / count))
        self.dense = wiring == "dense"
        self.checkpointing = False

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same."""
        total = None
        current = x
        for layer in self.layers:
            current = run(layer, current, self.checkpointing)
            total = current if total is None else total + current
            if self.dense:
                current = self.scale * (x + total)
        assert total is not None
        return self.scale * total


class Encoder(nn.Module):
    """Base and detail features of a gray image; a block that is left out passes its input on."""

    def __init__(self, options: Architecture) -> None:
        super().__init__()
        width = options.width
        self.embedding = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.transformer: nn.Module = nn.Identity()  # DTB, scale alpha
        if options.transformer:
            self.transformer = DenseBlock(
                lambda: RestormerBlock(width, options.heads),
                options.transformer_layers,
                options.transformer_wiring,
            )
        self.invertible: nn.Module = nn.Identity()  # DIB, scale beta
        if options.invertible:
            self.invertible = DenseBlock(
                lambda: InvertibleNode(width),
                options.invertible_layers,
                options.invertible_wiring,
            )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Gray image [N, 1, H, W] in [0, 1] -> base features and detail features [N, C, H, W]."""
        base = self.transformer(self.embedding(image))  # Eq. 1: Phi^B = B(I)
        detail = self.invertible(base)  # Eq. 2: Phi^D = D(Phi^B)
        return base, detail
