"""``detect``: object detection of a run's methods, or of boxes that the user's detector found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivif_bench.commands.options import parse_options
from ivif_bench.commands.running import (
    ExecutorOption,
    SeedsOption,
    SplitOption,
    WorkersOption,
    run_tasks,
)
from ivif_bench.commands.scoring import SHORT_FORMATS, demand_writable
from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.tasks.detection.given_ids import GivenBoxes
    from ivif_bench.tasks.detection.given_truth import GivenTruth

_WITH_BOXES = "With --boxes, without CONFIG"
_NOT_FOR_BOXES = ("workers", "executor", "seeds", "as_json")


def detect(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG", help="run configuration (YAML), such as configs/demo.yaml"
        ),
    ] = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = "",
    seeds: SeedsOption = "",
    split: SplitOption = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="print a summary of the run as JSON on standard output")
    ] = False,
    boxes: Annotated[
        list[str],
        typer.Option(
            help="boxes of any detector, as NAME=FILE: COCO JSON, or a folder of YOLO text; repeat it",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = [],  # noqa: B006 - typer copies it
    truth: Annotated[
        Path | None,
        typer.Option(
            help="objects: a COCO JSON, or a folder of VOC XML or of YOLO text; --split FILE lists the "
            "images to judge, if not all",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            help="or a dataset layout with --root, see 'list datasets'; --split as in a run",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = "",
    root: Annotated[
        Path | None, typer.Option(help="folder of the dataset", rich_help_panel=_WITH_BOXES)
    ] = None,
    option: Annotated[
        list[str],
        typer.Option("--option", help="layout option KEY=VALUE", rich_help_panel=_WITH_BOXES),
    ] = [],  # noqa: B006
    classes: Annotated[
        str,
        typer.Option(
            help="class names of the boxes in the order of their numbers, such as person,car, or with "
            "their numbers: person=0,car=2; default: the categories of the COCO JSON",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = "",
    first_id: Annotated[
        int | None,
        typer.Option(
            min=0, max=1, help="number of the first class: 0 or 1", rich_help_panel=_WITH_BOXES
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="COCO JSON whose ids the boxes use; default: they themselves, or --truth",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = None,
    image_id: Annotated[
        str,
        typer.Option(
            help="what a number in image_id is: id (of that JSON), or stem (the number in the file name)",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = "id",
    missing: Annotated[
        str,
        typer.Option(
            help="images without boxes in a file: refuse, empty (nothing was found in them), or allow "
            "(a table of its own)",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = "refuse",
    truth_classes: Annotated[
        str,
        typer.Option(help="as --classes, of --truth as YOLO text", rich_help_panel=_WITH_BOXES),
    ] = "",
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="folder of the images, whose sizes YOLO text needs", rich_help_panel=_WITH_BOXES
        ),
    ] = None,
    evaluator: Annotated[
        str,
        typer.Option(
            help="of COCO's AP: pycocotools, or faster-coco-eval (the same numbers)",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = "pycocotools",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="markdown (md), latex, csv, json, ...; default: markdown, on a terminal aligned",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = "",
    title: Annotated[
        str,
        typer.Option(help="name of the images in the caption", rich_help_panel=_WITH_BOXES),
    ] = "",
    statistics: Annotated[
        Path | None,
        typer.Option(
            help="write COCO's twelve statistics of every file and class as CSV",
            rich_help_panel=_WITH_BOXES,
        ),
    ] = None,
) -> None:
    """Fuse missing images of CONFIG and judge them by object detection; or score --boxes."""
    given = [
        name
        for name in context.params
        if context.get_parameter_source(name) is not None
        and context.get_parameter_source(name).name == "COMMANDLINE"  # type: ignore[union-attr]
    ]
    if config is not None:
        alien = [name for name in given if name not in ("config", "split", *_NOT_FOR_BOXES)]
        if alien:
            raise UserError(
                f"{_flag(alien[0])} is for boxes without a configuration; in {config}, boxes are a key "
                "of its section 'detection'"
            )
        run_tasks(config, ("detection",), workers, as_json, seeds, split, executor=executor)
        return
    if not boxes:
        raise UserError("detect: give a run configuration, or --boxes NAME=FILE and --truth")
    alien = [name for name in given if name in _NOT_FOR_BOXES]
    if alien:
        advice = "; --format json prints the table as JSON" if alien[0] == "as_json" else ""
        raise UserError(f"{_flag(alien[0])} is for a run, not for --boxes{advice}")
    common = {
        "classes": _classes(classes, "--classes"),
        "first_id": first_id,
        "images": None if images is None else str(images),
        "image_id": image_id,
        "missing": missing,
    }
    files = {name: _options(name, file, common) for name, file in _named(boxes).items()}
    found = _truth(truth, layout, root, split, option, truth_classes, pictures)
    _print(found, files, evaluator, form, title, statistics)


def _print(
    truth: GivenTruth,
    files: dict[str, GivenBoxes],
    evaluator: str,
    form: str,
    title: str,
    statistics: Path | None,
) -> None:
    from ivif_bench.files import write_bytes
    from ivif_bench.registry import suggest
    from ivif_bench.reports.formats import load_text
    from ivif_bench.reports.given import report_of
    from ivif_bench.reports.terminal import print_tables
    from ivif_bench.tasks.detection.coco_eval import EVALUATORS
    from ivif_bench.tasks.detection.given_scores import score_given

    if evaluator not in EVALUATORS:
        raise UserError(f"--evaluator: {evaluator!r}; {suggest(evaluator, list(EVALUATORS))}")
    if not form and not sys.stdout.isatty():
        form = "markdown"
    text = load_text(SHORT_FORMATS.get(form, form)) if form else None
    if statistics is not None:
        demand_writable(statistics)
    scores = score_given(truth, files, evaluator)  # type: ignore[arg-type]  # checked above
    report = report_of(scores.records, scores.abouts, title=title or truth.title)
    if text is None:
        print_tables(report.tables)
    else:
        typer.echo(text(report.title, report.tables, report.remarks), nl=False)
    if statistics is not None:
        write_bytes(statistics, scores.statistics_csv().encode())


def _truth(
    truth: Path | None,
    layout: str,
    root: Path | None,
    split: str,
    option: list[str],
    classes: str,
    pictures: Path | None,
) -> GivenTruth:
    from ivif_bench.tasks.detection.given_truth import truth_in_files, truth_in_layout

    if (truth is None) == (not layout):
        raise UserError("--boxes needs the objects: either --truth, or --layout with --root")
    if truth is None:
        if root is None:
            raise UserError("--layout needs --root, the folder of the dataset")
        if classes or pictures is not None:
            raise UserError("--truth-classes and --pictures go with --truth; a layout has --option")
        return truth_in_layout(layout, root, split, parse_options(option))
    if root is not None or option:
        raise UserError("--root and --option go with --layout, not with --truth")
    numbers = _classes(classes, "--truth-classes")
    names = (
        {number: name for name, number in numbers.items()}
        if isinstance(numbers, dict)
        else dict(enumerate(numbers))
    )
    return truth_in_files(truth, names, pictures, Path(split) if split else None)


def _options(name: str, file: str, common: dict[str, Any]) -> GivenBoxes:
    from ivif_bench.tasks.detection.given_ids import GivenBoxes
    from ivif_bench.validation import checked

    return checked(GivenBoxes, {**common, "file": file}, f"--boxes {name}")


def _named(items: list[str]) -> dict[str, str]:
    """File by row; a file without NAME= gives its own name."""
    files: dict[str, str] = {}
    for item in items:
        name, equals, file = item.partition("=")
        if not equals or Path(item).exists():
            name, file = Path(item).stem, item
        if not name or not file:
            raise UserError(f"--boxes: {item!r}: expected NAME=FILE")
        if not Path(file).exists():
            raise UserError(f"--boxes {name}: no such file or folder: {file}")
        if name in files:
            raise UserError(f"--boxes: the name {name!r} occurs twice; use NAME=FILE")
        files[name] = file
    return files


def _classes(text: str, flag: str) -> tuple[str, ...] | dict[str, int]:
    """Names in order, or names with their numbers."""
    items = tuple(item.strip() for item in text.split(",") if item.strip())
    if not any("=" in item for item in items):
        return items
    numbers: dict[str, int] = {}
    for item in items:
        name, _, number = item.rpartition("=")
        if not name or not number.isdecimal():
            raise UserError(f"{flag}: {item!r}: expected NAME=NUMBER for each, or names only")
        numbers[name] = int(number)
    return numbers


def _flag(parameter: str) -> str:
    return {"as_json": "--json", "form": "--format"}.get(
        parameter, f"--{parameter.replace('_', '-')}"
    )


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(detect)
