"""The random draws of DMFuse: a noise level and a noise image for each of six passes.

The order is that of the published program: infrared at steps 5, 50, 100, then visible at 5, 50,
100; for each pass the level (NumPy) and then the noise (torch).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ivif_bench.fusion_models.sr3.schedule import draw_level, levels

TIME_STEPS = (5, 50, 100)
LEVELS = levels("cosine")


class Draws:
    """A pair of generators, on the CPU so that a device changes no draw."""

    def __init__(self, numbers: np.random.Generator | np.random.RandomState, seed: int) -> None:
        self._numbers = numbers
        self._noise = torch.Generator().manual_seed(seed)

    @classmethod
    def of_image(cls, seed: int) -> Draws:
        """Generators of one image: its passes depend on its own seed and on nothing else."""
        return cls(np.random.default_rng(seed), seed)

    @classmethod
    def official(cls, numpy_seed: int, torch_seed: int) -> Draws:
        """The program's global generators, as if it had seeded them; they run on over the images."""
        # NumPy's legacy generator is the very thing to reproduce here.
        return cls(np.random.RandomState(numpy_seed), torch_seed)

    def passes(self, size: tuple[int, int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Level [1, 1] and noise [1, 3, H, W] of the passes of one modality."""
        for step in TIME_STEPS:
            level = draw_level(LEVELS, step, self._numbers)
            noise = torch.randn(1, 3, *size, generator=self._noise)
            yield torch.tensor([[level]]), noise
