"""``run``, ``fuse``, ``quality``, ``report``: the benchmark itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ivif_bench.commands.paging import (
    PageImagesOption,
    PageOption,
    page_count,
    say_if_old,
    write_page,
)
from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.config import RunConfig
    from ivif_bench.pipeline.run import Summary
    from ivif_bench.reports.comparison import Spread

ConfigArgument = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="run configuration (YAML), such as configs/demo.yaml"),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", "-j", min=1, help="parallel jobs; default: all processors"),
]
SeedsOption = Annotated[
    str, typer.Option("--seeds", help="training seeds, such as 0,1,2; default: the protocol's")
]
SplitOption = Annotated[
    str,
    typer.Option("--split", help="split: a name, a rule or a file; default: the configuration's"),
]
SkipOption = Annotated[
    bool,
    typer.Option(
        "--skip-missing",
        help="leave out methods whose weights are not here, each with a line that says where to get them",
    ),
]
ExecutorOption = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="NAME[,KEY=VALUE,...]",
        help="where jobs run: local, ray or slurm, and its options; default: the configuration's",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="print a summary as JSON on standard output")
]

PublishedOption = Annotated[
    bool,
    typer.Option("--with-published", help="set numbers that papers print beside ours, not ranked"),
]


def run(
    config: ConfigArgument,
    workers: WorkersOption = None,
    seeds: SeedsOption = "",
    skip_missing: SkipOption = False,
    with_published: PublishedOption = False,
    executor: ExecutorOption = "",
    page: PageOption = False,
    page_images: PageImagesOption = "",
    as_json: JsonOption = False,
) -> None:
    """Run the whole benchmark: fuse, judge, write tables. Finished work is skipped."""
    run_tasks(
        config,
        None,
        workers,
        as_json,
        seeds,
        skip_missing=skip_missing,
        with_published=with_published,
        executor=executor,
        page_images=page_count(page, page_images),
    )


def fuse(
    config: ConfigArgument,
    workers: WorkersOption = None,
    executor: ExecutorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Fuse only: every method on every dataset of the configuration."""
    run_tasks(config, (), workers, as_json, executor=executor)


def quality(
    config: ConfigArgument,
    workers: WorkersOption = None,
    split: SplitOption = "",
    executor: ExecutorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Fuse missing images and compute their quality metrics."""
    run_tasks(config, ("quality",), workers, as_json, split=split, executor=executor)


def report(
    run_or_config: Annotated[
        Path, typer.Argument(metavar="RUN", help="run directory such as runs/demo, or its CONFIG")
    ],
    spread: Annotated[
        str,
        typer.Option(
            "--spread",
            help="print beside each number its 95 % interval (interval; detection: and mark what is "
            "better than both sources) or standard deviation over images (sd); default: the "
            "configuration's",
        ),
    ] = "",
    detail: Annotated[
        bool,
        typer.Option(
            "--detail",
            help="write what explains detection tables as well: scores by condition and size, "
            "precision and recall, miss rates, confusions, errors by kind, all differences",
        ),
    ] = False,
    image: Annotated[
        list[str],
        typer.Option(
            "--image",
            help="draw detections and labels of this image (stem), of all methods; repeat it; default: the "
            "image on which methods differ most",
        ),
    ] = [],  # noqa: B006 - typer copies it
    confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="draw detections from this confidence on; default: where each method's mean F1 is "
            "largest",
        ),
    ] = None,
    with_published: PublishedOption = False,
    table: Annotated[
        list[str],
        typer.Option("--table", help="also a table for print, such as ddfm-1; may be repeated"),
    ] = [],  # noqa: B006 - typer copies it
    page: PageOption = False,
    page_images: PageImagesOption = "",
) -> None:
    """Write and print the tables of a run again, from its results; judges no image again."""
    from ivif_bench.config_reading import load_config, load_report_config
    from ivif_bench.reports.presets import table_options
    from ivif_bench.reports.published import load_source
    from ivif_bench.reports.write import Pictures, write_report

    if spread not in ("", "sd", "interval"):
        raise UserError(f"--spread: {spread!r}; known: sd, interval")
    count = page_count(page, page_images)
    folder = run_or_config
    if run_or_config.is_file():
        config = load_config(run_or_config)
        folder = config.folder
    else:
        config = load_report_config(folder)
    beside = cast("Spread", spread) or config.report.spread
    if with_published:
        config = config.with_published()
    if table:
        config = config.model_copy(update={"table": (*config.table, *table_options(table))})
    pictures = Pictures(stems=tuple(image), confidence=confidence)
    written = write_report(
        folder,
        config.report.formats,
        beside,
        detail or config.report.detail,
        pictures,
        [load_source(name) for name in config.published],
        config.table,
    )
    for path in written:
        typer.echo(f"wrote {path}", err=True)
    if count is not None:
        write_page(folder, config, count, confidence)
    else:
        say_if_old(folder)
    _print_tables(folder, config, beside)


def run_tasks(
    path: Path,
    tasks: tuple[str, ...] | None,
    workers: int | None,
    as_json: bool,
    seeds: str = "",
    split: str = "",
    skip_missing: bool = False,
    with_published: bool = False,
    executor: str = "",
    page_images: int | None = None,
) -> None:
    """Run the benchmark, or some tasks of it, print its tables and what was done.

    Args:
        page_images: number of images of each dataset with a preview on the page; None for no page.

    Raises:
        UserError: the configuration lacks a section, or some work failed.
    """
    config = chosen(path, tasks, seeds, split, skip_missing, with_published, executor)
    finish(config, tasks, workers, as_json, page_images)


def finish(
    config: RunConfig,
    tasks: tuple[str, ...] | None,
    workers: int | None,
    as_json: bool,
    page_images: int | None = None,
) -> None:
    """Run what is not finished, print the tables and what was done.

    Raises:
        UserError: some work failed.
    """
    from ivif_bench.commands.console import console, print_json
    from ivif_bench.pipeline.run import describe_failures

    summary = carried_out(config, tasks, workers)
    if page_images is not None:
        write_page(config.folder, config, page_images)
    else:
        say_if_old(config.folder)
    if as_json:
        print_json(
            {
                "run": str(config.folder),
                "fused": summary.fused,
                "computed": summary.computed,
                "reused": summary.reused,
                "failures": list(summary.failures),
            }
        )
    elif tasks != ():
        _print_tables(config.folder, config, config.report.spread)
    console.print(
        f"{config.folder}: {summary.fused} images fused, {summary.computed} results computed, "
        f"{summary.reused} already finished; tables in {config.folder / 'report'}",
        markup=False,
        soft_wrap=True,
    )
    if summary.failures:
        raise UserError(describe_failures(summary.failures))


def carry_out(
    path: Path,
    tasks: tuple[str, ...] | None,
    workers: int | None,
    seeds: str = "",
    split: str = "",
    skip_missing: bool = False,
    with_published: bool = False,
    executor: str = "",
) -> tuple[RunConfig, Summary]:
    """Run what is not finished, with progress and failures on standard error.

    Raises:
        UserError: a configuration that cannot be run, or one without a section of these tasks.
        typer.Exit: the run was interrupted.
    """
    config = chosen(path, tasks, seeds, split, skip_missing, with_published, executor)
    return config, carried_out(config, tasks, workers)


def chosen(
    path: Path,
    tasks: tuple[str, ...] | None,
    seeds: str = "",
    split: str = "",
    skip_missing: bool = False,
    with_published: bool = False,
    executor: str = "",
) -> RunConfig:
    """A configuration with what the command line changes of it.

    Raises:
        UserError: as ``load_config``, or one without a section of these tasks.
    """
    from ivif_bench.commands.console import console
    from ivif_bench.commands.options import parse_options
    from ivif_bench.config_reading import load_config
    from ivif_bench.pipeline.absent import without_absent

    config = load_config(path)
    if skip_missing:
        config = without_absent(
            config, lambda text: console.print(text, markup=False, soft_wrap=True)
        )
    if seeds:
        config = config.overridden(seeds=_parse_seeds(seeds))
    if split:
        config = config.overridden(split=split)
    if with_published:
        config = config.with_published()
    if executor:
        name, *settings = executor.split(",")
        config = config.run_by(name, parse_options(settings, "--executor"))
    for task in tasks or ():
        if task not in config.sections:
            raise UserError(f"{path} has no section {task!r}; add one or choose another command")
    return config


def carried_out(config: RunConfig, tasks: tuple[str, ...] | None, workers: int | None) -> Summary:
    """Run what is not finished, with progress and failures on standard error.

    Raises:
        UserError: a configuration that cannot be run.
        typer.Exit: the run was interrupted.
    """
    from ivif_bench.commands.console import ProgressListener, console
    from ivif_bench.commands.stopping import Terminated, terminable
    from ivif_bench.pipeline.run import run

    try:
        with terminable(), ProgressListener() as listener:
            summary = run(config, tasks=tasks, workers=workers, listener=listener)
    except KeyboardInterrupt as stopped:
        terminated = isinstance(stopped, Terminated)
        console.print(
            f"{'terminated' if terminated else 'interrupted'}; finished work is kept in "
            f"{config.folder}: run the same command again to resume",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(143 if terminated else 130) from None
    for failure in summary.failures:
        console.print(f"failed: {failure}", markup=False, soft_wrap=True)
    return summary


def _print_tables(folder: Path, config: RunConfig, spread: Spread) -> None:
    from ivif_bench.reports.frame import load_run
    from ivif_bench.reports.published import load_source
    from ivif_bench.reports.terminal import print_tables
    from ivif_bench.reports.write import build_report

    sources = [load_source(name) for name in config.published]
    print_tables(build_report(load_run(folder), spread, sources, config.table).tables)


def _parse_seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as problem:
        raise UserError(
            f"--seeds {text!r}: expected numbers separated by commas, such as 0,1,2"
        ) from problem


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    for command in (run, fuse, quality, report):
        app.command()(command)
