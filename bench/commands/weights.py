"""``weights list``, ``weights fetch``, ``weights convert``: files that methods need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, FileBeside, MethodSpec, WeightsSpec

app = typer.Typer(no_args_is_help=True, help="Weights of fusion methods: list, download, convert.")

MethodArgument = Annotated[str, typer.Argument(help="fusion method; see 'list methods'")]
OutOption = Annotated[
    Path | None, typer.Option(help="file to write; default: in the weights folder")
]


@app.command("list")
def list_weights() -> None:
    """Show the weights files of every method, and how to get the missing ones."""
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
def fetch(
    name: MethodArgument,
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="accept a file of which no checksum is published"),
    ] = False,
) -> None:
    """Download a method's weights, check them and convert them if needed."""
    from ivif_bench.commands.console import counting
    from ivif_bench.weights import convert, weights_folder
    from ivif_bench.weights import fetch as download

    method = METHODS.get(name)
    files = [file for file in method.weights if file.url]
    if not files:
        raise UserError(f"{name}: it has no weights to download; see 'ivif-bench weights list'")
    expected_of = [file.original_sha256 or ("" if file.original else file.sha256) for file in files]
    if not (unchecked or all(expected_of)):
        missing = files[expected_of.index("")]
        raise UserError(
            f"{name}: no sha256 of {missing.original or missing.name} is published, so its content "
            "cannot be checked; --unchecked downloads it all the same and prints its sha256"
        )
    for file, expected in zip(files, expected_of, strict=True):
        typer.echo(f"terms: {file.terms}")
        first = FileBeside(file.original or file.name, file.url, expected)
        for part in (*file.beside, first):
            target = weights_folder() / part.name
            typer.echo(part.url)
            try:
                with counting(f"download {target.name}") as progress:
                    found = download(part.url, target, part.sha256, progress, unchecked=unchecked)
            except KeyboardInterrupt:
                typer.echo("interrupted; run the same command again to resume", err=True)
                raise typer.Exit(130) from None
            checked = "as expected" if part.sha256 else "not checked, because of --unchecked"
            typer.echo(f"{target}: sha256 {found} ({checked})")
        if file.converter:
            try:
                convert(file, target, weights_folder() / file.name)
            except UserError as problem:
                raise UserError(
                    f"{problem}; if the download is damaged, delete {target} and fetch again"
                ) from problem
            typer.echo(f"wrote {weights_folder() / file.name}; {target.name} may be deleted")


@app.command()
def convert(
    name: MethodArgument,
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="checkpoint as published by its authors")
    ],
    out: OutOption = None,
) -> None:
    """Convert a published checkpoint to safetensors, without running code in it.

    A TensorFlow checkpoint is named by its prefix or its .index file; the .data file lies beside it.
    """
    from ivif_bench.weights import convert as run
    from ivif_bench.weights import published_file, sha256_of, weights_folder

    file = _convertible(METHODS.get(name), source)
    target = out or weights_folder() / file.name
    run(file, source, target)
    if file.original_sha256 and sha256_of(published_file(source)) != file.original_sha256:
        typer.echo(f"{source} is not the published file (sha256 {file.original_sha256})", err=True)
    typer.echo(f"wrote {target}: {target.stat().st_size / 1e6:.1f} MB")


def _convertible(method: MethodSpec, source: Path) -> WeightsSpec:
    """The file that a published one becomes; of several, that of the same original name."""
    from ivif_bench.weights import published_file

    files = [file for file in method.weights if file.converter]
    for file in files:
        if Path(file.original).name == published_file(source).name:
            return file
    if len(files) > 1:
        names = ", ".join(Path(file.original).name for file in files)
        raise UserError(
            f"{method.name} has several files; keep the published name of {source}: {names}"
        )
    if files:
        return files[0]
    raise UserError(f"{method.name}: its weights need no conversion")
