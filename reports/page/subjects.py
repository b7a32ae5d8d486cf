"""What the page compares: images of datasets, questions about them, and numbers of single images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ivif_bench.reports import segmentation_pictures
from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.detection_counts import counts_per_image
from ivif_bench.reports.detection_pictures import best_confidence
from ivif_bench.reports.detections import stored_of
from ivif_bench.reports.table import Column

if TYPE_CHECKING:
    from ivif_bench.detections.stored import Stored
    from ivif_bench.reports.segmentation_pictures import Judged

_BOXES = (
    Column("missed", "Missed objects", "down", 0),
    Column("wrong", "Wrong detections", "down", 0),
    Column("found", "Objects found", "up", 0),
    Column("objects", "Objects", "", 0),
)
_PIXELS = (Column("wrong_pixels", "Wrong pixels, %", "down", 1, 100),)


@dataclass(eq=False)
class Question:
    """One comparison, as far as it says something of single images.

    Attributes:
        id: on the page.
        stored: by method, the detections of all its seeds.
        labels: by method, what its first seed found.
        levels: confidence at which boxes of each method are counted.
    """

    id: str
    comparison: Comparison
    stored: Mapping[str, Sequence[Stored]] = field(default_factory=dict)
    labels: Mapping[str, Judged] = field(default_factory=dict)
    confidence: float | None = None

    @property
    def title(self) -> str:
        """What is asked, in a few words."""
        protocol = self.comparison.protocol
        return f"{self.comparison.task}, {short_title(self.comparison)} ({protocol})"

    @cached_property
    def boxes(self) -> dict[str, Stored]:
        """By method, the detections of its first seed."""
        return {name: seeds[0] for name, seeds in self.stored.items()}

    @cached_property
    def levels(self) -> dict[str, float]:
        if self.confidence is not None:
            return dict.fromkeys(self.boxes, self.confidence)
        return {name: best_confidence(each.boxes) for name, each in self.boxes.items()}

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The numbers of single images that there are."""
        if self.comparison.task == "quality":
            from ivif_bench.reports.tables.quality import columns_of

            return columns_of(self.comparison)
        return _BOXES if self.boxes else _PIXELS if self.labels else ()

    @cached_property
    def values(self) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
        """By method: stems, and float64 [stems, columns] of its first seed; NaN where undefined."""
        found = {}
        for name in self.comparison.methods:
            if self.comparison.task == "quality" and (results := self.comparison.of(name)):
                scores = results[0].scores.images([column.key for column in self.columns])
                found[name] = (scores.stems, scores.values)
            elif name in self.boxes:
                boxes = self.boxes[name].boxes
                counts = counts_per_image(boxes, self.levels[name])
                lines = (counts.missed, counts.wrong, counts.found, counts.objects)
                found[name] = (boxes.stems, np.stack(lines, axis=1).astype(np.float64))
            elif name in self.labels:
                wrong = self.labels[name].wrong
                found[name] = (tuple(wrong), np.array([*wrong.values()])[:, None])
        return found


@dataclass(frozen=True, eq=False)
class Images:
    """The images of one dataset.

    Attributes:
        id: on the page.
        name: in the run.
        stems: sorted.
        methods: names of methods that have a number or an image of some stem.
        tags: conditions, such as ``night``, to positions in ``stems``.
        classes: class names to positions of the images whose truth has one, boxes or labels.
    """

    id: str
    name: str
    title: str
    stems: tuple[str, ...]
    questions: tuple[Question, ...]
    methods: tuple[str, ...]
    tags: Mapping[str, Sequence[int]]
    classes: Mapping[str, Sequence[int]]

    def positions(self, stems: Sequence[str]) -> np.ndarray:
        """Where these stems are: int [len(stems)]."""
        at = {stem: index for index, stem in enumerate(self.stems)}
        return np.array([at[stem] for stem in stems], np.intp)

    def most_different(self, count: int) -> list[str]:
        """Images to show in advance: those on which methods differ most, question after question.

        Difference is the standard deviation over methods, of each number in its own spread.
        """
        if count >= len(self.stems):
            return list(self.stems)
        spread = np.zeros(len(self.stems))
        for question in self.questions:
            if len(question.values) < 2:
                continue
            whole = np.full((len(question.values), len(self.stems), len(question.columns)), np.nan)
            for at, (stems, values) in enumerate(question.values.values()):
                whole[at, self.positions(stems)] = values
            with np.errstate(invalid="ignore", divide="ignore"):
                known = np.isfinite(whole).all(axis=(0, 2))
                part = whole[:, known]
                if not part.size:
                    continue
                size = part.std(axis=(0, 1))
                each = (part.std(axis=0) / np.where(size > 0, size, 1)).mean(axis=1)
            spread[known] += each
        order = sorted(range(len(self.stems)), key=lambda at: (-spread[at], self.stems[at]))
        return [self.stems[at] for at in sorted(order[:count])]


def short_title(comparison: Comparison) -> str:
    """The shorter of a dataset's title and name."""
    return min(filter(None, (comparison.dataset_title, comparison.dataset)), key=len)


def questions_of(comparisons: Sequence[Comparison], confidence: float | None) -> list[Question]:
    """All comparisons, numbered in their order; with the boxes and labels that the run keeps."""
    labels = segmentation_pictures.kept_labels(comparisons)
    found = []
    for at, each in enumerate(comparisons):
        stored = stored_of(each) if each.task == "detection" else {}
        found.append(Question(f"c{at}", each, stored, labels.get(each.name, {}), confidence))
    return found


def datasets_of(questions: Sequence[Question], titles: Mapping[str, str]) -> list[Images]:
    """The datasets of which something is known for single images."""
    groups: dict[str, list[Question]] = {}
    for each in questions:
        groups.setdefault(each.comparison.dataset, []).append(each)
    found: list[Images] = []
    for name, mine in groups.items():
        asked = [each for each in mine if each.values]
        stems = sorted({s for each in asked for known, _ in each.values.values() for s in known})
        if not stems:
            continue
        methods = dict.fromkeys(name for each in mine for name in each.comparison.methods)
        at = {stem: index for index, stem in enumerate(stems)}
        tags, classes = _known(asked, at)
        found.append(
            Images(
                f"d{len(found)}", name, titles.get(name, name), tuple(stems), tuple(asked),
                tuple(methods), tags, classes,
            )
        )  # fmt: skip
    return found


def _known(
    questions: Sequence[Question], at: Mapping[str, int]
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Conditions and classes of images, from what detection and segmentation keep of the truth."""
    tags: dict[str, set[int]] = {}
    classes: dict[str, set[int]] = {}
    for question in questions:
        for stored in question.boxes.values():
            boxes = stored.boxes
            for tag, images in stored.tags.items():
                tags.setdefault(tag, set()).update(at[boxes.stems[i]] for i in images.tolist())
            for index, name in enumerate(boxes.classes):
                images = np.unique(boxes.truth.image[boxes.truth.category == index])
                classes.setdefault(name, set()).update(at[boxes.stems[i]] for i in images.tolist())
        for judged in question.labels.values():
            for tag, stems in judged.tags.items():
                tags.setdefault(tag, set()).update(at[stem] for stem in stems if stem in at)
            for index, name in enumerate(judged.classes):
                if index not in judged.background:
                    stems = judged.shows.get(name, ())
                    classes.setdefault(name, set()).update(at[stem] for stem in stems if stem in at)
    return (
        {tag: sorted(found) for tag, found in sorted(tags.items())},
        {name: sorted(found) for name, found in classes.items() if found},
    )


def manifest(
    question: Question, datasets: Mapping[str, str], ids: Mapping[str, str]
) -> dict[str, Any]:
    """A question for the page."""
    return {
        "id": question.id,
        "task": question.comparison.task,
        "dataset": datasets.get(question.comparison.dataset),
        "title": question.title,
        "table": question.comparison.name,
        "methods": [ids[name] for name in question.values],
        "columns": [
            {
                "key": column.key,
                "title": column.title,
                "direction": column.direction,
                "decimals": column.decimals,
                "scale": column.scale,
            }
            for column in question.columns
        ],
    }
