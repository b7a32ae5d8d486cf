"""``statistics`` and ``compare``: what differences between methods, or between runs, stand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivif_bench.errors import UserError


def statistics(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="run directory, its CONFIG, or a CSV sheet: image, method, metric, value",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="folder to write to; default: the run's report, or ./statistics"
        ),
    ] = None,
    down: Annotated[
        list[str] | None,
        typer.Option("--down", help="metric of a sheet of which less is better; repeatable"),
    ] = None,
) -> None:
    """Which methods differ, and whether a better metric means better detection: tables.

    Writes statistics.md and statistics-*.csv, and computes nothing of the run again.
    """
    from ivif_bench.files import write_bytes
    from ivif_bench.reports.comparison import comparisons
    from ivif_bench.reports.frame import load_run
    from ivif_bench.reports.statistics.sheet import read_sheet
    from ivif_bench.reports.statistics.write import studied, tables_of, texts_of

    if source.suffix.lower() == ".csv":
        every = [read_sheet(source, down or ())]
        folder, title = out or Path("statistics"), f"Statistics of {source.name}"
    else:
        if down:
            raise UserError(f"--down is for CSV sheets; the metrics of {source} have directions")
        run = load_run(_folder(source))
        every = list(comparisons(run))
        folder, title = out or run.run / "report", f"Statistics of run {run.name}"
    tables = tables_of(studied(every))
    if not tables:
        raise UserError(
            f"{source}: nothing to compare; statistics need ten images and two methods that are no sources"
        )
    for name, text in texts_of(title, tables).items():
        write_bytes(folder / name, text.encode())
        typer.echo(f"wrote {folder / name}", err=True)


def _folder(source: Path) -> Path:
    """A run directory, given as itself or as its configuration."""
    from ivif_bench.config import load_config

    return load_config(source).folder if source.is_file() else source


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command()(statistics)
