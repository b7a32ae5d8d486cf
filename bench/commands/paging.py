"""The page of a run: options that write it, and ``serve``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.config import RunConfig

PageOption = Annotated[
    bool, typer.Option("--page", help="write report/page/index.html, which opens in a browser")
]
PageImagesOption = Annotated[
    str,
    typer.Option(
        "--page-images",
        metavar="all|N|none",
        help="previews on the page, of each dataset: of all images, of the N on which methods differ most, "
        "or none; default: 100",
    ),
]


def page_count(page: bool, asked: str) -> int | None:
    """For how many images of each dataset a page has previews; None without a page.

    Raises:
        UserError: neither a number nor ``all`` nor ``none``.
    """
    if not asked:
        from ivif_bench.reports.page.write import IMAGES

        return IMAGES if page else None
    if asked in ("all", "none"):
        return sys.maxsize if asked == "all" else 0
    if not (asked.isascii() and asked.isdigit()):
        raise UserError(f"--page-images: {asked!r}; expected all, none or a number")
    return int(asked)


def write_page(
    folder: Path, config: RunConfig, images: int, confidence: float | None = None
) -> None:
    """Write the page of a run and say where it is and what it takes."""
    from ivif_bench.reports.page import write
    from ivif_bench.reports.published import load_source

    sources = [load_source(name) for name in config.published]
    page = write.write_page(folder, images, confidence, sources, config.table)
    typer.echo(f"wrote {page.sentence}", err=True)


def say_if_old(folder: Path) -> None:
    """Say that a page was not written again although the report changed."""
    from ivif_bench.reports.provenance import page_is_old

    if page_is_old(folder):
        typer.echo(
            f"{folder / 'report' / 'page' / 'index.html'} shows earlier results; 'ivif-bench report "
            f"{folder} --page' writes it again",
            err=True,
        )


def serve(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run directory with a page")],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="port; default: any that is free")
    ] = 0,
) -> None:
    """Serve a run's page to this machine, under an address with a random token, until stopped.

    Only files of the run are served. The page also opens from disk, without this command.
    """
    from ivif_bench.reports.page.server import serve as server_of

    with server_of(run, port) as server:
        typer.echo(server.address)
        typer.echo("Ctrl-C ends it", err=True)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            pass


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(serve)
