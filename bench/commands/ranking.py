"""``ranking``: whether the order of the methods survives another split and another scorer."""

from __future__ import annotations

from typing import Annotated

import typer

from ivif_bench.commands.running import ConfigArgument, ExecutorOption, WorkersOption, carry_out
from ivif_bench.commands.scoring import SHORT_FORMATS
from ivif_bench.errors import UserError


def ranking(
    config: ConfigArgument,
    workers: WorkersOption = None,
    executor: ExecutorOption = "",
    form: Annotated[
        str, typer.Option("--format", help="of the table: markdown, latex, csv, json, ...")
    ] = "",
) -> None:
    """Judge the methods by every detection section, and print how their ranks change.

    Two sections with other splits or protocols make two orders, each by COCO's and by yolov5's AP.
    Finished work is skipped. The table comes with Kendall's tau of every two orders.
    """
    from ivif_bench.pipeline.run import describe_failures
    from ivif_bench.reports.formats import load_text
    from ivif_bench.reports.frame import load_run
    from ivif_bench.reports.rankings import TASK, ranking_tables
    from ivif_bench.reports.terminal import print_tables

    # an unknown format is refused before anything is computed
    text = load_text(SHORT_FORMATS.get(form, form)) if form else None
    run_config, summary = carry_out(config, (TASK,), workers, executor=executor)
    if summary.failures:
        raise UserError(describe_failures(summary.failures))
    tables = ranking_tables(load_run(run_config.folder))
    if text is None:
        print_tables(tables)
    else:
        typer.echo(text("", tables, ()), nl=False)


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(ranking)
