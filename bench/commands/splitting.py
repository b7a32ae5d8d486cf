"""``data split``, ``data leak``: scene-disjoint splits, and how much of a test list is in train."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivif_bench.commands.options import parse_options
from ivif_bench.errors import UserError, first_few

if TYPE_CHECKING:
    from ivif_bench.data.base import Dataset
    from ivif_bench.data.splits import Split

_SECONDS = 1.5  # between lines of progress, without a terminal
OptionOption = Annotated[
    list[str], typer.Option("--option", help="layout option KEY=VALUE, such as class_order=...")
]
JsonOption = Annotated[bool, typer.Option("--json", help="print as JSON")]


def split(
    layout: Annotated[str, typer.Argument(help="dataset layout; see 'list datasets'")],
    root: Annotated[Path, typer.Option(help="folder of the dataset, as downloaded")],
    out: Annotated[Path, typer.Option(help="split file to write, such as mine.yaml")],
    test: Annotated[float, typer.Option(help="share of the images, 0 to 1")] = 0.2,
    val: Annotated[float, typer.Option(help="share of the images, 0 to 1")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="of the choice among runs")] = 0,
    option: OptionOption = [],  # noqa: B006 - typer copies it
    force: Annotated[bool, typer.Option(help="replace a file that is there")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a split that keeps every run of similar frames on one side; write it with its hashes.

    Runs are found by the pictures of both sides, and chosen so that images and classes are balanced.
    """
    from ivif_bench.commands.progress import counting
    from ivif_bench.data.base import open_dataset
    from ivif_bench.data.leak import picture_leak
    from ivif_bench.data.scene_split import scene_split, write_split
    from ivif_bench.data.splits import canonical_hash, leak_line

    if out.suffix not in (".yaml", ".yml"):
        raise UserError(f"--out {out}: a split file ends in .yaml")
    if out.exists() and not force:
        raise UserError(f"--out {out}: it is there already; --force replaces it")
    dataset = open_dataset(layout, root, **parse_options(option))
    with counting(dataset.name, _SECONDS) as progress:
        made = scene_split(dataset, out.stem, test, val, seed, progress)
        looks = picture_leak(made.split, *made.frames, progress)
    write_split(made, dataset, out)
    parts = {
        part: {"images": len(stems), "sha256": canonical_hash(stems)}
        for part, stems in made.split.parts.items()
    }
    if as_json:
        from ivif_bench.commands.console import print_json

        longest = max(map(len, made.runs))
        print_json(
            {"file": str(out), "sha256": made.split.sha256, "parts": parts, "runs": len(made.runs),
             "longest_run": longest, "shares": made.shares, "likeness": _rounded_limits(made.found),
             **_by_number(made.split), "by_picture": looks.share, "notes": made.notes()}
        )  # fmt: skip
        return
    typer.echo(
        f"{len(dataset.pairs)} pairs, {len(made.runs)} runs of 1 to {max(map(len, made.runs))} "
        f"frames; one run: likeness above {made.found.infrared:.3f} infrared or "
        f"{made.found.visible:.3f} visible"
    )
    for kind, amounts in made.shares.items():
        total = sum(amounts.values())
        shown = ", ".join(f"{part} {n} ({n / total:.1%})" for part, n in amounts.items())
        typer.echo(f"{kind}: {shown}")
    for part, about in parts.items():
        typer.echo(f"{part}: {about['images']} pairs, stems sha256 {about['sha256']}")
    typer.echo(f"leak by number: {leak_line(made.split)}")
    typer.echo(f"leak by picture: {looks.share:.1%} of the test images look like one in train")
    for note in made.notes():
        typer.echo(f"note: {note}")
    typer.echo(f"{out}: split {made.split.name!r}, sha256 {made.split.sha256}")


def leak(
    lists: Annotated[
        list[str],
        typer.Argument(
            metavar="LIST...",
            help="TRAIN TEST: two lists; or one: a split (name or file), or a test list, whose rest "
            "of the dataset is train (--layout, --root)",
        ),
    ],
    layout: Annotated[str, typer.Option(help="dataset layout; see 'list datasets'")] = "",
    root: Annotated[
        Path | None, typer.Option(help="folder of the dataset: its images are compared, too")
    ] = None,
    option: OptionOption = [],  # noqa: B006 - typer copies it
    scenes: Annotated[
        Path | None,
        typer.Option(help="scene file: 'scenes' of a split file, or RGBXFusion's scenario.json"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print how much of a test list is nearly in train: by number, by picture, by scene.

    Exit code 1 if train and test share images.
    """
    from ivif_bench.data.base import open_dataset
    from ivif_bench.data.leak import read_scenes, scene_cuts
    from ivif_bench.data.splits import canonical_hash, overlap

    if bool(layout) != (root is not None):
        raise UserError("--layout and --root go together")
    dataset = open_dataset(layout, root, **parse_options(option)) if root is not None else None
    judged = _split_of(lists, dataset)
    shared = overlap(judged.train, judged.test)
    found: dict[str, Any] = {
        "name": judged.name,
        "sha256": judged.sha256,
        **{
            part: {"images": len(stems), "sha256": canonical_hash(stems)}
            for part, stems in judged.parts.items()
        },
        "shared": list(shared),
        **_by_number(judged),
    }
    if dataset is not None:
        found["by_picture"] = _by_picture(judged, dataset)
    if scenes is not None:
        cuts = scene_cuts(judged, read_scenes(scenes))
        found["scenes"] = {
            "scenes": cuts.scenes, "cut": list(cuts.cut), "test_images": cuts.images
        }  # fmt: skip
    if as_json:
        from ivif_bench.commands.console import print_json

        print_json(found)
    else:
        for line in _leak_lines(judged, found):
            typer.echo(line)
    if shared:
        raise typer.Exit(1)


def _split_of(lists: list[str], dataset: Dataset | None) -> Split:
    """The train and test lists that the arguments mean."""
    from ivif_bench.data.splits import Split, find_split, lone_split, read_part

    if len(lists) > 2:
        raise UserError(f"{len(lists)} lists; give TRAIN and TEST, or one split or test list")
    if len(lists) == 2:
        train, test = (read_part(Path(name), dataset) for name in lists)
        return Split(", ".join(Path(name).name for name in lists), {"train": train, "test": test})
    split = lone_split(lists[0]) if dataset is None else find_split(dataset, lists[0])
    if not split.train and dataset is not None:
        given = {stem for stems in split.parts.values() for stem in stems}
        rest = tuple(pair.stem for pair in dataset.pairs if pair.stem not in given)
        split = Split(f"{split.name}, train is the rest", {**split.parts, "train": rest})
    if not split.train or not split.test:
        raise UserError(
            f"{lists[0]}: no {'test' if split.train else 'train'} images; give TRAIN and TEST, or a "
            "test list with --layout and --root, whose other images are train"
        )
    return split


def _by_number(split: Split) -> dict[str, float]:
    from ivif_bench.data.splits import FAR, neighbour_leak, within

    return {"neighbour_leak": neighbour_leak(split), f"within_{FAR}": within(split, FAR)}


def _by_picture(split: Split, dataset: Dataset) -> dict[str, Any]:
    from ivif_bench.commands.progress import counting
    from ivif_bench.data.leak import picture_leak
    from ivif_bench.data.likeness import thumbnails
    from ivif_bench.data.runs import in_order

    stems = in_order({*split.train, *split.test})
    pairs = dataset.select(tuple(stems))
    with counting(dataset.name, _SECONDS) as progress:
        looks = picture_leak(split, stems, thumbnails(pairs, progress), progress)
    near = {stem: one for stem, one in looks.nearest.items() if one[1] > looks.limit}
    return {
        "share": looks.share,
        "limit": round(looks.limit, 4),
        "test_images": {
            stem: {"train": other, "likeness": round(value, 4)}
            for stem, (other, value) in near.items()
        },
    }


def _leak_lines(split: Split, found: dict[str, Any]) -> list[str]:
    from ivif_bench.data.splits import leak_line

    lines = [f"split {found['name']!r}, sha256 {found['sha256']}"]
    lines += [
        f"{part}: {found[part]['images']} images, stems sha256 {found[part]['sha256']}"
        for part in split.parts
    ]
    lines.append(f"by number: {leak_line(split)}")
    if "by_picture" in found:
        looks = found["by_picture"]
        lines.append(
            f"by picture: {looks['share']:.1%} of the test images look like one in train "
            f"(likeness above {looks['limit']:.3f})"
        )
    if "scenes" in found:
        cuts = found["scenes"]
        lines.append(
            f"by scene: {len(cuts['cut'])} of {cuts['scenes']} scenes have train and test images; "
            f"{cuts['test_images']} test images are in them"
        )
        if cuts["cut"]:
            lines.append(f"cut scenes: {first_few(cuts['cut'], 5)}")
    if found["shared"]:
        lines.append(
            f"error: {len(found['shared'])} test images are in train: {first_few(found['shared'])}"
        )
    return lines


def _rounded_limits(found: Any) -> dict[str, float]:
    return {"infrared": round(found.infrared, 4), "visible": round(found.visible, 4)}


def register(app: typer.Typer) -> None:
    """Add these commands to ``data``."""
    app.command()(split)
    app.command()(leak)
