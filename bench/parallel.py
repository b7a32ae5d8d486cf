"""Doing the same to many files at once, in threads: reading, hashing and decoding let go of Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ivif_bench.types import Progress

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(
    work: Callable[[_Item], _Result],
    items: Sequence[_Item],
    progress: Progress | None = None,
    what: str = "",
    share: int = 1,
) -> list[_Result]:
    """Results of ``work`` for all items, in their order; on all processors.

    Args:
        progress: told how many are done, and ``what``.
        share: items that are handed over at once; more where one takes less than a millisecond.

    Raises:
        Exception: the first that ``work`` raises; what has not begun by then is left.
    """
    shares = [items[at : at + share] for at in range(0, len(items), share)]
    results: list[_Result] = []
    with ThreadPoolExecutor(processors()) as pool:
        for part in pool.map(lambda share: [work(item) for item in share], shares):
            results += part
            if progress is not None:
                progress(len(results), len(items), what)
    return results
