"""``data demo``, ``data audit``, ``data prepare``: datasets before a run; ``splitting`` adds others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivif_bench.commands import splitting
from ivif_bench.commands.options import parse_options
from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.data.base import Dataset
    from ivif_bench.data.examined import Examiner
    from ivif_bench.types import Progress

app = typer.Typer(
    no_args_is_help=True,
    help="Datasets: write the demo, audit a download, prepare labels, make and check splits.",
)

RootOption = Annotated[Path, typer.Option(help="folder of the dataset, as downloaded")]
OptionOption = Annotated[
    list[str], typer.Option("--option", help="layout option KEY=VALUE, such as class_order=...")
]
MemoryOption = Annotated[
    Path | None,
    typer.Option(
        help="folder for the cached findings of each pair; "
        "default: ivif-bench/audits in the user's cache"
    ),
]
_SECONDS = 1.5  # between lines of progress, without a terminal


@app.command()
def demo(
    out: Annotated[Path, typer.Argument(help="folder to write into")] = Path("data/demo"),
    train: Annotated[int, typer.Option(help="number of training pairs, at most 100000")] = 24,
    test: Annotated[int, typer.Option(help="number of test pairs, at most 100000")] = 20,
    seed: Annotated[int, typer.Option(help="seed of the scenes")] = 0,
) -> None:
    """Write demo scenes in the official layouts of M3FD and MSRS; needs no download."""
    from ivif_bench.data.demo import write_detection, write_segmentation

    if test < 1:
        raise UserError(f"--test must be at least 1, got {test}")
    try:
        write_detection(out / "M3FD_Detection", train=train, test=test, seed=seed)
        write_segmentation(out / "MSRS", train=train, test=test, seed=seed)
    except ValueError as problem:
        raise UserError(str(problem)) from problem
    typer.echo(
        f"wrote {out / 'M3FD_Detection'} and {out / 'MSRS'}: {train} train and {test} test pairs each"
    )


@app.command()
def audit(
    layout: Annotated[str, typer.Argument(help="dataset layout; see 'list datasets'")],
    root: RootOption,
    split: Annotated[str, typer.Option(help="split to check: a name, a file, or 'official'")] = "",
    option: OptionOption = [],  # noqa: B006 - typer copies it
    memory: MemoryOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print as JSON")] = False,
) -> None:
    """Check a dataset: counts, sizes, classes, labels, leakage. Exit code 1 if it has errors."""
    from ivif_bench.data.audit import audit_dataset
    from ivif_bench.data.base import open_dataset
    from ivif_bench.data.splits import find_split

    dataset = open_dataset(layout, root, **parse_options(option))
    checked = find_split(dataset, split) if split else None
    with _examining(dataset, memory) as (examiner, progress):
        found = audit_dataset(dataset, checked, examiner=examiner, progress=progress)
    if as_json:
        from ivif_bench.commands.console import print_json

        print_json(dict(found.data))
    else:
        for fact in found.facts:
            typer.echo(fact)
        for warning in found.warnings:
            typer.echo(f"warning: {warning}")
        for error in found.errors:
            typer.echo(f"error: {error}")
        typer.echo(f"{len(found.errors)} errors, {len(found.warnings)} warnings")
    if found.errors:
        raise typer.Exit(1)


@app.command()
def prepare(
    layout: Annotated[str, typer.Argument(help="dataset layout; see 'list datasets'")],
    root: RootOption,
    archive: Annotated[
        Path | None, typer.Option(help="zip, tar or tar.gz to unpack into --root first")
    ] = None,
    split: Annotated[
        str,
        typer.Option(help="a name, a file, 'official' or 'all'; default: official if there is one"),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="folder to write; default: ROOT/prepared")
    ] = None,
    option: OptionOption = [],  # noqa: B006 - typer copies it
    memory: MemoryOption = None,
    force: Annotated[bool, typer.Option(help="replace an earlier result that differs")] = False,
) -> None:
    """Unpack a download, check its pairs, write COCO JSON, YOLO text and split lists with hashes."""
    from ivif_bench.commands.progress import counting
    from ivif_bench.data.base import LAYOUTS, open_dataset
    from ivif_bench.data.prepare import prepare as write
    from ivif_bench.data.splits import PARTS, resolve_split
    from ivif_bench.data.unpacked import prepared
    from ivif_bench.validation import checked

    options = parse_options(option)
    # mistakes are reported before gigabytes are unpacked
    checked(LAYOUTS.get(layout).options, options, f"{layout}.options")
    if archive is not None:
        _unpack(archive, layout, root, options)
    with counting(layout, _SECONDS) as progress:
        note = LAYOUTS.load(layout).complete(root, progress)
    if note:
        typer.echo(note)
    dataset = open_dataset(layout, root, **options)
    official = any(part in PARTS for part in dataset.official_splits())
    wanted = split or ("official" if official else "all")
    chosen = resolve_split(dataset, wanted)
    with _examining(dataset, memory) as (examiner, progress):
        done = write(
            dataset,
            chosen,
            out or root / "prepared",
            force=force,
            examiner=examiner,
            progress=progress,
        )
    prepared(root)  # from now on it is never replaced
    found = done.summary["split"]
    typer.echo(f"split {found['name']!r}, sha256 {found['sha256']}")
    for part, about in done.summary["parts"].items():
        boxes = f", {about['boxes']} boxes" if "boxes" in about else ""
        typer.echo(f"{part}: {about['images']} pairs{boxes}, stems sha256 {about['stems_sha256']}")
    for note in done.summary["notes"]:
        typer.echo(f"note: {note}")
    if not split and wanted == "all":
        typer.echo("note: no official split, so all pairs are test; choose another with --split")
    files = f"{len(done.summary['files'])} files and prepare.json"
    typer.echo(f"{done.folder}: {files} {'already exist' if done.unchanged else 'written'}")


@contextmanager
def _examining(dataset: Dataset, memory: Path | None) -> Iterator[tuple[Examiner, Progress]]:
    """An examiner of pairs that caches its findings, and a progress display."""
    from ivif_bench.commands.progress import counting
    from ivif_bench.data.examined import Examiner
    from ivif_bench.memory import user_memory

    folder = memory or user_memory("audits")
    examiner = Examiner(dataset, folder)
    try:
        with counting(dataset.name, _SECONDS) as progress:
            yield examiner, progress
    finally:
        if not examiner.save():
            where = folder or "the user's cache: there is no home folder"
            typer.echo(f"note: the findings of each pair cannot be cached in {where}", err=True)


def _unpack(archive: Path, layout: str, root: Path, options: dict[str, Any]) -> None:
    from ivif_bench.data.archive import checksums
    from ivif_bench.data.base import LAYOUTS, open_dataset
    from ivif_bench.data.prepare import md5_note
    from ivif_bench.data.unpacked import unpack_again

    def is_root(folder: Path) -> str:
        try:
            LAYOUTS.load(layout).complete(folder, lambda *_: None)
            open_dataset(layout, folder, **options)
        except UserError as problem:
            # it was looked for in a temporary folder
            return str(problem).replace(str(folder), str(root))
        return ""

    found = checksums(archive)
    typer.echo(f"{archive}: sha256 {found.sha256}, md5 {found.md5}")
    if note := md5_note(layout, found.md5):
        typer.echo(note)
    count = unpack_again(archive, found.sha256, root, is_root)
    typer.echo(f"{root}: {'already unpacked' if count is None else f'{count} files unpacked'}")


splitting.register(app)
