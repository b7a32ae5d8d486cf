"""``python -m benchmarks.calibration``: public programs beside what is computed here."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.calibration import means
from benchmarks.calibration.blocks import insert as inserted
from benchmarks.calibration.blocks import page_blocks
from benchmarks.calibration.compare import compare, uncompared, unexplained
from benchmarks.calibration.golden import Golden, read_golden
from benchmarks.calibration.published import SHEETS, measure_sheet
from benchmarks.calibration.published import unexplained as unexplained_entries
from benchmarks.calibration.sheet import sheet_text, to_csv, to_markdown
from benchmarks.calibration.versions import not_recorded
from ivif_bench.commands.progress import counting
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def calibrate(
    golden: Annotated[
        Path | None,
        typer.Option(help="folder of recorded values: golden_metrics.json and its images"),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(help="folder of published sheets: TNO42, VIFB and Harvard (takes minutes)"),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="write the sheet; needs --golden")] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="write every value beside ours; needs --golden")
    ] = None,
    insert: Annotated[
        Path | None,
        typer.Option(
            help="page whose generated tables are made anew (docs/metrics.md); without --golden "
            "those that need no recorded values"
        ),
    ] = None,
) -> None:
    """Compare every metric with public programs; exit code 1 if a difference is not explained."""
    if golden is None and (markdown or csv_file):
        raise UserError("--markdown and --csv put recorded values beside ours; name their --golden")
    if golden is None and published is None and insert is None:
        raise UserError("nothing to do; name --golden, --published or --insert (see --help)")
    sheets, odd = ({}, []) if published is None else _published(published)
    recorded = None if golden is None else read_golden(golden)
    if recorded is not None:
        odd += _recorded(recorded, sheets, markdown, csv_file)
    if insert:
        page = inserted(_text(insert), page_blocks(recorded), str(insert))
        write_bytes(insert, page.encode())
    typer.echo(f"metrics without recorded values: {', '.join(not_recorded()) or 'none'}")
    for name in odd:
        typer.echo(f"differs: {name}")
    if odd:
        raise typer.Exit(1)


def _recorded(
    golden: Golden, sheets: dict[str, str], markdown: Path | None, csv_file: Path | None
) -> list[str]:
    """Compare recorded values, write what is asked for; the differences without an explanation."""
    with counting("golden triples") as progress:
        rows = compare(golden, progress)
    if csv_file:
        write_bytes(csv_file, to_csv(rows).encode())
    if markdown:
        write_bytes(markdown, to_markdown(golden, rows, sheets).encode())
    counts = Counter(row.verdict for row in rows)
    typer.echo(f"{len(rows)} values: " + ", ".join(f"{what} {n}" for what, n in counts.items()))
    for name in uncompared(golden):
        typer.echo(f"recorded, but compared with nothing: {name}")
    return [
        f"{row.comparison.evaluator} {row.comparison.key} {row.triple}" for row in unexplained(rows)
    ]


def _published(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Text on each sheet, and the values that differ without an explanation."""
    texts: dict[str, str] = {}
    odd: list[str] = []
    for sheet in SHEETS:
        with counting(sheet.name) as progress:
            entries = measure_sheet(sheet, folder / sheet.name, progress=progress)
        texts[sheet.name] = sheet_text(sheet, entries)
        odd += [
            f"{sheet.name} {entry.column} {entry.image} {entry.method}"
            for entry in unexplained_entries(sheet, entries)
        ]
    if (folder / means.FOLDER / means.FILE).is_file():
        with counting(means.NAME) as progress:
            found = means.measure_means(folder, progress=progress)
        texts[means.NAME] = means.means_text(found)
        odd += [f"{means.NAME} {one.column} {one.method}" for one in means.unexplained_means(found)]
    return texts, odd


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem


def main() -> None:
    """Run the command; a user's error is one line and exit code 2."""
    try:
        app(prog_name="python -m benchmarks.calibration")
    except UserError as problem:
        print(f"calibration: {problem}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
