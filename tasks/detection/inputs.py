"""What detectors see: fused images with the protocol's colour, written as RGB files to train on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ivif_bench.data.base import Dataset
from ivif_bench.data.chroma import Chroma, fused_rgb, source_rgb
from ivif_bench.data.images import encode_png
from ivif_bench.files import write_bytes
from ivif_bench.types import Boxes, Pair

SOURCES = ("visible", "infrared")


def image_of(pair: Pair, fused: Path | None, train_on: str | None, chroma: Chroma) -> np.ndarray:
    """The fused image of a pair, or its source where there is no fused file."""
    if fused is not None:
        return fused_rgb(fused, pair, chroma)
    assert train_on is not None
    return source_rgb(pair, train_on, chroma)


def truth_of(dataset: Dataset, pair: Pair, classes: Sequence[str]) -> Boxes:
    """Objects of a pair, of the protocol's classes only."""
    boxes = dataset.boxes(pair)
    return boxes.take([index for index, name in enumerate(boxes.classes) if name in classes])


def write_training_images(
    samples: Sequence[tuple[Pair, Path | None]],
    dataset: Dataset,
    classes: Sequence[str],
    train_on: str | None,
    chroma: Chroma,
    folder: Path,
) -> list[tuple[Path, Boxes]]:
    """Write one RGB PNG per sample into a folder, and return the files with their objects.

    Difficult objects are among them. Crowd regions are not: they are no boxes of one object, and
    trainings have no way to leave a region out, so they learn it as background.
    """
    written = []
    for pair, fused in samples:
        path = folder / f"{pair.stem}.png"
        write_bytes(path, encode_png(image_of(pair, fused, train_on, chroma)))
        boxes = truth_of(dataset, pair, classes)
        written.append((path, boxes.take(np.flatnonzero(~boxes.crowd).tolist())))
    return written
