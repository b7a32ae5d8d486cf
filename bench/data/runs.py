"""Runs of frames: where a sequence of pairs shows another scene."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ivif_bench.data.likeness import Thumbnails, by_chance, likeness, outlines
from ivif_bench.types import Progress

_AHEAD = 2  # a frame is compared with the next and the one behind it


@dataclass(frozen=True, slots=True)
class Runs:
    """Contiguous frames that show one scene.

    Attributes:
        runs: indices of the frames of each run, as ``range(first, last + 1)``.
        infrared, visible: likeness above which two frames belong to one run.
    """

    runs: tuple[range, ...]
    infrared: float
    visible: float


def in_order(stems: Iterable[str]) -> list[str]:
    """Stems as a camera numbered them: digits count as numbers (``f9`` before ``f10``)."""

    def key(stem: str) -> tuple[list[tuple[int, str]], str]:
        parts = re.split(r"([0-9]+)", stem)
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], stem

    return sorted(stems, key=key)


def find_runs(frames: Thumbnails, progress: Progress | None = None) -> Runs:
    """Cut a sequence where neither side shows the same scene any more.

    Two frames belong to one run if they are more alike than chance makes them (``by_chance``, for each
    side) in infrared **or** in visible: a cut needs both sides to change, since a run that is cut within
    a scene would put the scene on both sides of a split, while two scenes in one run do no harm. A frame
    is compared with the next two, so that a single blurred or hidden one cuts nothing.

    Args:
        frames: thumbnails in the order of ``in_order``.
        progress: called with the number of compared frames.
    """
    limits = [by_chance(side) for side in frames.sides()]
    count = len(frames.visible)
    before: deque[tuple[int, tuple[np.ndarray, ...]]] = deque(maxlen=_AHEAD)
    starts: list[int] = []
    for at in range(count):
        now = tuple(outlines(side[at]) for side in frames.sides())
        linked = [index for index, sides in before if _alike(sides, now, limits)]
        # The run goes on from the earliest frame that is alike: what lies between belongs to it.
        while linked and starts and starts[-1] > min(linked):
            starts.pop()
        if not linked:
            starts.append(at)
        before.append((at, now))
        if progress is not None:
            progress(at + 1, count, "comparing frames")
    ends = [*starts[1:], count]
    runs = tuple(range(start, end) for start, end in zip(starts, ends, strict=True))
    return Runs(runs, limits[0], limits[1])


def _alike(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray], limits: Sequence[float]
) -> bool:
    return any(
        likeness(one, other) > limit
        for one, other, limit in zip(first, second, limits, strict=True)
    )
