"""Curves of a training as a figure: one panel per quantity."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ivif_bench.files import write_bytes


def draw_curves(
    rows: Sequence[Mapping[str, float]],
    path: Path,
    *,
    over: str = "step",
    left_out: Iterable[str] = ("seconds",),
    kinds: Sequence[str] = ("png",),
) -> None:
    """Draw all quantities of rows, with one panel for each; nothing if there are none.

    Equal rows give equal files. A quantity that is always positive gets a logarithmic axis.

    Args:
        rows: numbers by name; a row may lack some.
        path: file of the figure; its ending is replaced by each of ``kinds``.
        over: the quantity of the horizontal axis.
        left_out: quantities without a panel.
        kinds: ``png``, ``pdf``.
    """
    from matplotlib.figure import Figure

    names = sorted({key for row in rows for key in row} - {over, *left_out})
    if not names:
        return
    figure = Figure(figsize=(7, 2.2 * len(names)), layout="constrained")
    for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
        points = [(row[over], row[name]) for row in rows if name in row]
        axes.plot(*zip(*points, strict=True), linewidth=1, marker="." if len(points) < 30 else "")
        if all(value > 0 for _, value in points):
            axes.set_yscale("log")
        axes.set_title(name, loc="left", fontsize=9, parse_math=False)
        axes.grid(alpha=0.3)
    axes.set_xlabel(over)
    for kind in kinds:
        sink = io.BytesIO()
        undated = {"CreationDate": None} if kind == "pdf" else {"Software": None}
        figure.savefig(sink, format=kind, dpi=100, metadata=undated)
        write_bytes(path.with_suffix(f".{kind}"), sink.getvalue())
