"""``calibrate``: what public programs return for known images, beside what is computed here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ivif_bench.errors import UserError


def calibrate(
    golden: Annotated[
        Path, typer.Option(help="folder of recorded values: golden_metrics.json and its images")
    ],
    published: Annotated[
        Path | None, typer.Option(help="folder of published sheets: TNO42 and VIFB (takes minutes)")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="write the sheet")] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="write every value beside ours")
    ] = None,
    insert: Annotated[
        Path | None,
        typer.Option(help="page whose generated tables are made anew (docs/metrics.md)"),
    ] = None,
) -> None:
    """Compare every metric with public programs; exit code 1 if a difference is not explained."""
    from ivif_bench.commands.progress import counting
    from ivif_bench.files import write_bytes
    from ivif_bench.tasks.quality.calibration.blocks import insert as inserted
    from ivif_bench.tasks.quality.calibration.blocks import page_blocks
    from ivif_bench.tasks.quality.calibration.compare import compare, uncompared, unexplained
    from ivif_bench.tasks.quality.calibration.golden import read_golden
    from ivif_bench.tasks.quality.calibration.sheet import to_csv, to_markdown

    recorded = read_golden(golden)
    with counting("golden triples") as progress:
        rows = compare(recorded, progress)
    sheets, odd = ({}, []) if published is None else _published(published)
    if csv_file:
        write_bytes(csv_file, to_csv(rows).encode())
    if markdown:
        write_bytes(markdown, to_markdown(recorded, rows, sheets).encode())
    if insert:
        page = inserted(_text(insert), page_blocks(recorded), str(insert))
        write_bytes(insert, page.encode())
    counts = Counter(row.verdict for row in rows)
    typer.echo(f"{len(rows)} values: " + ", ".join(f"{what} {n}" for what, n in counts.items()))
    for name in uncompared(recorded):
        typer.echo(f"recorded, but compared with nothing: {name}")
    odd += [
        f"{row.comparison.evaluator} {row.comparison.key} {row.triple}" for row in unexplained(rows)
    ]
    for name in odd:
        typer.echo(f"differs: {name}")
    if odd:
        raise typer.Exit(1)


def _published(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Text on each sheet, and the values that differ without an explanation."""
    from ivif_bench.commands.progress import counting
    from ivif_bench.tasks.quality.calibration.published import SHEETS, measure_sheet, unexplained
    from ivif_bench.tasks.quality.calibration.sheet import sheet_text

    texts: dict[str, str] = {}
    odd: list[str] = []
    for sheet in SHEETS:
        with counting(sheet.name) as progress:
            entries = measure_sheet(sheet, folder / sheet.name, progress=progress)
        texts[sheet.name] = sheet_text(sheet, entries)
        odd += [
            f"{sheet.name} {entry.column} {entry.image} {entry.method}"
            for entry in unexplained(sheet, entries)
        ]
    return texts, odd


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(calibrate)
