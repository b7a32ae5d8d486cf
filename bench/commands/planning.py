"""``plan``: what a run would do, how long that takes and what it leaves on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ivif_bench.pipeline.costs import Costs
    from ivif_bench.pipeline.forecast import Item


def plan(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="run configuration (YAML)")],
    gpus: Annotated[
        int | None, typer.Option(min=0, help="GPUs to count with; default: those of this machine")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-j", min=1, help="processors; default: those of this machine"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Print what a run would still do: images, results, hours, disk space. Computes nothing.

    Times are those that earlier runs in this run directory took. Before the first one, the
    baselines, the lite methods and the metrics have figures of one processor core.
    """
    import os

    from ivif_bench.config import load_config
    from ivif_bench.pipeline.costs import Costs
    from ivif_bench.pipeline.executors.local import visible_gpus
    from ivif_bench.pipeline.forecast import forecast
    from ivif_bench.pipeline.plan import RunPlan
    from ivif_bench.pipeline.run import Listener, write_demo_data
    from ivif_bench.store import Store

    run_config = load_config(config)
    store = Store(run_config.folder)
    gpus = len(visible_gpus()) if gpus is None else gpus
    workers = workers or os.cpu_count() or 1
    write_demo_data(run_config, Listener())
    work = RunPlan(run_config, store)
    work.check_precomputed_methods(lambda line: typer.echo(line, err=True))
    items = forecast(work, lambda line: typer.echo(line, err=True))
    store.fingerprint.save()
    costs = Costs(store.root / "cache" / "costs.json", gpus)
    if as_json:
        from ivif_bench.commands.console import print_json

        print_json(_as_json(items, costs, workers, gpus))
        return
    for line in table_of(items, costs):
        typer.echo(line)
    typer.echo(summary(items, costs, workers, gpus))


def table_of(items: Sequence[Item], costs: Costs) -> list[str]:
    """Lines of a table, a kind of work each; hours are those of one process."""
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
    """One sentence on all work that is left."""
    from ivif_bench.pipeline.forecast import total_seconds

    missing = {
        of: sum(item.missing for item in items if item.of == of) for of in ("images", "results")
    }
    if not any(missing.values()):
        return "nothing to do: all images and results are there"
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
    """A time for people: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size_text(count: float) -> str:
    """Bytes for people: ``40 MB``, ``1.2 GB``."""
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


def _as_json(items: Sequence[Item], costs: Costs, workers: int, gpus: int) -> dict[str, Any]:
    from ivif_bench.pipeline.forecast import total_seconds

    return {
        "items": [
            {name: value for name, value in asdict(item).items() if name != "work"}
            | {"seconds": item.seconds(costs)}
            for item in items
        ],
        "workers": workers,
        "gpus": gpus,
        "seconds": total_seconds(items, costs, workers, gpus),
    }


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(plan)
