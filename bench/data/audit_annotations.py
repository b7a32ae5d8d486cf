"""The part of an audit on boxes and label images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ivif_bench.data.base import Dataset
from ivif_bench.data.examine import Finding
from ivif_bench.data.known import Known
from ivif_bench.data.layouts.paired_folders import remedy
from ivif_bench.errors import first_few

IGNORED_LABEL = 255


@dataclass(slots=True)
class Notes:
    """The audit in progress."""

    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)


def note_boxes(
    dataset: Dataset, findings: list[Finding], known: Known | None, notes: Notes
) -> None:
    """Totals of the boxes, and unusual ones."""
    read = [finding for finding in findings if finding.boxes is not None]
    if not dataset.detection_classes or not read:
        return
    totals = Counter(name for finding in read for name in finding.boxes or ())
    ignored = getattr(dataset, "ignored", ())
    unknown = {
        name: count
        for name, count in sorted(totals.items())
        if name not in dataset.detection_classes
    }
    empty = [finding.stem for finding in read if not finding.boxes]
    outside = [finding.stem for finding in read if finding.outside]
    classes = {name: totals[name] for name in dataset.detection_classes}
    notes.data |= {
        "boxes": sum(classes.values()),
        "classes": classes,
        "unknown_classes": unknown,
        "images_without_boxes": empty,
    }
    notes.facts.append(
        f"{sum(classes.values())} boxes in {len(read)} images: "
        + ", ".join(f"{name} {count}" for name, count in classes.items())
    )
    _flagged(dataset, read, notes)
    for name, count in unknown.items():
        stems = [finding.stem for finding in read if name in (finding.boxes or ())]
        where = f"{count} boxes of unknown class {name!r} in {first_few(stems)}"
        if name in ignored:
            notes.facts.append(f"{where}: ignored, as asked for")
        else:
            notes.errors.append(
                f"{where}; correct them; {remedy([name], dataset.detection_classes)}"
            )
    if empty:
        notes.warnings.append(f"{len(empty)} images without boxes: {first_few(empty)}")
    if outside:
        notes.warnings.append(
            f"boxes without area or beyond the image in {len(outside)} images: {first_few(outside)}"
        )
    if known is not None and known.classes:
        wrong = [
            f"{name} {classes.get(name, 0)} instead of {count}"
            for name, count in known.classes.items()
            if classes.get(name, 0) != count
        ]
        if wrong:
            notes.warnings.append(f"class totals differ from the published: {', '.join(wrong)}")
        else:
            notes.facts.append("class totals are those of the published set")


def _flagged(dataset: Dataset, findings: list[Finding], notes: Notes) -> None:
    """Boxes that scoring treats separately; the class totals include them."""
    for flag, what in (
        ("difficult", "difficult: neither required nor wrong to find"),
        ("crowd", "crowd regions: none is required, detections matched to one are left out"),
    ):
        names = Counter(name for finding in findings for name in getattr(finding, flag))
        counts = {name: names[name] for name in dataset.detection_classes if names[name]}
        notes.data[f"{flag}_boxes"] = counts
        if counts:
            each = ", ".join(f"{name} {count}" for name, count in counts.items())
            notes.facts.append(f"of these, {sum(counts.values())} are {what} ({each})")


def note_labels(dataset: Dataset, findings: list[Finding], notes: Notes) -> None:
    """Shares of the classes in the label images, and unusual values."""
    read = [finding for finding in findings if finding.labels is not None]
    if not dataset.segmentation_classes or not read:
        return
    pixels: Counter[int] = Counter()
    for finding in read:
        pixels.update(finding.labels or {})
    names = dataset.segmentation_classes
    counts = {name: pixels[index] for index, name in enumerate(names)}
    wrong = sorted(value for value in pixels if value >= len(names) and value != IGNORED_LABEL)
    empty = [finding.stem for finding in read if set(finding.labels or {}) == {0}]
    ignored = pixels[IGNORED_LABEL]
    extremes = [
        finding.stem
        for finding in read
        if IGNORED_LABEL in (found := set(finding.labels or {})) and found <= {0, IGNORED_LABEL}
    ]
    unseen = [name for name, count in counts.items() if not count]
    notes.data |= {
        "label_pixels": counts,
        "ignored_pixels": ignored,
        "wrong_label_values": wrong,
        "empty_labels": empty,
        "labels_of_0_and_255": extremes,
        "classes_without_pixels": unseen,
    }
    total = max(1, pixels.total())
    notes.facts.append(
        f"labels of {len(read)} images: "
        + ", ".join(f"{name} {count / total:.3%}" for name, count in counts.items())
        + f"; ignored ({IGNORED_LABEL}) {ignored / total:.3%}"
    )
    for value in wrong:
        stems = [finding.stem for finding in read if value in (finding.labels or {})]
        notes.errors.append(
            f"label value {value} is not a class id (0..{len(names) - 1}) in {first_few(stems)}"
        )
    if extremes:
        notes.warnings.append(
            f"{len(extremes)} of {len(read)} label images hold only {IGNORED_LABEL}, or only 0 and "
            f"{IGNORED_LABEL}: {first_few(extremes)}; {IGNORED_LABEL} is the ignored value, so if "
            "it marks objects there (a 0/255 mask), save them with their class id"
        )
    if unseen:
        notes.warnings.append(
            f"no pixel of {', '.join(map(repr, unseen))} in any of {len(read)} label images: IoU is "
            "undefined there, or 0 where a network predicts the class; if there should be some, "
            "check the order of the class names"
        )
    if empty:
        notes.warnings.append(
            f"{len(empty)} label images are all {names[0]!r}: {first_few(empty)}; objects in them "
            "count as background"
        )
