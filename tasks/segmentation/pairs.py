"""Counts pairs of values of two label images."""

from __future__ import annotations

import numpy as np

from ivif_bench.compiled.jit import kernel

LEVELS = 256


_EIGHT = np.uint64(0x0101010101010101)  # times a value: eight pixels of it


def pairs_of_values(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """How often each pair of values occurs, int64 [256, 256]; uint8 arrays of one shape."""
    counts = np.zeros(LEVELS * LEVELS, np.int64)
    first, second = (np.ascontiguousarray(each).reshape(-1) for each in (rows, columns))
    whole = first.size - first.size % 8
    words = (each[:whole].view(np.uint64) for each in (first, second))
    _count(first, second, *words, counts)
    return counts.reshape(LEVELS, LEVELS)


@kernel
def _count(rows, columns, row_words, column_words, counts):  # type: ignore[no-untyped-def]
    """Neighbours mostly hold the same pair: eight pixels of it are one step, a run is added at its end."""
    pair, run = 0, 0
    row_word, column_word = np.uint64(0), np.uint64(0)
    for block in range(len(row_words)):
        if row_words[block] == row_word and column_words[block] == column_word:
            run += 8
            continue
        for at in range(8 * block, 8 * block + 8):
            found = LEVELS * rows[at] + columns[at]
            if found != pair:
                counts[pair] += run
                pair, run = found, 0
            run += 1
        row_word = _EIGHT * np.uint64(pair >> 8)
        column_word = _EIGHT * np.uint64(pair & 255)
    counts[pair] += run
    for at in range(8 * len(row_words), len(rows)):
        counts[LEVELS * rows[at] + columns[at]] += 1
