"""``score``: folders of fused images against their sources, no configuration needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Spread
    from ivif_bench.tasks.quality.registry import Mode

SHORT_FORMATS = {"md": "markdown"}


def score(
    fused: Annotated[
        list[str],
        typer.Option(
            help="fused images: a folder, a pattern such as 'out/{stem}_fused.png', or one file; "
            "or NAME=FOLDER; repeat it"
        ),
    ],
    infrared: Annotated[
        str | None,
        typer.Option(
            help="infrared images, in the same ways; leave out both sources for EN, SD, SF, AG and EI"
        ),
    ] = None,
    visible: Annotated[str | None, typer.Option(help="visible images, in the same ways")] = None,
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
            "default: markdown; on a terminal, an aligned table",
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

    Images are paired by stem, whatever the extension; in a pattern, {stem} marks the part of the name.
    """
    from ivif_bench.commands.progress import counting
    from ivif_bench.files import write_bytes, write_json
    from ivif_bench.reports.formats import load_text
    from ivif_bench.tasks.quality.folder import score_folder

    counted = not form  # a preview: it also says how many images each folder has
    if counted and not sys.stdout.isatty():
        form = "markdown"
    for target in filter(None, (json_file, csv_file)):
        demand_writable(target)
    if spread not in ("", "sd", "interval"):
        raise UserError(f"--spread: {spread!r}; known: sd, interval")
    # an unknown format is refused before anything is scored
    text = load_text(SHORT_FORMATS.get(form, form)) if form else None
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
    if json_file:
        write_json(json_file, result.to_json())
    if csv_file:
        write_bytes(csv_file, result.to_csv().encode())


def _listed(metrics: str) -> tuple[str, ...] | Literal["all"] | None:
    names = tuple(name.strip() for name in metrics.split(",") if name.strip())
    return "all" if names == ("all",) else names or None


def _named(fused: list[str]) -> dict[str, str]:
    """Place by method name; a folder, or the folder of a pattern, gives its own name."""
    places: dict[str, str] = {}
    for item in fused:
        name, equals, place = item.partition("=")
        if not equals or Path(item).exists():
            path = Path(item.rpartition("/")[0] or ".") if "{" in item else Path(item)
            single = path.exists() and not path.is_dir()
            name, place = path.resolve().stem if single else path.resolve().name, item
        if not name or not place:
            raise UserError(f"--fused: {item!r}: expected a folder, or NAME=FOLDER")
        if name in places:
            raise UserError(
                f"--fused: the name {name!r} occurs twice; use NAME=FOLDER with different names"
            )
        places[name] = place
    return places


def demand_writable(target: Path) -> None:
    """Refuse a target that cannot be written, before anything is scored."""
    folder = next(each for each in target.absolute().parents if each.exists())
    if target.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        reason = "it is a folder" if target.is_dir() else "its folder cannot be written"
        raise UserError(f"cannot write {target}: {reason}; name a file")


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(score)
