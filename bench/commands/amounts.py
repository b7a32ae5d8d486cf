"""Amounts of work, time and disk space in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivif_bench.pipeline.costs import Costs
    from ivif_bench.pipeline.forecast import Item


def table_of(items: Sequence[Item], costs: Costs) -> list[str]:
    """Lines of a table, one per kind of work; hours are those of one process."""
    rows = [("stage", "dataset", "what", "done", "to do", "hours", "disk")]
    for item in items:
        seconds = item.seconds(costs)
        rows.append(
            (
                item.stage,
                item.dataset,
                item.label,
                f"{item.total - item.missing} of {item.total} {item.of}",
                str(item.missing),
                "not measured" if seconds is None else _hours(seconds),
                size_text(item.bytes) if item.bytes else "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    numbers = (4, 5, 6)
    return [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def summary(items: Sequence[Item], costs: Costs, workers: int, gpus: int) -> str:
    """One sentence about all remaining work."""
    from ivif_bench.pipeline.forecast import total_seconds

    missing = {
        of: sum(item.missing for item in items if item.of == of) for of in ("images", "results")
    }
    if not any(missing.values()):
        return "nothing to do: all images and results exist"
    unknown = [item for item in items if item.missing and item.seconds(costs) is None]
    known = [item for item in items if item not in unknown]
    seconds = total_seconds(known, costs, workers, gpus) or 0.0
    where = f"{workers} processors" + (f" and {gpus} GPUs" if gpus else "")
    text = (
        f"to do: {missing['images']} images to fuse, {missing['results']} results; "
        f"about {duration(seconds)} on {where}, "
        f"{size_text(sum(item.bytes for item in items))} on disk"
    )
    if unknown:
        names = dict.fromkeys(f"{item.stage} ({item.label})" for item in unknown)
        text += f"; not measured yet, so not counted: {', '.join(names)}"
    return text


def duration(seconds: float) -> str:
    """A time as text: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size_text(count: float) -> str:
    """A number of bytes as text: ``40 MB``, ``1.2 GB``."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return (
                f"{count / scale:.1f} {unit}"
                if count < 10 * scale
                else f"{count / scale:.0f} {unit}"
            )
    return f"{count:.0f} bytes"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.2f}" if seconds >= 18 else f"{seconds / 3600:.4f}"
