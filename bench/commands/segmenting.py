"""``segment``: segmentation of a run's methods, or label images that the user's segmenter predicted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    from ivif_bench.tasks.segmentation.given_labels import GivenLabels
    from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol

_WITH_LABELS = "With --labels, without CONFIG"
_NOT_FOR_LABELS = ("workers", "executor", "seeds", "as_json")


def segment(
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
    labels: Annotated[
        list[str],
        typer.Option(
            help="label images of any segmenter, as NAME=FOLDER, or NAME=PATTERN such as "
            "out/{stem}_pred.png; repeat it",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = [],  # noqa: B006 - typer copies it
    truth: Annotated[
        str,
        typer.Option(
            help="label images of the truth, in the same ways; --split FILE lists the images to judge, "
            "if not all",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = "",
    protocol: Annotated[
        str,
        typer.Option(
            help="protocol whose classes, means and conventions count, such as msrs-seg.v2",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = "",
    classes: Annotated[
        str,
        typer.Option(
            help="or class names in the order of their ids, such as road,car,person",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = "",
    ignore: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=255,
            help="with --classes: value that is no class; default 255",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = None,
    void: Annotated[
        str,
        typer.Option(
            help="what void does: ignore, false-positive, class or mfnet; default: the protocol's, or "
            "ignore",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = "",
    class_map: Annotated[
        str,
        typer.Option(
            help="what values of --labels mean: names of 0, 1, 2, ... by commas; JSON such as "
            '{"car": [3, 4], "person": "#ff0000"}; or palette, the dataset\'s colours',
            rich_help_panel=_WITH_LABELS,
        ),
    ] = "",
    truth_map: Annotated[
        str,
        typer.Option(help="as --class-map, of --truth", rich_help_panel=_WITH_LABELS),
    ] = "",
    other: Annotated[
        str,
        typer.Option(
            help="class that values of --labels outside --class-map count as, such as unlabelled",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = "",
    resize: Annotated[
        bool,
        typer.Option(
            "--resize",
            help="bring labels of another size to the truth's by nearest neighbour",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = False,
    missing: Annotated[
        str,
        typer.Option(
            help="images without labels: refuse, or allow (a table of its own)",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = "refuse",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="markdown (md), latex, csv, json, ...; default: markdown, on a terminal aligned",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = "",
    title: Annotated[
        str, typer.Option(help="name of the images in the caption", rich_help_panel=_WITH_LABELS)
    ] = "",
    matrix: Annotated[
        Path | None,
        typer.Option(
            help="write the confusion matrices, of each image too, as JSON",
            rich_help_panel=_WITH_LABELS,
        ),
    ] = None,
) -> None:
    """Fuse missing images of CONFIG and judge them by semantic segmentation; or score --labels."""
    given = [
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    ]
    if config is not None:
        alien = [name for name in given if name not in ("config", "split", *_NOT_FOR_LABELS)]
        if alien:
            raise UserError(
                f"{_flag(alien[0])} is for labels without a configuration; in {config}, labels are a "
                "key of its section 'segmentation'"
            )
        run_tasks(config, ("segmentation",), workers, as_json, seeds, split, executor=executor)
        return
    if not labels or not truth:
        raise UserError(
            "segment: give a run configuration, or --labels NAME=FOLDER and --truth FOLDER"
        )
    if alien := [name for name in given if name in _NOT_FOR_LABELS]:
        advice = "; --format json prints the table as JSON" if alien[0] == "as_json" else ""
        raise UserError(f"{_flag(alien[0])} is for a run, not for --labels{advice}")
    rules = _rules(protocol, classes, ignore, void)
    common = {
        "classes": _map(class_map, "--class-map"),
        "other": other or None,
        "resize": resize,
        "missing": missing,
    }
    rows = {name: _options(name, place, common) for name, place in _named(labels).items()}
    right = _options("--truth", truth, {"classes": _map(truth_map, "--truth-map")})
    _print(rows, right, rules, split, form, title, matrix)


def _print(
    rows: dict[str, GivenLabels],
    truth: GivenLabels,
    protocol: SegmentationProtocol,
    split: str,
    form: str,
    title: str,
    matrix: Path | None,
) -> None:
    from ivif_bench.commands.progress import counting
    from ivif_bench.data.split_lists import read_list
    from ivif_bench.files import write_json
    from ivif_bench.reports.formats import load_text
    from ivif_bench.reports.given import report_of
    from ivif_bench.reports.terminal import print_tables
    from ivif_bench.tasks.segmentation.folder import score_labels

    if not form and not sys.stdout.isatty():
        form = "markdown"
    text = load_text(SHORT_FORMATS.get(form, form)) if form else None
    if matrix is not None:
        demand_writable(matrix)
    stems = read_list(Path(split)) if split else None
    with counting("scoring") as progress:
        scores = score_labels(rows, truth, protocol, stems, progress)
    report = report_of(scores.records, scores.abouts, title=title)
    if text is None:
        print_tables(report.tables)
    else:
        typer.echo(text(report.title, report.tables, report.remarks), nl=False)
    if matrix is not None:
        write_json(matrix, scores.matrices)


def _rules(protocol: str, classes: str, ignore: int | None, void: str) -> SegmentationProtocol:
    from ivif_bench.tasks.segmentation.folder import plain_protocol, with_scores
    from ivif_bench.tasks.segmentation.protocol import load_protocol

    if bool(protocol) == bool(classes):
        raise UserError("--labels needs the classes: either --protocol or --classes")
    if protocol:
        if ignore is not None:
            raise UserError("--ignore goes with --classes; a protocol has its ignore_index")
        found = load_protocol(protocol)
        return with_scores(found.override(void=void) if void else found)
    names = [name.strip() for name in classes.split(",") if name.strip()]
    return plain_protocol(names, 255 if ignore is None else ignore, void or "ignore")


def _map(text: str, flag: str) -> Any:
    """Names in order, a mapping from names to values or colours, or ``palette``."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as problem:
            raise UserError(f"{flag}: broken JSON ({problem})") from problem
    if text in ("", "palette"):
        return text or ()
    return tuple(part.strip() for part in text.split(","))


def _options(name: str, place: str, common: dict[str, Any]) -> GivenLabels:
    from ivif_bench.tasks.segmentation.given_labels import GivenLabels
    from ivif_bench.validation import checked

    where = name if name.startswith("--") else f"--labels {name}"
    return checked(GivenLabels, {**common, "files": place}, where)


def _named(items: list[str]) -> dict[str, str]:
    """Place by row; a folder without NAME= gives its own name."""
    places: dict[str, str] = {}
    for item in items:
        name, equals, place = item.partition("=")
        if not equals or Path(item).exists():
            name, place = Path(item).resolve().name, item
        if not name or not place:
            raise UserError(f"--labels: {item!r}: expected NAME=FOLDER")
        if name in places:
            raise UserError(f"--labels: the name {name!r} occurs twice; use NAME=FOLDER")
        places[name] = place
    return places


def _flag(parameter: str) -> str:
    return {"as_json": "--json", "form": "--format"}.get(
        parameter, f"--{parameter.replace('_', '-')}"
    )


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command()(segment)
