"""What segmenters see: fused images with the protocol's colour, and their label images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ivif_bench.data.base import Dataset
from ivif_bench.data.chroma import Chroma, fused_rgb, source_rgb
from ivif_bench.errors import UserError
from ivif_bench.tasks.segmentation.registry import Sample
from ivif_bench.types import Pair


@dataclass(frozen=True)
class Samples(Sequence[Sample]):
    """Images with labels, read when indexed.

    Attributes:
        fused: the method's files, one per pair; empty to see one side of the pairs.
        side: which side, if ``fused`` is empty.
    """

    dataset: Dataset
    pairs: tuple[Pair, ...]
    chroma: Chroma
    fused: tuple[Path, ...] = ()
    side: Literal["visible", "infrared"] = "visible"

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        pair = self.pairs[index]
        mask = self.dataset.mask(pair)
        file = self.fused[index] if self.fused else None
        rgb = (
            fused_rgb(file, pair, self.chroma) if file else source_rgb(pair, self.side, self.chroma)
        )
        if rgb.shape[:2] != mask.shape:
            raise UserError(
                f"dataset {pair.dataset!r}, stem {pair.stem!r}: the image is "
                f"{rgb.shape[1]}x{rgb.shape[0]}, its labels are {mask.shape[1]}x{mask.shape[0]}"
            )
        return rgb, mask
