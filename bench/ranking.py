"""Ranks, and the number of images or boxes that a value needs to have one in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Below, one image or one object moves a mean by more than methods usually differ.
FEWEST = 10


def too_few_images(count: int) -> str:
    """The sentence for a table over fewer than ``FEWEST`` images; empty for others."""
    if count >= FEWEST:
        return ""
    images = "1 image is" if count == 1 else f"{count} images are"
    return f"{images} too few to rank (fewer than {FEWEST}): nothing is marked."


def too_few_columns(counts: Mapping[str, int], what: str) -> str:
    """The sentence for a table with columns over fewer than ``FEWEST``; empty if there are none.

    Args:
        counts: column title to the number of images or boxes of its values.
        what: what is counted, such as ``boxes``.
    """
    few = [f"{title} (n = {count})" for title, count in counts.items() if count < FEWEST]
    if not few:
        return ""
    return f"Too few {what} to rank (fewer than {FEWEST}), so not marked: {', '.join(few)}."


def ranks(values: Sequence[float]) -> list[float]:
    """Rank of each value, 1 for the largest; equal values share the mean of their ranks."""
    return [
        1.0 + sum(other > value for other in values) + (values.count(value) - 1) / 2
        for value in list(values)
    ]
