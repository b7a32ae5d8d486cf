"""Training images: augmented by random numbers that depend on (seed, epoch, index) only.

The original blurs one image in a hundred, and as many lose their colour or get another contrast, where
the package albumentations is installed; here that is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from ivif_bench.tasks.detection.geometry import letterbox
from ivif_bench.tasks.detection.yolov5 import perspective
from ivif_bench.tasks.detection.yolov5.augmentation import Augmentation
from ivif_bench.tasks.detection.yolov5.colour import change_colour
from ivif_bench.tasks.detection.yolov5.labels import in_fractions, in_pixels
from ivif_bench.tasks.detection.yolov5.mosaic import Picture, copy_paste, mixup, mosaic
from ivif_bench.tasks.detection.yolov5.rules import RULES, Version
from ivif_bench.tasks.detection.yolov5.samples import MEMORY, ResizedImages
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Progress

_MARGIN = 0.001  # pixels that boxes stay away from the right and the lower border


class TrainingImages:
    """Augmented training images; equal (seed, epoch, index) give equal ones, in any process.

    Args:
        samples, classes, image_size, memory, progress: as for ``ResizedImages``.
        augmentation: the options.
        seed: of all random numbers.
        rules: version of the original whose filter of boxes is used.
        outlines: for each sample the polygon [K, 2] of each of its boxes, as fractions of width and
            height; without, nothing is copied and pasted, as in the original.

    Attributes:
        images: before augmentation, with their labels.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        classes: Sequence[str],
        image_size: int,
        augmentation: Augmentation,
        seed: int,
        rules: Version = "v7.0",
        *,
        outlines: Sequence[Sequence[np.ndarray]] | None = None,
        memory: int = MEMORY,
        progress: Progress | None = None,
    ) -> None:
        self.images = ResizedImages(samples, classes, image_size, memory=memory, progress=progress)
        self.image_size = image_size
        self._options = augmentation
        self._seed = seed
        self._most_aspect = RULES[rules].largest_aspect
        self._outlines = outlines

    def __len__(self) -> int:
        return len(self.images)

    def item(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """uint8 [3, S, S] RGB and float32 [N, 5] class number, x, y, width, height as fractions."""
        planes = torch.empty((3, self.image_size, self.image_size), dtype=torch.uint8)
        return planes, torch.from_numpy(self.fill(planes.numpy(), epoch, index))

    def fill(self, planes: np.ndarray, epoch: int, index: int) -> np.ndarray:
        """As ``item``, with the image written into planes uint8 [3, S, S]; returns the rows."""
        generator = np.random.default_rng((self._seed, epoch, index))
        if generator.random() < self._options.mosaic:
            picture = self._mosaic(generator, index)
            if generator.random() < self._options.mixup:
                other = self._mosaic(generator, int(generator.integers(len(self))))
                image = mixup(picture.image, other.image, generator.beta(32.0, 32.0))
                picture = Picture(image, np.concatenate((picture.rows, other.rows)))
        else:
            picture = self._moved(generator, self._letterboxed(index))
        return self._finished(generator, picture, planes)

    def picture(self, index: int) -> Picture:
        """An image before augmentation, not letterboxed."""
        image = self.images.image(index)
        height, width = image.shape[:2]
        outlines: tuple[np.ndarray, ...] = ()
        if self._outlines is not None:
            given = self._outlines[index]
            outlines = tuple(given[box] * (width, height) for box in self.images.sources[index])
        return Picture(image, in_pixels(self.images.rows[index], width, height), outlines)

    def _mosaic(self, generator: np.random.Generator, index: int) -> Picture:
        side = self.image_size
        row, column = generator.uniform(0.5 * side, 1.5 * side, 2).astype(int).tolist()
        chosen = [index, *generator.integers(len(self), size=3).tolist()]
        generator.shuffle(chosen)
        joined = mosaic([self.picture(each) for each in chosen], side, (row, column))
        count = round(self._options.copy_paste * len(joined.outlines))
        if count:
            picked = generator.choice(len(joined.outlines), count, replace=False).tolist()
            joined = copy_paste(joined, picked)
        return self._moved(generator, joined)

    def _letterboxed(self, index: int) -> Picture:
        image = self.images.image(index)
        square, place = letterbox(image, self.image_size)
        height, width = (place.scale * each for each in image.shape[:2])
        rows = in_pixels(self.images.rows[index], width, height, place.left, place.top)
        return Picture(square, rows)

    def _moved(self, generator: np.random.Generator, picture: Picture) -> Picture:
        """The picture under a drawn transformation, with the boxes that are worth keeping."""
        height, width = picture.image.shape[:2]
        output = (self.image_size, self.image_size)
        draws = perspective.draw(generator, self._options)
        matrix = perspective.matrix(draws, (height, width), output)
        before, least_area = picture.rows[:, 1:], perspective.LEAST_AREA
        if picture.outlines:
            least_area = perspective.LEAST_AREA_OUTLINED
            after = np.stack(
                [perspective.outline_box(each, matrix, output) for each in picture.outlines]
            )
        else:
            after = perspective.moved_boxes(before, matrix, output)
        kept = perspective.worth_keeping(before * draws.scale, after, least_area, self._most_aspect)
        rows = np.concatenate((picture.rows[:, :1], after), axis=1)[kept]
        return Picture(perspective.warp(picture.image, matrix, output), rows)

    def _finished(
        self, generator: np.random.Generator, picture: Picture, planes: np.ndarray
    ) -> np.ndarray:
        """Colour, flips and the order of channels; returns the rows in fractions."""
        options, image = self._options, picture.image
        rows = in_fractions(picture.rows, self.image_size, self.image_size, _MARGIN)
        gains = 1 + generator.uniform(-1, 1, 3) * (options.hsv_h, options.hsv_s, options.hsv_v)
        upside_down, mirrored = generator.random(2) < (options.flipud, options.fliplr)
        if (gains != 1).any():
            image = change_colour(image, gains)
        if upside_down:
            rows[:, 2] = 1 - rows[:, 2]
        if mirrored:
            rows[:, 1] = 1 - rows[:, 1]
        if upside_down or mirrored:
            image = cv2.flip(image, -1 if upside_down and mirrored else int(mirrored))
        cv2.split(image, list(planes))
        return rows
