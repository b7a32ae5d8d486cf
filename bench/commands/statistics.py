"""``statistics`` and ``compare``: what differences between methods, or between runs, stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivif_bench.errors import UserError, first_few

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison


def statistics(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="run directory, its CONFIG, or a CSV sheet: image, method, metric, value; several runs "
            "are read as one",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="folder to write to; default: the run's report, or ./statistics for a sheet or several runs",
        ),
    ] = None,
    down: Annotated[
        list[str] | None,
        typer.Option("--down", help="metric of a sheet of which less is better; repeatable"),
    ] = None,
    title: Annotated[
        str,
        typer.Option("--title", help="what a sheet's images are called; default: its file name"),
    ] = "",
    figures: Annotated[
        bool, typer.Option(help="also draw figures: statistics-*.pdf and .png")
    ] = True,
    venue: Annotated[
        str, typer.Option("--venue", help="whose column widths figures have: ieee or cvpr")
    ] = "ieee",
) -> None:
    """Which methods differ, and whether a better metric means better detection: tables and figures.

    Writes statistics.md and statistics-*.csv, and computes nothing of the run again. A report has the
    same tables, without the figures.
    """
    from ivif_bench.files import write_bytes
    from ivif_bench.reports.charts import of_run, style
    from ivif_bench.reports.statistics.sheet import read_sheet
    from ivif_bench.reports.statistics.write import studied, tables_of, texts_of

    if venue not in style.COLUMN:
        raise UserError(f"--venue {venue!r}: expected {' or '.join(style.COLUMN)}")
    source, *others = sources
    sheets = [each for each in sources if each.suffix.lower() == ".csv"]
    if sheets and others:
        raise UserError(f"{sheets[0]}: a sheet is read alone, not together with {others[0]}")
    if sheets:
        every = [read_sheet(source, down or (), title)]
        folder, head = out or Path("statistics"), f"Statistics of {title or source.name}"
    else:
        if down or title:
            raise UserError(f"--down and --title are for CSV sheets; {source} says both itself")
        every, name = _comparisons(sources)
        folder = out or (Path("statistics") if others else _folder(source) / "report")
        head = f"Statistics of run{'s' if others else ''} {name}"
    items = studied(every)
    tables = tables_of(items)
    if not tables:
        raise UserError(
            f"{', '.join(map(str, sources))}: nothing to compare; statistics need ten images and two "
            "methods that are no sources and have the same metrics"
        )
    for name, text in texts_of(head, tables).items():
        write_bytes(folder / name, text.encode())
        typer.echo(f"wrote {folder / name}", err=True)
    for name, data in of_run.files_of(items, every, venue) if figures else ():
        write_bytes(folder / name, data)
        typer.echo(f"wrote {folder / name}", err=True)


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="RUN1", help="run directory or CONFIG to compare with")
    ],
    second: Annotated[Path, typer.Argument(metavar="RUN2", help="run directory or CONFIG")],
    worse: Annotated[
        bool, typer.Option("--worse", help="exit with 1 for what is worse or gone, not for better")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print every number as JSON")] = False,
) -> None:
    """What changed from one run to another; exit code 1 if something did, for CI.

    A number changed if the 95 % interval of its difference leaves out zero, or if it differs and has no
    interval (one seed). What RUN2 lacks counts, what it has in addition does not.
    """
    from ivif_bench.reports.frame import load_run
    from ivif_bench.reports.statistics.change_tables import tables_of
    from ivif_bench.reports.statistics.changes import FAILING, changes
    from ivif_bench.reports.terminal import print_tables

    found = changes(load_run(_folder(first)), load_run(_folder(second)))
    if all(each.first is None for each in found):
        raise UserError(f"{first} and {second} have no result of the same task, dataset and method")
    states = [state for state in FAILING if not (worse and state == "better")]
    changed = [each for each in found if each.state in states]
    if as_json:
        from dataclasses import asdict

        from ivif_bench.commands.console import print_json

        print_json([asdict(each) for each in found])
    else:
        print_tables(table for table in tables_of(found) if table.rows)
    methods = list(dict.fromkeys(each.title or each.where for each in changed))
    if not changed:
        typer.echo(f"nothing changed: {len(found)} numbers compared", err=True)
        return
    typer.echo(f"{len(changed)} of {len(found)} numbers changed: {first_few(methods)}", err=True)
    raise typer.Exit(1)


def _comparisons(sources: Sequence[Path]) -> tuple[list[Comparison], str]:
    """What runs compare, and what they are called together."""
    from ivif_bench.reports.comparison import comparisons
    from ivif_bench.reports.frame import load_run
    from ivif_bench.reports.several import as_one

    runs = [load_run(_folder(source)) for source in sources]
    run = runs[0] if len(runs) == 1 else as_one(runs)
    every = list(comparisons(run))
    if len(runs) > 1:  # what is stored beside results is in different folders
        every = [replace(each, folder=None) for each in every]
    return every, run.name


def _folder(source: Path) -> Path:
    """A run directory, given as itself or as its configuration."""
    from ivif_bench.config_reading import load_config

    return load_config(source).folder if source.is_file() else source


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command()(statistics)
    app.command()(compare)
