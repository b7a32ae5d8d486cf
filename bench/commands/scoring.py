"""``score``: folders of fused images against their sources, no configuration needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Spread
    from ivif_bench.tasks.quality.registry import Mode

_SHORT = {"md": "markdown"}


def score(
    infrared: Annotated[Path, typer.Option(help="folder of infrared images")],
    visible: Annotated[Path, typer.Option(help="folder of visible images")],
    fused: Annotated[
        list[str], typer.Option(help="folder of fused images, or NAME=FOLDER; repeat it")
    ],
    convention: Annotated[
        str, typer.Option(help="metric convention; see 'list conventions'")
    ] = "reference",
    metrics: Annotated[
        str, typer.Option(help="comma-separated, or 'all'; default: those of the convention")
    ] = "",
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-j", min=1, help="images at once; default: all cores"),
    ] = None,
    mode: Annotated[
        str, typer.Option(help="exact, or fast: single precision and tables, see docs/metrics.md")
    ] = "exact",
    device: Annotated[
        str, typer.Option(help="cpu, or a torch device such as cuda for batches of images")
    ] = "cpu",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="print the table as markdown (md), latex, csv, json, ... (see 'list formats'); "
            "default: markdown, or laid out for a terminal if it is one",
        ),
    ] = "",
    spread: Annotated[
        str,
        typer.Option(help="beside each mean: sd (over images) or interval (95 %, bootstrap)"),
    ] = "",
    title: Annotated[
        str, typer.Option(help="name of the images in the caption, such as MSRS")
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write the values of every image as JSON")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="write the values of every image as CSV")
    ] = None,
) -> None:
    """Score folders of fused images and print their means as a table, as a run does.

    Images are paired by stem, whatever the extension.
    """
    from ivif_bench.commands.progress import counting
    from ivif_bench.files import write_bytes, write_json
    from ivif_bench.reports.formats import load_text
    from ivif_bench.tasks.quality.folder import score_folder

    counted = not form  # a preview: it also says how many images each folder has
    if counted and not sys.stdout.isatty():
        form = "markdown"
    if spread not in ("", "sd", "interval"):
        raise UserError(f"--spread: {spread!r}; known: sd, interval")
    text = load_text(_SHORT.get(form, form)) if form else None  # refused before anything is scored
    with counting("scoring") as progress:
        result = score_folder(
            infrared,
            visible,
            _named(fused),
            _listed(metrics),
            convention,
            workers or 0,
            progress,
            cast("Mode", mode),  # others are refused where it is resolved
            device,
        )
    if json_file:
        write_json(json_file, result.to_json())
    if csv_file:
        write_bytes(csv_file, result.to_csv().encode())
    # Imported here, so that scoring starts without them.
    from ivif_bench.reports.given import report_of
    from ivif_bench.reports.terminal import print_tables

    report = report_of(
        result.records(), result.about, result.remarks(), title, cast("Spread", spread), counted
    )
    if text is None:
        print_tables(report.tables)
    else:
        typer.echo(text(report.title, report.tables, report.remarks), nl=False)


def _listed(metrics: str) -> tuple[str, ...] | Literal["all"] | None:
    names = tuple(name.strip() for name in metrics.split(",") if name.strip())
    return "all" if names == ("all",) else names or None


def _named(fused: list[str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for item in fused:
        name, equals, folder = item.partition("=")
        named = bool(equals) and not Path(item).is_dir()
        path = Path(folder if named else item)
        key = name if named else path.resolve().name
        if key in folders:
            raise UserError(
                f"--fused: the name {key!r} occurs twice; use NAME=FOLDER with different names"
            )
        folders[key] = path
    return folders


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(score)
