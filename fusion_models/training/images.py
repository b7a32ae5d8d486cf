"""Training images: decoded once, kept in memory as uint8, cropped by a given generator.

A crop depends on the generator alone, and the loop makes that from (seed, step): so the data of
step 5000 is the same whether or not the training was interrupted.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from ivif_bench.data.base import LAYOUTS, Dataset, open_dataset
from ivif_bench.data.demo_limits import MOST_SCENES
from ivif_bench.data.images import luma, read_gray, read_rgb
from ivif_bench.data.sides import refuse_equal_pixels
from ivif_bench.errors import UserError
from ivif_bench.files import exists
from ivif_bench.types import Pair

DEMO_SEED = 60  # of drawn training scenes; runs use small seeds, the tasks' weights 50


@dataclass(frozen=True)
class PairImages:
    """A pair in memory: infrared uint8 [H, W] and visible RGB uint8 [H, W, 3].

    ``name`` is its source's name, a slash and its stem.
    """

    name: str
    infrared: np.ndarray
    visible: np.ndarray

    @cached_property
    def luma(self) -> np.ndarray:
        """Rounded BT.601 luma of the visible image, uint8 [H, W]."""
        return luma(self.visible)


@dataclass(frozen=True)
class Crops:
    """How crops are cut.

    Attributes:
        size: side of a crop in pixels after scaling.
        scales: a crop covers ``size`` x scale pixels of the image, downscaled; drawn uniformly.
        flip: mirror half of them left to right.
    """

    size: int
    scales: tuple[float, ...] = (1.0,)
    flip: bool = True


class PairPool:
    """All training pairs, in memory.

    Args:
        pairs: not empty.
        held_out: every n-th pair is kept for validation; 0 keeps none.
    """

    def __init__(self, pairs: Sequence[PairImages], held_out: int = 20) -> None:
        if not pairs:
            raise UserError("train: the data has no pairs")
        validation = {i for i in range(len(pairs)) if held_out and i % held_out == held_out - 1}
        self.training = [pair for i, pair in enumerate(pairs) if i not in validation]
        if not self.training:
            raise UserError(
                f"train: with held_out {held_out} all {len(pairs)} pairs are kept for validation; "
                "give more pairs, or held_out 0"
            )
        self.validation = [pair for i, pair in enumerate(pairs) if i in validation] or self.training
        digest = hashlib.sha256()
        for pair in pairs:
            digest.update(pair.name.encode())
            digest.update(pair.infrared.tobytes())
            digest.update(pair.visible.tobytes())
        self.fingerprint = digest.hexdigest()[:16]

    @property
    def sources(self) -> dict[str, int]:
        """Number of training pairs by source."""
        return dict(Counter(pair.name.rpartition("/")[0] for pair in self.training))

    def pairs(
        self, rng: np.random.Generator, count: int, crops: Crops, validation: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Random crops of pairs: infrared float32 [N, 1, S, S] and visible [N, 3, S, S] in [0, 1]."""
        pool = self.validation if validation else self.training
        infrared, visible = [], []
        for _ in range(count):
            pair = pool[rng.integers(len(pool))]
            window = _window(rng, pair.infrared.shape, crops)
            infrared.append(_cut(pair.infrared, window, crops.size)[None])
            visible.append(_cut(pair.visible, window, crops.size).transpose(2, 0, 1))
        return np.stack(infrared), np.stack(visible)

    def grays(
        self, rng: np.random.Generator, count: int, crops: Crops, validation: bool = False
    ) -> np.ndarray:
        """Random crops of single gray images, infrared and visible luma in turn; [N, 1, S, S].

        An odd count starts with either at random, so that both occur equally often.
        """
        pool = self.validation if validation else self.training
        first = int(rng.integers(2)) if count % 2 else 0
        found = []
        for index in range(first, first + count):
            pair = pool[rng.integers(len(pool))]
            image = pair.infrared if index % 2 else pair.luma
            found.append(_cut(image, _window(rng, image.shape, crops), crops.size)[None])
        return np.stack(found)


@dataclass(frozen=True)
class _Window:
    """A square of the image, possibly mirrored; parts outside are filled by reflection."""

    top: int
    left: int
    side: int
    mirrored: bool


def _window(rng: np.random.Generator, shape: tuple[int, ...], crops: Crops) -> _Window:
    height, width = shape[:2]
    side = round(crops.size * float(rng.choice(crops.scales)))
    if side > min(height, width):
        side = max(crops.size, min(height, width))
    top = int(rng.integers(max(0, height - side) + 1))
    left = int(rng.integers(max(0, width - side) + 1))
    return _Window(top, left, side, crops.flip and bool(rng.random() < 0.5))


def _cut(image: np.ndarray, window: _Window, size: int) -> np.ndarray:
    """One crop, float32 [size, size] or [size, size, 3] in [0, 1]."""
    side = window.side
    crop = image[window.top : window.top + side, window.left : window.left + side]
    below, right = side - crop.shape[0], side - crop.shape[1]
    if below or right:
        crop = cv2.copyMakeBorder(crop, 0, below, 0, right, cv2.BORDER_REFLECT)
    scaled = crop.astype(np.float32) / 255
    if side != size:
        scaled = cv2.resize(scaled, (size, size), interpolation=cv2.INTER_AREA)
    if window.mirrored:
        scaled = scaled[:, ::-1]
    return np.ascontiguousarray(scaled)


def read_sources(sources: Sequence[str]) -> list[PairImages]:
    """Read every pair of the sources, in their order.

    Args:
        sources: ``FOLDER`` (with sub-folders ``ir`` and ``vi``), ``LAYOUT=FOLDER`` (its train part
            if it has one, else all) or ``demo=COUNT`` (drawn scenes of a seed that no run uses).

    Raises:
        UserError: an unknown layout, a missing folder, an unreadable image.
    """
    found: list[PairImages] = []
    for source in sources:
        kind, equals, value = source.partition("=")
        if not equals or (exists(source) and Path(source).is_dir()):
            found += _read(_folder(Path(source)), Path(source).resolve().name)
        elif kind == "demo":
            found += _demo(value)
        else:
            LAYOUTS.get(kind)
            found += _read(open_dataset(kind, Path(value)), kind)
    return found


def _folder(path: Path) -> Dataset:
    if not path.is_dir():
        raise UserError(
            f"--data {path}: no such folder; give FOLDER with ir and vi, LAYOUT=FOLDER or demo=COUNT"
        )
    return open_dataset("folder", path)


def _read(dataset: Dataset, name: str) -> list[PairImages]:
    parts = dataset.official_splits()
    if parts and "train" not in parts:
        raise UserError(
            f"--data {name}: this dataset has a {' and a '.join(parts)} part but no train part"
        )
    chosen = dataset.select(parts["train"]) if parts else dataset.pairs
    return [_load(pair, name) for pair in chosen]


def _load(pair: Pair, name: str) -> PairImages:
    infrared, visible = read_gray(pair.infrared), read_rgb(pair.visible)
    if infrared.shape != visible.shape[:2]:
        raise UserError(
            f"--data {name}, stem {pair.stem!r}: infrared {infrared.shape} and visible "
            f"{visible.shape[:2]} differ in size"
        )
    refuse_equal_pixels(
        f"--data {name}, stem {pair.stem!r}", (pair.infrared, pair.visible), infrared, visible
    )
    return PairImages(f"{name}/{pair.stem}", infrared, visible)


def _demo(count: str) -> list[PairImages]:
    from ivif_bench.data.demo import write_detection

    if not (count.isdecimal() and len(count) < 7 and 0 < int(count) <= MOST_SCENES):
        raise UserError(
            f"--data demo={count}: expected a number of drawn scenes up to {MOST_SCENES}, "
            "such as demo=120"
        )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "scenes"
        write_detection(root, train=int(count), test=0, seed=DEMO_SEED)
        return _read(open_dataset("m3fd", root), "demo")
