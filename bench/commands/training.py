"""``train``: train the network of a fusion method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivif_bench.commands.options import parse_options


def train(
    name: Annotated[str, typer.Argument(help="what to train; see 'list trainings'")],
    data: Annotated[
        list[str],
        typer.Option(
            help="FOLDER with ir and vi, LAYOUT=FOLDER (its train part), or demo=COUNT; repeatable"
        ),
    ],
    out: Annotated[Path, typer.Option(help="folder for weights, checkpoint, log and samples")],
    preset: Annotated[
        str, typer.Option(help="named recipe; default: the training's first one")
    ] = "",
    steps: Annotated[
        int | None, typer.Option(min=1, help="number of steps; default: the recipe's")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="of weights, data order and noise")
    ] = 0,
    device: Annotated[str, typer.Option(help="torch device: cpu, cuda, cuda:1")] = "cpu",
    resume: Annotated[
        bool, typer.Option("--resume", help="continue from the checkpoint in --out")
    ] = False,
    option: Annotated[
        list[str], typer.Option("--option", help="setting KEY=VALUE of the recipe")
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Train a method's network; resumable, with a log, curves and sample images."""
    from ivif_bench.commands.console import console, counting
    from ivif_bench.training import TRAININGS, TrainingRequest
    from ivif_bench.training import train as run

    chosen = preset or next(iter(TRAININGS.get(name).presets))
    options = parse_options(option)
    with counting(f"train {name}") as progress:
        request = TrainingRequest(
            tuple(data), out, chosen, steps, resume, device, seed, options, progress
        )
        try:
            weights = run(name, request)
        except KeyboardInterrupt:
            console.print(
                "interrupted; run the same command with --resume to continue", markup=False
            )
            raise typer.Exit(130) from None
    typer.echo(f"wrote {weights}: {weights.stat().st_size / 1e6:.1f} MB")


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(train)
