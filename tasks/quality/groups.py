"""Scores many triples of image files: reading ahead, decoding and computing in threads.

A group is one stem: its two sources, read once, and any number of fused images. Threads work on
images, never inside one; decoding and kernels run without the interpreter's lock. Files are read
ahead by a separate thread, so no worker waits for the disk.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from ivif_bench.data.images import read_bytes
from ivif_bench.tasks.quality.decoding import ImageGroup, load
from ivif_bench.tasks.quality.engine import Evaluator
from ivif_bench.tasks.quality.scores import ImageScores, Scored

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.on_device import BatchedEvaluator

T = TypeVar("T")


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


def available_cores() -> int:
    """Number of cores that this process may use."""
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
