"""``score``: a folder of fused images against its sources, no configuration needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.errors import UserError


def score(
    infrared: Annotated[Path, typer.Option(help="folder of infrared images")],
    visible: Annotated[Path, typer.Option(help="folder of visible images")],
    fused: Annotated[
        list[str], typer.Option(help="folder of fused images, or NAME=FOLDER; repeat it")
    ],
    convention: Annotated[
        str, typer.Option(help="metric convention; see 'list conventions'")
    ] = "cddfuse",
    metrics: Annotated[str, typer.Option(help="comma-separated; default: the ten")] = "",
    workers: Annotated[int, typer.Option("--workers", "-j", min=1, help="images at once")] = 2,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write every value as JSON")
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="write every value as CSV")] = None,
) -> None:
    """Score fused images: all metrics at once, pairs found by stem whatever the extension."""
    from bench.commands.console import counting
    from bench.data.images import write_bytes
    from bench.store import write_json
    from tasks.quality.folder import score_folder

    folders = _named(fused)
    chosen = tuple(name.strip() for name in metrics.split(",") if name.strip()) or None
    with counting("scoring") as progress:
        result = score_folder(infrared, visible, folders, chosen, convention, workers, progress)
    if json_file:
        write_json(json_file, result.to_json())
    if csv_file:
        write_bytes(csv_file, result.to_csv().encode())
    typer.echo(result.to_markdown())


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
