"""``ablate``: the rows of a paper's ablation, trained where needed, judged and put into its table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivif_bench.commands.options import parse_options


def ablate(
    name: Annotated[str, typer.Argument(help="which ablation; see 'list ablations'")],
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="run configuration: its datasets and quality")
    ],
    lite: Annotated[
        bool, typer.Option("--lite", help="rows of the small form instead of the paper's size")
    ] = False,
    data: Annotated[
        list[str],
        typer.Option(help="training pairs, where rows are trained; as of 'train', repeatable"),
    ] = [],  # noqa: B006 - typer copies it
    device: Annotated[
        str, typer.Option(help="torch device of trainings: cpu, cuda, cuda:1")
    ] = "cpu",
    option: Annotated[
        list[str],
        typer.Option(
            "--option",
            help="KEY=VALUE for all rows: of the method, or of the trainings (steps=100)",
        ),
    ] = [],  # noqa: B006
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-j", min=1, help="parallel jobs; default: all processors"),
    ] = None,
) -> None:
    """Make the table of a paper's ablation, such as ddfm-2 or dmnet-5, on the datasets of CONFIG.

    Rows that differ in their training are trained first. Finished work is skipped, and an interrupted
    training is continued. Rows that the paper does not define stand in the table without numbers.
    """
    from ivif_bench.commands.console import console
    from ivif_bench.commands.progress import counting
    from ivif_bench.commands.running import finish
    from ivif_bench.config_reading import load_config
    from ivif_bench.pipeline.ablate import AblationRequest, ablation_run

    request = AblationRequest(lite, tuple(data), device, parse_options(option))
    try:
        run = ablation_run(name, load_config(config), request, counting)
    except KeyboardInterrupt:
        console.print("interrupted; run the same command again to continue", markup=False)
        raise typer.Exit(130) from None
    finish(run, None, workers, as_json=False)


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(ablate)
