"""Reads the files of one pair for an audit; defects are noted and do not stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.data.base import Dataset
from ivif_bench.data.images import decode, pixel_hash, size_in_header
from ivif_bench.data.shift import estimated_shift
from ivif_bench.data.sides import equal_files, equal_pixels, one_image
from ivif_bench.errors import UserError
from ivif_bench.types import Pair

_REMEMBERED = (
    "size", "channels", "shift", "pixels", "boxes", "crowd", "difficult", "outside", "labels"
)  # fmt: skip


@dataclass(slots=True)
class Finding:
    """The findings of one pair; small, so that thousands fit in memory.

    Attributes:
        size: (height, width), None if unreadable or mismatched.
        equal: the infrared file, if infrared and visible are one image.
        channels: how infrared and visible are stored, such as ``gray`` or ``RGB, equal channels``.
        shift: see ``ivif_bench.data.shift.estimated_shift``.
        pixels: hashes of the pixels of infrared and visible; equal images have equal ones.
        boxes: class names of the boxes, None if they could not be read or there are none to read.
        crowd, difficult: class names of the boxes with these flags.
        outside: boxes without area or beyond the image by more than a pixel.
        labels: pixels per label value, None likewise.
        errors: unreadable or inconsistent files, each a sentence.
    """

    stem: str
    size: tuple[int, int] | None = None
    equal: Path | None = None
    channels: tuple[str, str] | None = None
    shift: tuple[int, int] | None = None
    pixels: tuple[str, str] | None = None
    boxes: tuple[str, ...] | None = None
    crowd: tuple[str, ...] = ()
    difficult: tuple[str, ...] = ()
    outside: int = 0
    labels: dict[int, int] | None = None
    errors: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """A finding without defects as JSON values, for ``from_json``."""
        values = asdict(self)
        return {name: values[name] for name in _REMEMBERED}

    @classmethod
    def from_json(cls, stem: str, values: Mapping[str, Any]) -> Finding:
        """The finding of a pair without defects.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: the values are not of that form.
        """
        height, width = values["size"]
        infrared, visible = values["channels"]
        boxes, labels = values["boxes"], values["labels"]
        shift, (first, second) = values["shift"], values["pixels"]
        return cls(
            stem,
            size=(int(height), int(width)),
            channels=(str(infrared), str(visible)),
            shift=None if shift is None else (int(shift[0]), int(shift[1])),
            pixels=(str(first), str(second)),
            boxes=None if boxes is None else tuple(map(str, boxes)),
            crowd=tuple(map(str, values["crowd"])),
            difficult=tuple(map(str, values["difficult"])),
            outside=int(values["outside"]),
            labels=None if labels is None else {int(k): int(v) for k, v in labels.items()},
        )


def examine(dataset: Dataset, pair: Pair) -> Finding:
    """Read the files of one pair."""
    finding = Finding(pair.stem)
    images = []
    channels = []
    claimed = [_claimed_size(path) for path in (pair.infrared, pair.visible)]
    differ = None not in claimed and claimed[0] != claimed[1]
    if differ:  # said without decoding, which may take gigabytes
        finding.errors.append(_two_sizes(pair, claimed))
    for path in () if differ else (pair.infrared, pair.visible):
        try:
            image = decode(path)
        except UserError as problem:
            finding.errors.append(str(problem))
            continue
        images.append(image if image.ndim == 2 else image[:, :, 2::-1])
        channels.append(_stored_as(image))
    if len(images) == 2:
        finding.channels = (channels[0], channels[1])
        shapes = [image.shape[:2] for image in images]
        if shapes[0] == shapes[1]:
            finding.size = shapes[0]
            finding.shift = estimated_shift(images[0], images[1])
            finding.pixels = (pixel_hash(images[0]), pixel_hash(images[1]))
            if equal_pixels(*images) or equal_files(pair.infrared, pair.visible):
                finding.equal = pair.infrared
        else:
            finding.errors.append(_two_sizes(pair, shapes))
    if dataset.detection_classes and (dataset.background or pair.annotation is not None):
        _examine_boxes(dataset, pair, finding)
    if dataset.segmentation_classes and pair.mask is not None:
        _examine_mask(dataset, pair, finding)
    return finding


def _claimed_size(path: Path) -> tuple[int, int] | None:
    try:
        return size_in_header(path)
    except UserError:
        return None  # decoding says what is wrong


def _two_sizes(pair: Pair, shapes: Sequence[Any]) -> str:
    return (
        f"{pair.stem}: infrared is {size_text(shapes[0])} and visible {size_text(shapes[1])}; "
        "the pair is not registered, or its files are swapped"
    )


def equal_sides(findings: Sequence[Finding]) -> str | None:
    """The error on pairs whose infrared and visible are one image; None if there are none."""
    found = {finding.stem: finding.equal for finding in findings if finding.equal is not None}
    if not found:
        return None
    return one_image("image", list(found), len(findings), next(iter(found.values())))


def _examine_boxes(dataset: Dataset, pair: Pair, finding: Finding) -> None:
    try:
        boxes = dataset.all_boxes(pair)
    except UserError as problem:
        finding.errors.append(str(problem))
        return
    finding.boxes = boxes.classes
    finding.crowd = boxes.take(np.flatnonzero(boxes.crowd).tolist()).classes
    finding.difficult = boxes.take(np.flatnonzero(boxes.difficult).tolist()).classes
    if finding.size is not None:
        height, width = finding.size
        x1, y1, x2, y2 = boxes.xyxy.T
        bad = (x2 <= x1) | (y2 <= y1) | (x1 < -1) | (y1 < -1) | (x2 > width + 1) | (y2 > height + 1)
        finding.outside = int(bad.sum())


def _examine_mask(dataset: Dataset, pair: Pair, finding: Finding) -> None:
    try:
        labels = dataset.stored_mask(pair)
    except UserError as problem:
        finding.errors.append(str(problem))
        return
    counts = np.bincount(labels.ravel(), minlength=256)
    finding.labels = {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
    if finding.size is not None and labels.shape != finding.size:
        finding.errors.append(
            f"{pair.mask}: labels are {size_text(labels.shape)}, "
            f"the images {size_text(finding.size)}"
        )


def _stored_as(image: np.ndarray) -> str:
    """Channels as they are in the file."""
    if image.ndim == 2:
        return "gray"
    mode = "RGB" if image.shape[2] == 3 else "RGBA"
    blue, green, red = (image[:, :, channel] for channel in range(3))
    equal = np.array_equal(blue, green) and np.array_equal(green, red)
    return f"{mode} with equal channels" if equal else mode


def size_text(shape: tuple[int, ...]) -> str:
    """``WIDTHxHEIGHT`` of an array's shape."""
    return f"{shape[1]}x{shape[0]}"
