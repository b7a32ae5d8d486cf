"""Objects and detections of many images as flat arrays, in the order in which COCO takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ivif_bench.types import Boxes

MOST_PER_CLASS = 100  # detections of an image and class that are judged, as by pycocotools


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """Boxes of all images, sorted by image, then class, then as the field says.

    Attributes:
        image, category: int64 [N], indices of the image and of the class.
        xywh: float64 [N, 4], x, y, width and height in pixels.
        score: float64 [N], falling within an image and class; zeros for objects.
        crowd, ignored: bool [N]; objects only. Crowd regions are ignored, too.
    """

    image: np.ndarray
    category: np.ndarray
    xywh: np.ndarray
    score: np.ndarray
    crowd: np.ndarray
    ignored: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    @property
    def area(self) -> np.ndarray:
        """Width times height, float64 [N] in square pixels."""
        area: np.ndarray = self.xywh[:, 2] * self.xywh[:, 3]
        return area

    def take(self, kept: np.ndarray) -> Flat:
        """The boxes at these indices, or where a mask is true; they must stay sorted."""
        return Flat(*(getattr(self, name)[kept] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What one detector found in the images of one method, with the objects.

    Attributes:
        stems: the images, in the order of their indices.
        classes: names, in the order of their indices.
    """

    stems: tuple[str, ...]
    classes: tuple[str, ...]
    truth: Flat
    found: Flat

    def without(self, unasked: np.ndarray) -> Judged:
        """The same with more objects that need not be found.

        Args:
            unasked: bool [objects]; detections of them count neither as right nor as wrong.
        """
        return replace(self, truth=replace(self.truth, ignored=self.truth.ignored | unasked))

    def only(self, images: np.ndarray) -> Judged:
        """A part of the images, at these rising indices."""
        new = np.full(len(self.stems), -1)
        new[images] = np.arange(len(images))
        parts = []
        for boxes in (self.truth, self.found):
            kept = boxes.take(new[boxes.image] >= 0)
            parts.append(replace(kept, image=new[kept.image]))
        return Judged(tuple(self.stems[each] for each in images), self.classes, *parts)

    def required(self) -> np.ndarray:
        """Objects that must be found: int64 [classes, images]."""
        return self.count(self.truth, ~self.truth.ignored)

    def count(self, boxes: Flat, kept: np.ndarray) -> np.ndarray:
        """Boxes where a mask is true: int64 [classes, images]."""
        shape = len(self.classes), len(self.stems)
        place = boxes.category[kept] * shape[1] + boxes.image[kept]
        return np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)


def judged(
    truth: Mapping[str, Boxes],
    found: Mapping[str, Boxes],
    classes: Sequence[str],
    most: int = MOST_PER_CLASS,
) -> Judged:
    """Objects and detections by stem as arrays; those of other classes are left out.

    Args:
        truth: objects by stem; images without objects count, with empty boxes.
        found: scored detections by the same stems.
        most: detections per image and class that are kept, the best.

    Raises:
        ValueError: truth and detections are not of the same images.
    """
    if set(truth) != set(found):
        raise ValueError("truth and detections are not of the same images")
    stems = sorted(truth)
    real = _flat([truth[stem] for stem in stems], classes)
    mine = _flat([found[stem] for stem in stems], classes)
    return Judged(tuple(stems), tuple(classes), in_order(real), best(in_order(mine), most))


def in_order(boxes: Flat) -> Flat:
    """Sorted by image, class, falling score, and by corners where scores are equal or absent.

    So the order in which boxes came changes nothing.
    """
    x, y, width, height = boxes.xywh.T
    keys = (y + height, x + width, y, x, -boxes.score, boxes.category, boxes.image)
    return boxes.take(np.lexsort(keys))  # numpy takes the last key first


def best(boxes: Flat, most: int) -> Flat:
    """The first ``most`` of each image and class of sorted boxes."""
    count = len(boxes)
    new = np.ones(count, bool)
    new[1:] = (np.diff(boxes.image) != 0) | (np.diff(boxes.category) != 0)
    first = np.maximum.accumulate(np.where(new, np.arange(count), 0))
    return boxes.take(np.arange(count) - first < most)


def _flat(images: Sequence[Boxes], classes: Sequence[str]) -> Flat:
    ids = {name: index for index, name in enumerate(classes)}
    corners = np.concatenate([each.xyxy for each in images] or [np.zeros((0, 4))])
    xywh = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    scores = [
        np.zeros(len(each.classes)) if each.scores is None else each.scores for each in images
    ]
    crowd = np.concatenate([each.crowd for each in images] or [np.zeros(0, bool)])
    difficult = np.concatenate([each.difficult for each in images] or [np.zeros(0, bool)])
    boxes = Flat(
        image=np.repeat(np.arange(len(images)), [len(each.classes) for each in images]),
        category=np.array([ids.get(name, -1) for each in images for name in each.classes], int),
        xywh=xywh.reshape(-1, 4),
        score=np.concatenate(scores or [np.zeros(0)]),
        crowd=crowd,
        ignored=crowd | difficult,
    )
    return boxes.take(boxes.category >= 0)
