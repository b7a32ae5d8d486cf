"""``weights list``, ``weights fetch``, ``weights convert``: files that methods need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, MethodSpec, WeightsSpec

app = typer.Typer(
    no_args_is_help=True, help="Weights of fusion methods: what is here, download, convert."
)

MethodArgument = Annotated[str, typer.Argument(help="fusion method; see 'list methods'")]
OutOption = Annotated[
    Path | None, typer.Option(help="file to write; default: the folder that methods look in")
]


@app.command("list")
def list_weights() -> None:
    """Show every method's weights files and whether they are here."""
    from ivif_bench.weights import locate

    for method in METHODS.specs().values():
        for file in method.weights:
            try:
                path = locate(method, file)
            except UserError as problem:
                typer.echo(str(problem))
            else:
                typer.echo(f"{method.name}: {path} ({file.terms})")


@app.command()
def fetch(name: MethodArgument) -> None:
    """Download a method's weights, check them and convert them if needed."""
    from ivif_bench.commands.console import counting
    from ivif_bench.weights import convert, weights_folder
    from ivif_bench.weights import fetch as download

    method = METHODS.get(name)
    files = [file for file in method.weights if file.url]
    if not files:
        raise UserError(f"{name}: there is nothing to download; see 'ivif-bench weights list'")
    for file in files:
        target = weights_folder() / (file.original or file.name)
        expected = file.original_sha256 or ("" if file.original else file.sha256)
        typer.echo(f"{file.url}\nterms: {file.terms}")
        with counting(f"download {target.name}") as progress:
            found = download(file.url, target, expected, progress)
        checked = "as expected" if expected else "its authors published none to compare with"
        typer.echo(f"{target}: sha256 {found} ({checked})")
        if file.converter:
            try:
                convert(file, target, weights_folder() / file.name)
            except UserError as problem:
                raise UserError(
                    f"{problem}; if the download is at fault, delete {target} and fetch again"
                ) from problem
            typer.echo(f"wrote {weights_folder() / file.name}; {target.name} may be deleted")


@app.command()
def convert(
    name: MethodArgument,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="file as its authors publish it")],
    out: OutOption = None,
) -> None:
    """Convert a checkpoint as its authors publish it to safetensors; nothing in it is run."""
    from ivif_bench.weights import convert as run
    from ivif_bench.weights import weights_folder

    file = _convertible(METHODS.get(name))
    target = out or weights_folder() / file.name
    run(file, source, target)
    typer.echo(f"wrote {target}: {target.stat().st_size / 1e6:.1f} MB")


def _convertible(method: MethodSpec) -> WeightsSpec:
    for file in method.weights:
        if file.converter:
            return file
    raise UserError(f"{method.name}: its weights need no conversion")
