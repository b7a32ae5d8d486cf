"""The same operation on many files in threads: reading, hashing and decoding release Python's lock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ivif_bench.types import Progress

# Seconds: of items that take less, threads do fewer than one process alone, since each has to wait for
# Python's lock several times an item (files of 2 kB: 75 against 27 microseconds an item).
_QUICK = 200e-6

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
        progress: called with the number done, and ``what``.
        share: items that are handed over at once; more than one where an item may take less than a
            millisecond. As long as items are quick, this thread then does them alone.

    Raises:
        Exception: the first that ``work`` raises; what has not begun by then is left.
    """
    results: list[_Result] = []

    def add(found: list[_Result]) -> None:
        results.extend(found)
        if progress is not None:
            progress(len(results), len(items), what)

    quick = share > 1
    while quick and len(results) < len(items):
        first = not results  # it may import something, which says nothing of the others
        part = items[len(results) : len(results) + (1 if first else share)]
        started = time.perf_counter()
        add([work(item) for item in part])
        quick = first or time.perf_counter() - started < _QUICK * len(part)
    shares = [items[at : at + share] for at in range(len(results), len(items), share)]
    if shares:
        with ThreadPoolExecutor(processors()) as pool:
            for found in pool.map(lambda share: [work(item) for item in share], shares):
                add(found)
    return results
