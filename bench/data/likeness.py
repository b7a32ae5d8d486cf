"""How alike two images are, from thumbnails: frames of one scene against frames of different ones.

A thumbnail has 64 x 48 pixels. Its local mean is subtracted and its local contrast divided out, so that
neither exposure nor the light of sky and road counts. The likeness of two thumbnails is the peak of
their normalised correlation over shifts of up to 12 x 8 pixels (19 and 17 %), which a camera makes that
turns or a car that drives; 1 for equal ones. What leaves the picture by the shift counts as different.

What likeness means nothing differs between datasets. It is measured on each: frames are compared with
*mirrored* frames, which have the same sensor, light and layout (road below, sky above), but never show
the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ivif_bench.data.images import read_gray
from ivif_bench.parallel import in_threads
from ivif_bench.types import Pair, Progress

WIDTH, HEIGHT = 64, 48
_REACH = (12, 8)  # pixels of a thumbnail
_BLUR = 6.0  # pixels of a thumbnail: what is local
_NOISE = 4.0  # gray levels of contrast that count as none
_BLANK = 1e-3  # mean square of outlines that hold nothing, such as those of a black picture
_SAMPLES = 1000  # comparisons with mirrored frames
# Bounds of what chance reaches: a set of few frames, or of symmetrical streets, says too little.
_LEAST, _MOST = 0.3, 0.6


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """Thumbnails of pairs, in the pairs' order: uint8 [n, 48, 64] each; 6 kB a pair."""

    infrared: np.ndarray
    visible: np.ndarray

    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Infrared, visible."""
        return self.infrared, self.visible


def thumbnails(pairs: Sequence[Pair], progress: Progress | None = None) -> Thumbnails:
    """Read both sides of pairs, on all processors.

    Raises:
        UserError: an image cannot be read.
    """
    read = in_threads(
        lambda pair: (_reduced(read_gray(pair.infrared)), _reduced(read_gray(pair.visible))),
        pairs,
        progress,
        "reading pairs",
    )
    empty = np.zeros((0, HEIGHT, WIDTH), np.uint8)
    both = [np.stack([pair[side] for pair in read]) if read else empty for side in (0, 1)]
    return Thumbnails(both[0], both[1])


def _reduced(gray: np.ndarray) -> np.ndarray:
    return cv2.resize(gray, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def outlines(thumbnail: np.ndarray) -> np.ndarray:
    """What is compared of a thumbnail, uint8 [48, 64] -> float32 [48, 64]."""
    image = thumbnail.astype(np.float32)
    image -= cv2.GaussianBlur(image, (0, 0), _BLUR)
    contrast = np.sqrt(cv2.GaussianBlur(image * image, (0, 0), _BLUR))
    found: np.ndarray = image / (contrast + _NOISE)
    return found


def mirrored(image: np.ndarray) -> np.ndarray:
    """The image with left and right exchanged."""
    return np.ascontiguousarray(image[:, ::-1])


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Likeness of two ``outlines``, at most 1; 0 if one is blank. See the module."""
    if min(float(np.square(image).mean()) for image in (first, second)) < _BLANK:
        return 0.0
    x, y = _REACH
    room = cv2.copyMakeBorder(second, y, y, x, x, cv2.BORDER_CONSTANT, value=0.0)
    found = cv2.matchTemplate(room, first, cv2.TM_CCORR_NORMED)
    return float(found.max())


def by_chance(side: np.ndarray, share: float = 0.995) -> float:
    """The likeness that this share of frames does not reach with mirrored neighbours; 0.3 to 0.6.

    Args:
        side: thumbnails of one side in their order, uint8 [n, 48, 64].
    """
    count = len(side)
    if count < 2:
        return _MOST
    wanted = np.unique(np.linspace(0, count - 2, min(count - 1, _SAMPLES)).round().astype(int))
    found = [
        likeness(outlines(side[at]), mirrored(outlines(side[at + 1]))) for at in wanted.tolist()
    ]
    return float(np.clip(np.quantile(found, share), _LEAST, _MOST))
