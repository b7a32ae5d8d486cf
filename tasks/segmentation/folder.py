"""Folders of label images against folders of truth, without a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ivif_bench.data.base import LAYOUTS
from ivif_bench.data.layouts.msrs import day_or_night
from ivif_bench.errors import UserError
from ivif_bench.tasks.segmentation.adapter import SegmentationAdapter, scorer_of
from ivif_bench.tasks.segmentation.counting import Counts, metric_names
from ivif_bench.tasks.segmentation.given_labels import GivenLabels, Palette, label_reader
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol
from ivif_bench.types import About, Progress, Record, Unit

_PLAIN = "labels.v1"


@dataclass(frozen=True)
class LabelScores:
    """Scores of label images, as those of a run.

    Attributes:
        records: of all rows, in the order given.
        about: what tables say of them.
        matrices: of each row, as ``confusion.json`` of a run has them.
    """

    records: tuple[Record, ...]
    about: About
    matrices: Mapping[str, Mapping[str, Any]]


def plain_protocol(
    classes: Sequence[str], ignore_index: int = 255, void: str = "ignore"
) -> SegmentationProtocol:
    """A protocol that says how label images are scored, and of no network.

    Raises:
        UserError: fewer than two classes, or values that do not fit.
    """
    content = {
        "name": _PLAIN,
        "layout": "folder",
        "classes": list(classes),
        "split": "given",
        "mode": "released",
        "network": "segformer-b0",
        "initial": "user",
        "recipe": {"mmseg": {"inference": {"image_size": [32, 32]}}},
        "seeds": [0],
        "chroma": "none",
        "ignore_index": ignore_index,
        "void": void,
        "means": {f"mIoU{len(classes)}": []},
        "scores": ["mAcc", "FWIoU", "boundary"],
        "format": 2,
    }
    return SegmentationProtocol.from_file(content)


def with_scores(protocol: SegmentationProtocol) -> SegmentationProtocol:
    """The same conventions, with every score there is."""
    return protocol.override(scores=("mAcc", "FWIoU", "boundary"))


def score_labels(
    labels: Mapping[str, GivenLabels],
    truth: GivenLabels,
    protocol: SegmentationProtocol,
    progress: Progress = lambda done, total, what: None,
) -> LabelScores:
    """Score label images by the conventions of a protocol.

    Args:
        labels: predictions by name of the row; each must have the stems of the truth.
        truth: label images that decide which stems are judged.
        protocol: its classes, ``ignore_index``, ``void``, ``means``, ``scores`` and ``conditions``
            count; the network and its training do not.

    Raises:
        UserError: files that are missing or cannot be used; names the file.
    """
    classes, ignored, palette = protocol.classes, protocol.ignore_index, palette_of(protocol)
    right = label_reader(truth, classes, ignored, palette)
    stems = tuple(sorted(right.files))
    if not stems:
        raise UserError(f"{truth.files}: no label images")
    readers = {name: label_reader(each, classes, ignored, palette) for name, each in labels.items()}
    gone = {name: set(reader.lacking(stems)) for name, reader in readers.items()}
    # A row that lacks images would stand on others than the rest: all rows on what all have.
    judged = [stem for stem in stems if not any(stem in missing for missing in gone.values())]
    if not judged:
        raise UserError("no image has labels in every folder")
    tagged = protocol.layout == "msrs"
    counts = {name: Counts(protocol) for name in labels}
    for done, stem in enumerate(judged, start=1):
        actual = right.read(stem, _size(right.files[stem]))
        for name, reader in readers.items():
            found = reader.read(stem, actual.shape)
            counts[name].add(stem, day_or_night(stem) if tagged else (), actual, found)
        progress(done, len(judged), "scoring labels")
    units = {name: Unit("segmentation", "", name, protocol.name, 0, "") for name in labels}
    tags = [tag for each in counts.values() for tag in each.matrices]
    about = About(
        images=len(judged),
        metrics=dict.fromkeys(metric_names(protocol, tags), "up"),
        classes=classes,
        scorer=scorer_of(protocol),
        protocol_sha256=protocol.sha256 if protocol.name != _PLAIN else "",
        warnings=tuple(SegmentationAdapter().warnings(protocol)),
        judges=SegmentationAdapter.judges,
    )
    records = [row for name, unit in units.items() for row in counts[name].records(unit)]
    matrices = {name: each.to_json() for name, each in counts.items()}
    return LabelScores(tuple(records), about, matrices)


def remarks_of(
    labels: Mapping[str, GivenLabels], protocol: SegmentationProtocol, images: int
) -> list[str]:
    """What the footer says of each row's files."""
    palette = palette_of(protocol)
    lines = []
    for name, given in labels.items():
        reader = label_reader(given, protocol.classes, protocol.ignore_index, palette)
        lines.append(f"{name}: {reader.said(images)}.")
    return lines


def palette_of(protocol: SegmentationProtocol) -> Palette:
    """The official colours of a protocol's classes; empty if its layout has none."""
    found = LAYOUTS.load(protocol.layout) if LAYOUTS.find(protocol.layout) else None
    palette: Palette = getattr(found, "palette", ())
    return palette if isinstance(palette, tuple) else ()


def given_labels(name: str, text: str, shared: Mapping[str, Any]) -> GivenLabels:
    """The options of one row: a place, and what all rows have in common.

    Raises:
        UserError: a wrong option.
    """
    from ivif_bench.validation import checked

    return checked(GivenLabels, {"files": text, **shared}, name)


def class_map(text: str) -> Any:
    """What ``--class-map`` says: ``palette``, a JSON mapping, or names of 0, 1, 2, ... by commas.

    Raises:
        UserError: broken JSON.
    """
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as problem:
            raise UserError(f"--class-map: broken JSON ({problem})") from problem
    if text in ("", "palette"):
        return text or ()
    return [part.strip() for part in text.split(",")]


def _size(path: Any) -> tuple[int, int]:
    from ivif_bench.data.images import size_in_header, size_of

    return size_in_header(path) or size_of(path)
