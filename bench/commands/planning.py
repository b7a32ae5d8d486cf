"""``plan``: the remaining work of a run, with its time and disk space."""

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
        int | None, typer.Option(min=0, help="number of GPUs; default: those of this machine")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "-j", min=1, help="number of processors; default: those of this machine"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print as JSON")] = False,
) -> None:
    """Print the remaining work of a run: images, results, hours, disk space. Computes nothing.

    Times are measured by earlier runs in the run directory. Before the first one, times of one
    processor core are known for the baselines, the lite methods and the metrics.
    """
    import os

    from ivif_bench.commands.amounts import summary, table_of
    from ivif_bench.commands.progress import counting
    from ivif_bench.config_reading import load_config
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
    with counting("plan", 2.0) as progress:
        work = RunPlan(run_config, store, progress=progress)
        work.check_precomputed_methods(lambda line: typer.echo(line, err=True), progress)
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
