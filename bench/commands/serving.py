"""``serve``: the page of a run for a browser on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
