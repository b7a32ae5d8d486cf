"""Audit of a dataset on disk: reads every file once, counts, and collects all defects.

Errors are defects that would falsify results; warnings are known, harmless, or need a decision.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ivif_bench.data.audit_annotations import Notes, note_boxes, note_labels
from ivif_bench.data.base import Dataset
from ivif_bench.data.examine import Finding, equal_sides, size_text
from ivif_bench.data.examined import Examiner
from ivif_bench.data.known import Known
from ivif_bench.data.shift import PARALLAX
from ivif_bench.data.splits import (
    Split,
    canonical_hash,
    neighbour_leak,
    official_split,
    shared_stems,
    within,
)
from ivif_bench.errors import UserError, first_few
from ivif_bench.parallel import in_threads
from ivif_bench.types import Pair, Progress

_USUAL_SHARE = 0.8  # a set where this share has one size calls the others odd
_LEAK_TO_WARN = 0.25
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Audit:
    """The findings of an audit.

    Attributes:
        facts: lines of text: counts, sizes, class totals, hashes.
        warnings: oddities that are known or harmless, each with what to do.
        errors: defects that would falsify results; the command exits non-zero.
        data: the same as plain JSON values, for ``--json``.
    """

    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    data: Mapping[str, Any]


def audit_dataset(
    dataset: Dataset,
    split: Split | None = None,
    *,
    examiner: Examiner | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Check all pairs of a dataset: both sides, sizes, channels, boxes, labels, totals and split.

    Every file is read, on all processors; a defect is noted and the next pair is read.

    Args:
        dataset: any dataset; its ``scan`` lists incomplete pairs too.
        split: the split in use; the layout's own if None.
        examiner: reads the pairs, and may cache findings; by default it does not.
        progress: called with the number of pairs read.

    Returns:
        Facts, warnings and errors; ``data`` holds the same as JSON values.
    """
    notes = Notes(data={"dataset": dataset.name, "root": str(dataset.root)})
    pairs = _list_pairs(dataset, notes)
    known = dataset.known
    if known is not None and len(pairs) != known.images:
        notes.facts.append(f"{len(pairs)} of {known.images} pairs of the full set")
        known = None  # totals of a part say nothing
    examiner = examiner or Examiner(dataset, None)
    findings = in_threads(examiner, pairs, progress, "reading pairs")
    notes.errors += [error for finding in findings for error in finding.errors]
    notes.errors += filter(None, [equal_sides(findings)])
    notes.data["equal_sides"] = [finding.stem for finding in findings if finding.equal]
    _sizes(findings, known, notes)
    _channels(findings, notes)
    _shifts(findings, notes)
    _duplicates(findings, notes)
    note_boxes(dataset, findings, known, notes)
    notes.errors += dataset.audit_totals(notes.data.get("classes", {}))
    note_labels(dataset, findings, notes)
    _tags(pairs, notes)
    _split(dataset, split, pairs, notes)
    return Audit(tuple(notes.facts), tuple(notes.warnings), tuple(notes.errors), notes.data)


def _list_pairs(dataset: Dataset, notes: Notes) -> tuple[Pair, ...]:
    pairs: tuple[Pair, ...] = ()
    if (scan := _attempt(lambda: dataset.scan, notes)) is not None:
        pairs = scan.pairs
        for stems, side in ((scan.no_infrared, "infrared"), (scan.no_visible, "visible")):
            notes.data[f"no_{side}"] = list(stems)
            if stems:
                notes.errors.append(f"{len(stems)} stems have no {side} image: {first_few(stems)}")
        if scan.twice:
            notes.errors.append(f"stems in more than one part: {first_few(scan.twice)}")
        if scan.orphans:
            notes.warnings.append(
                f"{len(scan.orphans)} annotations or labels without images: "
                f"{first_few(scan.orphans)}"
            )
        if not pairs:
            notes.errors.append(f"no pairs in {dataset.root}")
    digest = canonical_hash(pair.stem for pair in pairs)
    notes.data |= {"pairs": len(pairs), "stems_sha256": digest}
    notes.facts.append(f"{len(pairs)} pairs, stems sha256 {digest}")
    return pairs


def _sizes(findings: list[Finding], known: Known | None, notes: Notes) -> None:
    sizes = Counter(size_text(finding.size) for finding in findings if finding.size is not None)
    notes.data["sizes"] = dict(sizes.most_common())
    if not sizes:
        return
    notes.facts.append(f"sizes: {_counts(sizes)}")
    usual, count = sizes.most_common(1)[0]
    odd = [f.stem for f in findings if f.size is not None and size_text(f.size) != usual]
    odd = odd if count >= _USUAL_SHARE * sizes.total() else []
    notes.data["odd_sizes"] = odd
    if known is not None and known.sizes:
        if dict(sizes) == dict(known.sizes):
            notes.facts.append("sizes are those of the published set")
            return
        notes.warnings.append(
            f"sizes differ from the published set ({_counts(Counter(known.sizes))}); "
            "images may have been resized"
        )
    if odd:
        notes.warnings.append(f"{len(odd)} pairs are not {usual}: {first_few(odd)}")


def _channels(findings: list[Finding], notes: Notes) -> None:
    both = [finding.channels for finding in findings if finding.channels is not None]
    for index, side in enumerate(("infrared", "visible")):
        modes = Counter(channels[index] for channels in both)
        notes.data[f"{side}_channels"] = dict(modes.most_common())
        if modes:
            notes.facts.append(f"{side} stored as {_counts(modes)}")
    coloured = notes.data["infrared_channels"].get("RGB", 0)
    if coloured:
        notes.warnings.append(
            f"{coloured} infrared images have colour (JPEG noise, a false-colour picture, or "
            "swapped folders); their luma is used"
        )


def _shifts(findings: list[Finding], notes: Notes) -> None:
    """How far the sides are apart, by their edges; see ``ivif_bench.data.shift``."""
    read = [finding for finding in findings if finding.size is not None]
    found = {f.stem: max(map(abs, f.shift)) for f in read if f.shift is not None}
    if not found:
        return
    pixels = sorted(found.values())
    median, most = pixels[len(pixels) // 2], pixels[math.ceil(0.9 * len(pixels)) - 1]
    far = [stem for stem, shift in found.items() if shift > PARALLAX]
    notes.data["shift"] = {
        "median": median, "90 %": most, "largest": pixels[-1], "far": far,
        "unknown": [finding.stem for finding in read if finding.shift is None],
    }  # fmt: skip
    notes.facts.append(
        f"shift between infrared and visible, estimated from edges in {len(found)} of {len(read)} "
        f"pairs: median {median}, 90 % at most {most}, largest {pixels[-1]} pixels"
    )
    if far:
        notes.warnings.append(
            f"{len(far)} pairs seem to be more than {PARALLAX} pixels apart, which parallax rarely "
            f"is: {first_few(far)}; look at them: sides that are not registered make every "
            "metric and every label wrong"
        )


def _duplicates(findings: list[Finding], notes: Notes) -> None:
    """Images that occur in more than one pair, by their pixels."""
    for index, side in enumerate(("infrared", "visible")):
        stems: dict[str, list[str]] = {}
        for finding in findings:
            if finding.pixels is not None:
                stems.setdefault(finding.pixels[index], []).append(finding.stem)
        twice = sorted(group for group in stems.values() if len(group) > 1)
        notes.data[f"equal_{side}"] = twice
        if twice:
            shown = first_few([" = ".join(group[:4]) for group in twice], 4)
            notes.warnings.append(
                f"{side} images that are equal under different names: {shown}; if one of them is in "
                "train and one in test, results are measured on a training image"
            )


def _tags(pairs: Iterable[Pair], notes: Notes) -> None:
    tags = Counter(tag for pair in pairs for tag in pair.tags)
    notes.data["tags"] = dict(sorted(tags.items()))
    if tags:
        notes.facts.append(f"tags: {_counts(tags)}")


def _split(dataset: Dataset, split: Split | None, pairs: tuple[Pair, ...], notes: Notes) -> None:
    if split is None:
        split = _attempt(
            lambda: official_split(dataset) if dataset.official_splits() else None, notes
        )
    if split is None:
        return
    stems = {pair.stem for pair in pairs}
    sizes = {part: len(split.parts[part]) for part in split.parts}
    leak, near = neighbour_leak(split), within(split, 25)
    notes.data["split"] = {
        "name": split.name,
        "sha256": split.sha256,
        "parts": {
            part: {"images": count, "sha256": canonical_hash(split.parts[part])}
            for part, count in sizes.items()
        },
        "neighbour_leak": leak if split.test else None,
        "within_25": near if split.test else None,
    }
    counts = ", ".join(f"{part} {count}" for part, count in sizes.items())
    notes.facts.append(f"split {split.name!r}: {counts}, sha256 {split.sha256}")
    notes.errors += shared_stems(split)
    for part, wanted in split.parts.items():
        absent = sorted(set(wanted) - stems)
        if absent:
            notes.errors.append(
                f"split {split.name!r}: {len(absent)} {part} stems have no pair: "
                f"{first_few(absent)}"
            )
    if split.train and split.test:
        notes.facts.append(
            f"neighbour leak: {leak:.1%} of test has the next or previous number in train "
            f"({near:.1%} within 25)"
        )
        if leak > _LEAK_TO_WARN:
            notes.warnings.append(
                f"split {split.name!r}: {leak:.1%} of test are number neighbours of training images, "
                "near-copies if a dataset is cut from video; state this with the results"
            )


def _attempt(get: Callable[[], T], notes: Notes) -> T | None:
    try:
        return get()
    except UserError as problem:
        notes.errors.append(str(problem))
        return None


def _counts(counter: Counter[str], limit: int = 10) -> str:
    shown = ", ".join(f"{name} ({count})" for name, count in counter.most_common(limit))
    more = len(counter) - limit
    return f"{shown} and {more} more" if more > 0 else shown
