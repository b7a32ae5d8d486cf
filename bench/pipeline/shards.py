"""Divides images into shards: parts of the work that processes do in parallel.

No key and no result depends on the division, so a shard may have any size.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

_Item = TypeVar("_Item")

# A process starts in a tenth of a second and loads weights in one or two; longer than this, and the
# last shard of a run keeps other processes waiting.
_SHORTEST, _LONGEST = 10.0, 600.0
VARIABLE = "IVIF_BENCH_SHARD"


def shards(items: Sequence[_Item], seconds: float, workers: int) -> list[Sequence[_Item]]:
    """Divide items into shards of about equal size, in their order.

    Args:
        items: the items, equally expensive.
        seconds: how long all of them take in one process.
        workers: number of parallel processes.

    The number of images in a shard can be set by the environment variable ``IVIF_BENCH_SHARD``.
    """
    if not items:
        return []
    if chosen := os.environ.get(VARIABLE):
        count = -(-len(items) // max(1, int(chosen)))
    else:
        wanted = min(max(seconds / (4 * workers), _SHORTEST), _LONGEST)
        count = min(len(items), max(1, math.ceil(seconds / wanted)))
    edges = [index * len(items) // count for index in range(count + 1)]
    return [items[start:end] for start, end in pairwise(edges)]
