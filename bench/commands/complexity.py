"""``complexity``: parameters, operations, time and memory of methods, of a run or by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.fusion import MethodSpec
    from ivif_bench.types import Record

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_LEAST, _MOST = 96, 16384  # the drawn scenes need 96 pixels


def complexity(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="run configuration with a section")
    ] = None,
    method: Annotated[
        list[str],
        typer.Option(help="a method by name, in place of a configuration; repeat it"),
    ] = [],  # noqa: B006 - typer copies it
    size: Annotated[
        list[str], typer.Option(help="width and height, such as 640x480; repeat it")
    ] = ["640x480"],  # noqa: B006
    runs: Annotated[int, typer.Option(min=1, max=1000, help="timed calls")] = 5,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="CPU threads")] = 1,
    form: Annotated[
        str,
        typer.Option("--format", help="markdown (md), latex, csv, json, ...; default: markdown"),
    ] = "markdown",
) -> None:
    """Measure what methods cost for one pair: the section of a configuration, or methods by name.

    Methods by name fuse a drawn scene. Of a method whose weights are not here, parameters are printed,
    and operations if it declares how to count them.
    """
    if (config is None) == (not method):
        raise UserError("give either a configuration or methods (--method NAME)")
    if config is not None:
        from ivif_bench.commands.running import run_tasks

        run_tasks(config, ("complexity",), None, False)
        return
    from ivif_bench.fusion import METHODS
    from ivif_bench.reports.formats import load_text
    from ivif_bench.reports.given import report_of
    from ivif_bench.tasks.complexity.task import about_of

    sizes = [_size(text) for text in dict.fromkeys(size)]
    specs = [METHODS.get(name) for name in dict.fromkeys(method)]
    if finished := [spec.name for spec in specs if spec.precomputed]:
        raise UserError(
            f"--method {finished[0]}: its images were made elsewhere, it cannot be timed"
        )
    text = load_text({"md": "markdown"}.get(form, form))
    records = [record for spec in specs for record in _measured(spec, sizes, runs, threads)]
    about = about_of(sizes, 1, runs, threads)
    report = report_of(records, about, title="a drawn scene")
    typer.echo(text(report.title, report.tables, report.remarks), nl=False)


def _measured(
    spec: MethodSpec, sizes: Sequence[tuple[int, int]], runs: int, threads: int
) -> list[Record]:
    from ivif_bench.commands.progress import counting
    from ivif_bench.data.demo.render import render_scene
    from ivif_bench.pipeline.worker import fix_threads
    from ivif_bench.tasks.complexity.measuring import Cost, count_without_weights, load, measure
    from ivif_bench.tasks.complexity.task import records_of
    from ivif_bench.types import Unit

    unit = Unit("complexity", "scene", spec.name, "one-pair", 0, key="")
    costs: dict[tuple[int, int], Cost | None] = {}
    if not _runnable(spec):
        for height, width in sizes:
            costs[height, width] = (
                count_without_weights(spec.name, {}, height, width) if spec.counted else Cost(0)
            )
        return records_of(unit, spec.name, costs)
    import torch

    fix_threads(threads)
    torch.set_num_threads(threads)
    fused = load(spec.name, {})
    with counting(spec.name) as progress:
        for each in sorted(sizes):
            scene = render_scene(0, each)
            costs[each] = measure(fused, scene.infrared, scene.visible, 1, runs, progress)
    return records_of(unit, spec.name, costs)


def _runnable(spec: MethodSpec) -> bool:
    from ivif_bench.weights import locate

    try:
        for file in spec.weights:
            locate(spec, file)
    except UserError:
        return False
    return True


def _size(text: str) -> tuple[int, int]:
    """(height, width) of ``WIDTHxHEIGHT``."""
    found = _SIZE.fullmatch(text)
    sides = (int(found[2]), int(found[1])) if found else (0, 0)
    if not all(_LEAST <= side <= _MOST for side in sides):
        raise UserError(
            f"--size {text!r}: expected WIDTHxHEIGHT, {_LEAST} to {_MOST} pixels each, such as 640x480"
        )
    return sides


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(complexity)
