"""Training images: read once, resized, and augmented by random numbers of (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from threading import Lock

import cv2
import numpy as np
import torch
from torch import Tensor

from ivif_bench.errors import UserError
from ivif_bench.parallel import in_threads
from ivif_bench.tasks.detection.geometry import letterbox
from ivif_bench.tasks.detection.yolov5 import perspective
from ivif_bench.tasks.detection.yolov5.augmentation import Augmentation
from ivif_bench.tasks.detection.yolov5.colour import change_colour
from ivif_bench.tasks.detection.yolov5.letterboxing import resized
from ivif_bench.tasks.detection.yolov5.mosaic import Picture, mixup, mosaic
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Boxes, Progress

MEMORY = 2 << 30  # bytes of resized images


class ResizedImages:
    """Samples whose images are resized when they are read, and whose boxes are relative to them.

    Every sample is read once when this is made. Images stay in memory up to a limit; the others are
    read again each time. Worker processes that are forked afterwards share what is in memory.

    Args:
        samples: not empty, RGB images and ``Boxes``.
        classes: names in the order of their numbers; objects of others are left out.
        image_size: longer side of the images, in pixels.
        augment: for training (bilinear); False is for validation.
        memory: limit in bytes.
        progress: called with the number read.

    Attributes:
        sizes: int64 [N, 2] height and width of the samples' images.
        rows: for each image float64 [M, 5] class number, centre x, y, width and height as fractions
            of the image; cut at its border, without empty boxes and without doubles.

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
        self.sizes = np.array([size for size, _ in found], np.int64).reshape(-1, 2)
        self.rows = [rows for _, rows in found]
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
        return resized(image, self.image_size, self._augment)

    def _read(self, ids: Mapping[str, int], index: int) -> tuple[tuple[int, int], np.ndarray]:
        _, image, boxes = self._samples[index]
        height, width = image.shape[:2]
        small = self._resized(image)
        with self._lock:
            keep = small.nbytes <= self._left
            self._left -= small.nbytes if keep else 0
        if keep:
            # A view would keep the array that it shows a part of.
            self._kept[index] = np.ascontiguousarray(small if small.base is None else small.copy())
        return (height, width), rows_of(boxes, ids, (height, width))


def rows_of(boxes: Boxes, ids: Mapping[str, int], size: tuple[int, int]) -> np.ndarray:
    """float64 [N, 5]: class number, centre, width and height as fractions of (height, width).

    Boxes are cut at the image's border; empty ones, those of classes without a number, and all but
    the first of equal ones are left out.
    """
    known = [index for index, name in enumerate(boxes.classes) if name in ids]
    numbers = np.array([ids[boxes.classes[index]] for index in known], np.float64)
    corners = boxes.xyxy[known].reshape(-1, 4) / (size[1], size[0], size[1], size[0])
    corners = corners.clip(0, 1)
    first, last = corners[:, :2], corners[:, 2:]
    rows = np.concatenate((numbers[:, None], (first + last) / 2, last - first), axis=1)
    rows = rows[(last > first).all(axis=1)]
    _, single = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(single)]


class TrainingImages:
    """Augmented training images; equal (seed, epoch, index) give equal ones, in any process.

    Args:
        samples, classes, image_size, memory, progress: as for ``ResizedImages``.
        augmentation: the options.
        seed: of all random numbers.
        rules: tag of the original whose filter of boxes is used, ``v6.0`` or ``v7.0``.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        classes: Sequence[str],
        image_size: int,
        augmentation: Augmentation,
        seed: int,
        rules: str = "v7.0",
        *,
        memory: int = MEMORY,
        progress: Progress | None = None,
    ) -> None:
        self.images = ResizedImages(samples, classes, image_size, memory=memory, progress=progress)
        self.image_size = image_size
        self._options = augmentation
        self._seed = seed
        self._most_aspect = perspective.MOST_ASPECT[rules]

    def __len__(self) -> int:
        return len(self.images)

    def item(self, epoch: int, index: int) -> tuple[Tensor, Tensor]:
        """uint8 [3, S, S] RGB and float32 [N, 5] class number, x, y, width, height as fractions."""
        planes = torch.empty((3, self.image_size, self.image_size), dtype=torch.uint8)
        rows = self.fill(planes.numpy(), epoch, index)
        return planes, torch.from_numpy(rows)

    def fill(self, planes: np.ndarray, epoch: int, index: int) -> np.ndarray:
        """The same written into planes uint8 [3, S, S]; returns the rows float32 [N, 5]."""
        options, side = self._options, self.image_size
        generator = np.random.default_rng((self._seed, epoch, index))
        if generator.random() < options.mosaic:
            image, rows, _ = self._mosaic(generator, index)
            if generator.random() < options.mixup:
                other = self._mosaic(generator, int(generator.integers(len(self))))
                image = mixup(image, other.image, generator.beta(32.0, 32.0))
                rows = np.concatenate((rows, other.rows))
        else:
            image, rows, _ = self._moved(generator, self._letterboxed(index))
        return _finished(generator, options, image, rows, planes, side)

    def _picture(self, index: int) -> Picture:
        image, rows = self.images.image(index), self.images.rows[index]
        return Picture(image, _corners(rows, image.shape[1], image.shape[0]))

    def _mosaic(self, generator: np.random.Generator, index: int) -> Picture:
        side = self.image_size
        row, column = (int(each) for each in generator.uniform(0.5 * side, 1.5 * side, 2))
        chosen = [index, *generator.integers(len(self), size=3).tolist()]
        generator.shuffle(chosen)
        joined = mosaic([self._picture(each) for each in chosen], side, (row, column))
        return self._moved(generator, joined)

    def _letterboxed(self, index: int) -> Picture:
        image, side = self.images.image(index), self.image_size
        square, place = letterbox(image, side)
        height, width = (place.scale * each for each in image.shape[:2])
        rows = _corners(self.images.rows[index], width, height)
        return Picture(square, np.add(rows, (0, place.left, place.top, place.left, place.top)))

    def _moved(self, generator: np.random.Generator, picture: Picture) -> Picture:
        """The picture under a drawn transformation, with the boxes that are worth keeping."""
        source, side = picture.image.shape[:2], self.image_size
        draws = perspective.draw(generator, self._options)
        matrix = perspective.matrix(draws, (source[0], source[1]), (side, side))
        image = perspective.warp(picture.image, matrix, (side, side))
        before = picture.rows[:, 1:]
        after = perspective.moved_boxes(before, matrix, (side, side))
        kept = perspective.worth_keeping(
            before * draws.scale, after, perspective.LEAST_AREA, self._most_aspect
        )
        return Picture(image, np.concatenate((picture.rows[:, :1], after), axis=1)[kept])


def _corners(rows: np.ndarray, width: float, height: float) -> np.ndarray:
    """Class and corners in pixels of rows in fractions."""
    half = rows[:, 3:] / 2
    corners = np.concatenate((rows[:, 1:3] - half, rows[:, 1:3] + half), axis=1)
    corners *= (width, height, width, height)
    return np.concatenate((rows[:, :1], corners), axis=1)


def fractions(rows: np.ndarray, width: int, height: int, margin: float = 0.0) -> np.ndarray:
    """float32 [N, 5] class, centre, width and height as fractions, of corners in pixels.

    Corners are cut at the border, less a margin in pixels.
    """
    first = rows[:, 1:3].clip(0, (width - margin, height - margin))
    last = rows[:, 3:].clip(0, (width - margin, height - margin))
    size = (width, height)
    joined = np.concatenate((rows[:, :1], (first + last) / 2 / size, (last - first) / size), axis=1)
    return joined.astype(np.float32)


def _finished(
    generator: np.random.Generator,
    options: Augmentation,
    image: np.ndarray,
    rows: np.ndarray,
    planes: np.ndarray,
    side: int,
) -> np.ndarray:
    """Colour, flips and the order of channels; returns the rows in fractions."""
    found = fractions(rows, side, side, 0.001)
    gains = 1 + generator.uniform(-1, 1, 3) * (options.hsv_h, options.hsv_s, options.hsv_v)
    if (gains != 1).any():
        image = change_colour(image, gains)
    upside_down, mirrored = generator.random(2) < (options.flipud, options.fliplr)
    if upside_down:
        found[:, 2] = 1 - found[:, 2]
    if mirrored:
        found[:, 1] = 1 - found[:, 1]
    if upside_down or mirrored:
        image = cv2.flip(image, -1 if upside_down and mirrored else int(mirrored))
    cv2.split(image, list(planes))
    return found
