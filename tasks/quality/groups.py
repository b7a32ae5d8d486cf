"""Scores many triples of image files: reading ahead, decoding and computing in threads.

A group is one stem: its two sources, read once, and any number of fused images. Threads work on
images, never inside one; decoding and kernels run without the interpreter's lock. Files are read
ahead by a thread of its own, so no worker waits for a disk.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ivif_bench.data.images import read_bytes
from ivif_bench.data.pictures import Picture, read_picture
from ivif_bench.data.sides import refuse_equal_pixels
from ivif_bench.errors import UserError
from ivif_bench.tasks.quality.engine import Evaluator
from ivif_bench.tasks.quality.scores import ImageScores

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.batched import BatchedEvaluator

Scored = tuple[str, dict[str, ImageScores]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """One stem: source files, and the fused files by method."""

    stem: str
    infrared: Path
    visible: Path
    fused: Mapping[str, Path]

    @property
    def files(self) -> list[Path]:
        """Every file, sources first."""
        return [self.infrared, self.visible, *self.fused.values()]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A fused image with its sources, decoded, as ``Evaluator.measure`` takes them."""

    infrared: np.ndarray
    visible: np.ndarray
    fused: np.ndarray
    notes: tuple[str, ...]
    kinds: Mapping[str, str]

    @property
    def images(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Infrared, visible, fused."""
        return self.infrared, self.visible, self.fused


def score_groups(
    groups: Sequence[ImageGroup],
    evaluator: Evaluator,
    workers: int = 0,
    batched: BatchedEvaluator | None = None,
) -> Iterator[Scored]:
    """Scores by method for every stem.

    Args:
        workers: threads; 0 means as many as this process has cores. No value depends on it.
        batched: computes on a device instead; ``workers`` then only decode.

    Yields:
        (stem, scores by method): in the order of the groups, or batch by batch on a device.

    Raises:
        UserError: a file is unreadable, sizes differ, or infrared and visible hold the same
            pixels; the message names stem and file.
    """
    threads = workers if workers > 0 else available_cores()
    if batched is not None:
        loaded = _in_order(lambda group, data: load(group, evaluator, data), groups, threads)
        yield from batched.score(loaded)
        return
    yield from _in_order(lambda group, data: _score(group, evaluator, data), groups, threads)


def load(group: ImageGroup, evaluator: Evaluator, data: Sequence[bytes]) -> dict[str, Loaded]:
    """Decode one stem; each source once, whatever the number of methods."""
    infrared, visible, *fused = (
        read_picture(path, content) for path, content in zip(group.files, data, strict=True)
    )
    refuse_equal_pixels(
        f"stem {group.stem!r}", (group.infrared, group.visible), infrared.pixels, visible.pixels
    )
    sources = {
        "infrared": evaluator.prepare(infrared.pixels),
        "visible": evaluator.prepare(visible.pixels),
    }
    notes = [
        *_notes("infrared", infrared, sources["infrared"], {}),
        *_notes("visible", visible, sources["visible"], {"infrared": sources["infrared"]}),
    ]
    found = {}
    for (method, path), picture in zip(group.fused.items(), fused, strict=True):
        pixels = evaluator.prepare(picture.pixels)
        _check_sizes(group.stem, path, {**sources, "fused": pixels})
        found[method] = Loaded(
            sources["infrared"],
            sources["visible"],
            pixels,
            (*notes, *_notes("fused", picture, pixels, sources)),
            {"infrared": infrared.kind, "visible": visible.kind, "fused": picture.kind},
        )
    return found


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _score(
    group: ImageGroup, evaluator: Evaluator, data: Sequence[bytes]
) -> dict[str, ImageScores]:
    return {
        method: ImageScores(evaluator.measure(*loaded.images), loaded.notes, loaded.kinds)
        for method, loaded in load(group, evaluator, data).items()
    }


def _notes(
    side: str, picture: Picture, pixels: np.ndarray, others: Mapping[str, np.ndarray]
) -> list[str]:
    """What a reader of the numbers must know of one image: how it was read, and if it is empty."""
    notes = list(picture.notes)
    if _is_constant(pixels):
        notes.append(f"constant {pixels[0, 0].tolist()}" if pixels[0, 0].any() else "black")
    notes += [f"equal to {name}" for name, other in others.items() if _is_equal(pixels, other)]
    return [f"{side}: {note}" for note in notes]


def _is_constant(pixels: np.ndarray) -> bool:
    first = pixels[:1, :1]
    return bool((pixels[0] == first).all()) and bool((pixels == first).all())


def _is_equal(one: np.ndarray, other: np.ndarray) -> bool:
    # The first row tells nearly all apart.
    return np.array_equal(one[0], other[0]) and np.array_equal(one, other)


def _check_sizes(stem: str, path: Path, sides: Mapping[str, np.ndarray]) -> None:
    if len({pixels.shape[:2] for pixels in sides.values()}) > 1:
        sizes = ", ".join(f"{side} {p.shape[1]}x{p.shape[0]}" for side, p in sides.items())
        raise UserError(
            f"{stem!r} ({path}): sizes differ: {sizes}; metrics need one size, nothing is resized"
        )


def _in_order(
    work: Callable[[ImageGroup, Sequence[bytes]], T], groups: Sequence[ImageGroup], threads: int
) -> Iterator[tuple[str, T]]:
    """(stem, result) in the order of the groups, with a bounded look-ahead."""
    rest = iter(groups)
    waiting: deque[tuple[str, Future[T]]] = deque()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(threads) as pool:

        def begin(group: ImageGroup) -> None:
            data = reader.submit(lambda: [read_bytes(path) for path in group.files])
            waiting.append((group.stem, pool.submit(lambda: work(group, data.result()))))

        try:
            for group in islice(rest, 2 * threads):
                begin(group)
            while waiting:
                stem, future = waiting.popleft()
                yield stem, future.result()
                for following in islice(rest, 1):
                    begin(following)
        finally:
            for _, future in waiting:
                future.cancel()
