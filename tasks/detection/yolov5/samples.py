"""Samples, read once: their images resized, in memory as far as they fit, and their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from threading import Lock

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.parallel import in_threads
from ivif_bench.tasks.detection.yolov5.labels import rows_of
from ivif_bench.tasks.detection.yolov5.letterboxing import resized
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Progress

MEMORY = 2 << 30  # bytes of resized images


class ResizedImages:
    """Samples whose images are resized when they are read, and whose boxes are relative to them.

    Every sample is read once when this is made. Images stay in memory up to a limit; the others are
    read again each time. Worker processes that are forked afterwards share what is in memory.

    Args:
        samples: RGB images and ``Boxes``.
        classes: names in the order of their numbers; objects of others are left out.
        image_size: longer side of the images, in pixels.
        augment: for training (bilinear); False is for validation.
        memory: limit in bytes.
        progress: called with the number read.

    Attributes:
        sizes: int64 [N, 2] height and width of the samples' images.
        rows: for each image float64 [M, 5] class number, centre x, y, width and height as fractions
            of the image; cut at its border, without empty boxes and doubles.
        sources: for each image int64 [M]: the numbers of these boxes in the sample.

    Raises:
        UserError: no sample has an object of any class.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        classes: Sequence[str],
        image_size: int,
        *,
        augment: bool = True,
        memory: int = MEMORY,
        progress: Progress | None = None,
    ) -> None:
        self.image_size = image_size
        self._samples = samples
        self._augment = augment
        self._kept: dict[int, np.ndarray] = {}
        self._left, self._lock = memory, Lock()
        read = partial(self._read, {name: number for number, name in enumerate(classes)})
        found = in_threads(read, range(len(samples)), progress, "reading images")
        self.sizes = np.array([size for size, _, _ in found], np.int64).reshape(-1, 2)
        self.rows = [rows for _, rows, _ in found]
        self.sources = [sources for _, _, sources in found]
        if not any(map(len, self.rows)):
            raise UserError(
                f"none of the {len(samples)} training images has an object of any class"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def image(self, index: int) -> np.ndarray:
        """RGB uint8 [H, W, 3] with its longer side of ``image_size``; not to be written to."""
        kept = self._kept.get(index)
        return self._resized(self._samples[index].image) if kept is None else kept

    @property
    def bytes_in_memory(self) -> int:
        """Of the images that are kept."""
        return sum(image.nbytes for image in self._kept.values())

    def _resized(self, image: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(resized(image, self.image_size, self._augment))

    def _read(
        self, ids: Mapping[str, int], index: int
    ) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
        _, image, boxes = self._samples[index]
        height, width = image.shape[:2]
        small = self._resized(image)
        with self._lock:
            keep = small.nbytes <= self._left
            self._left -= small.nbytes if keep else 0
        if keep:  # a view would keep all of what it shows a part of
            self._kept[index] = small if small.base is None else small.copy()
        return (height, width), *rows_of(boxes, ids, (height, width))
