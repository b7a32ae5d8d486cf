"""Folders of label images against folders of truth, without a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ivif_bench.data.base import LAYOUTS
from ivif_bench.data.layouts.msrs import day_or_night
from ivif_bench.errors import UserError, first_few
from ivif_bench.fingerprints import Fingerprints
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
        abouts: what tables say of them, by row.
        matrices: of each row, as ``confusion.json`` of a run has them.
    """

    records: tuple[Record, ...]
    abouts: Mapping[str, About]
    matrices: Mapping[str, Mapping[str, Any]]


def plain_protocol(
    classes: Sequence[str], ignore_index: int = 255, void: str = "ignore"
) -> SegmentationProtocol:
    """A protocol that says how label images are scored, and of no network.

    Raises:
        UserError: fewer than two classes, or values that do not fit.
    """
    scored = len(classes) + (void == "class")
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
        "means": {f"mIoU{scored}": []},
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
    stems: Sequence[str] | None = None,
    progress: Progress = lambda done, total, what: None,
) -> LabelScores:
    """Score label images by the conventions of a protocol.

    Args:
        labels: predictions by name of the row.
        truth: label images of the truth.
        protocol: its classes, ``ignore_index``, ``void``, ``means``, ``scores`` and ``conditions``
            count; the network and its training do not.
        stems: those that are judged; by default all that have a truth.

    Raises:
        UserError: files that are missing or cannot be used; names the file.
    """
    classes, ignored, palette = protocol.classes, protocol.ignore_index, palette_of(protocol)
    right = label_reader(truth, classes, ignored, palette)
    judged = tuple(sorted(right.files)) if stems is None else tuple(stems)
    if not judged:
        raise UserError(f"{truth.files}: no label images")
    if absent := [stem for stem in judged if stem not in right.files]:
        raise UserError(f"{truth.files}: no label images of {first_few(absent)}")
    readers = {name: label_reader(each, classes, ignored, palette) for name, each in labels.items()}
    lacking = {name: reader.lacking(judged) for name, reader in readers.items()}
    counts = {name: Counts(protocol) for name in labels}
    for done, stem in enumerate(judged, start=1):
        actual = right.read(stem, None)
        tags = day_or_night(stem) if protocol.layout == "msrs" else ()
        for name, reader in readers.items():
            if stem not in lacking[name]:
                counts[name].add(stem, tags, actual, reader.read(stem, actual.shape))
        progress(done, len(judged), "scoring labels")
    fingerprint = Fingerprints(None)
    records: list[Record] = []
    abouts = {}
    for name, reader in readers.items():
        own = [stem for stem in judged if stem not in lacking[name]]
        unit = Unit("segmentation", "", name, protocol.name, 0, "")
        records += counts[name].records(unit)
        abouts[name] = About(
            images=len(own),
            metrics=dict.fromkeys(metric_names(protocol, list(counts[name].matrices)), "up"),
            classes=classes,
            scorer=scorer_of(protocol),
            protocol_sha256=protocol.sha256 if protocol.name != _PLAIN else "",
            warnings=tuple(SegmentationAdapter().warnings(protocol)),
            missing=lacking[name],
            judges=SegmentationAdapter.judges,
            given=f"{reader.said(len(own))} (sha256 {reader.digest(own, fingerprint)[:12]})",
        )
    matrices = {name: each.to_json() for name, each in counts.items()}
    return LabelScores(tuple(records), abouts, matrices)


def palette_of(protocol: SegmentationProtocol) -> Palette:
    """The official colours of a protocol's classes; empty if its layout has none."""
    found = LAYOUTS.load(protocol.layout) if LAYOUTS.find(protocol.layout) else None
    palette: Palette = getattr(found, "palette", ())
    return palette if isinstance(palette, tuple) else ()
