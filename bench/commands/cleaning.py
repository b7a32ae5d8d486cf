"""``gc``: list and remove finished work that a run no longer needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.config import RunConfig


def collect(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="run configuration (YAML)")],
    remove: Annotated[bool, typer.Option("--remove", help="remove what is listed")] = False,
) -> None:
    """List results, fused images and checkpoints that the configuration no longer needs, with sizes.

    Only what a run wrote is listed. Results of other --seeds or --split than the configuration's are
    not needed by it either.
    """
    from ivif_bench.config_reading import load_config
    from ivif_bench.owner import occupying, running

    run_config = load_config(config)
    folder = run_config.folder
    if not folder.is_dir():
        raise UserError(f"{config}: there is no run directory {folder} yet")
    if owner := running(folder):
        raise UserError(f"{folder}: {owner}; wait until it ends")
    with occupying(folder, lambda line: typer.echo(line, err=True)):
        _collect(run_config, remove)


def _collect(config: RunConfig, remove: bool) -> None:
    from ivif_bench.commands.progress import counting
    from ivif_bench.pipeline import superseded
    from ivif_bench.pipeline.plan import RunPlan
    from ivif_bench.store import Store

    with counting("gc", 2.0) as progress:
        plan = RunPlan(config, Store(config.folder), progress=progress)
        found = superseded.superseded(plan)
    plan.store.fingerprint.save()
    total = sum(each.bytes for each in found)
    for each in found:
        if remove:
            superseded.remove(each)
        typer.echo(f"{each.bytes / 1e6:10.3f} MB  {each.path}")
    what = "removed" if remove else "not needed; --remove removes them"
    typer.echo(f"{config.folder}: {len(found)} items, {total / 1e6:.3f} MB, {what}")


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command("gc")(collect)
