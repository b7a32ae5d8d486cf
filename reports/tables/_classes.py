"""What detection and segmentation tables share: scores per class and over classes, in percent.

Such scores are made from all images at once and cannot be recomputed for fewer. So a method that
was judged on other images than the rest has no place in the main table: its row stays empty, and
a second table shows its numbers for what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ivif_bench.errors import first_few
from ivif_bench.ranking import FEWEST, too_few_columns, too_few_images
from ivif_bench.reports.footer import footer
from ivif_bench.reports.table import (
    MISSING,
    Cell,
    Column,
    Notes,
    Row,
    Table,
    cell,
    missing_cell,
    with_marks,
)
from ivif_bench.statistics import Estimate, over_seeds

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison
    from ivif_bench.reports.frame import UnitResult

ClassValues = Mapping[tuple[str, str], tuple[float, str]]
_NONE = "has none of the images"
_BEST = " Best value bold, second best underlined; the source images are ranked as well."


@dataclass(frozen=True, slots=True)
class ClassTable:
    """What one such table shows.

    Attributes:
        name: file name of the table.
        what: sentence of title and caption, such as ``Detection on M3FD``.
        measure: what the numbers are, for the caption.
        columns: keys are ``metric`` or ``metric:class``.
        lines: footer lines beside the number of images.
        counts: what columns stand on: column key to the key of a count of the records, such as
            ``n_boxes:Car``. With fewer than ``ivif_bench.ranking.FEWEST``, a column is not ranked.
        counted: what these counts count.
    """

    name: str
    what: str
    measure: str
    columns: tuple[Column, ...]
    lines: tuple[str, ...] = ()
    counts: Mapping[str, str] = field(default_factory=dict)
    counted: str = "images"


def percent(key: str, title: str) -> Column:
    """A column of shares in 0..1, printed in percent with one decimal."""
    return Column(key, title, "up", decimals=1, scale=100)


def metrics_of(comparison: Comparison) -> tuple[str, ...]:
    """Names of the metrics over all classes that any result holds, in order of appearance."""
    found: dict[str, None] = {}
    for result in comparison.results.values():
        found.update(
            (metric, None) for metric, class_name in result.scores.overall if not class_name
        )
    return tuple(found)


def number(comparison: Comparison, metric: str, form: str = ".0f") -> str:
    """A number of the records, such as ``n_images[night]``; several if results disagree."""
    found = {_scores(result).get((metric, "")) for result in comparison.results.values()}
    return "/".join(sorted(f"{item[0]:{form}}" for item in found if item)) or "unknown"


def without_truth(comparison: Comparison, metric: str, classes: Sequence[str]) -> list[str]:
    """Classes for which a metric found no truth in any result."""
    found = [_scores(result) for result in comparison.results.values()]
    return [
        name
        for name in classes
        if found and all(scores.get((metric, name), (0.0, ""))[1] == "no_truth" for scores in found)
    ]


def tables(comparison: Comparison, shown: ClassTable) -> list[Table]:
    """The main table and, if some methods were judged on other images, the one of those."""
    judged = {name: _images(comparison.of(name)) for name in comparison.methods}
    finished = [images for images in judged.values() if images and images[0]]
    usual = min(finished, key=lambda images: (len(images[1]), -images[0]), default=None)
    bare = [name for name, images in judged.items() if images and not images[0]]
    apart = [name for name, images in judged.items() if images and images[0] and images != usual]
    line = f"Images: {usual[0]}." if usual else "Images: none."
    if bare:
        line = f"{line[:-1]}; {', '.join(comparison.methods[name] for name in bare)} {_NONE}."
    if apart:
        line = (
            f"{line[:-1]}; judged on other images and therefore not compared: "
            f"{'; '.join(f'{comparison.methods[name]} ({_describe(judged[name])})' for name in apart)}."
        )
    notes = Notes()
    rows = []
    for name, title in comparison.methods.items():
        if name in (*apart, *bare):
            other = f"judged on other images; see table {shown.name}-own-images"
            note = notes.letter(_NONE if name in bare else other)
            cells: tuple[Cell, ...] = tuple(missing_cell(note) for _ in shown.columns)
        else:
            cells = _cells(comparison.of(name), shown.columns, notes)
        remark = comparison.remark(name)
        rows.append(Row(name, title, cells, note=notes.letter(remark) if remark else ""))
    rows = _same_classes(rows, comparison, shown.columns, notes)
    few = too_few_images(usual[0]) if usual else ""
    seen = [name for name in judged if judged[name] == usual]
    stand_on = {
        column.title: count
        for column in shown.columns
        if (count := _count(comparison, seen, shown.counts.get(column.key, ""))) is not None
    }
    unranked = {
        column.key for column in shown.columns if few or stand_on.get(column.title, FEWEST) < FEWEST
    }
    best = _BEST if len(unranked) < len(shown.columns) else ""
    few = few or too_few_columns(stand_on, shown.counted)
    main = Table(
        name=shown.name,
        title=shown.what,
        caption=f"{shown.what}: {shown.measure}.{best}",
        columns=shown.columns,
        rows=with_marks(rows, shown.columns, unranked),
        notes=notes.all(),
        footer=footer(comparison, [line, *shown.lines]),
        warnings=(*comparison.warnings, *filter(None, [few])),
    )
    if not apart:
        return [main]
    return [main, _own_images(comparison, shown, apart, judged)]


def _count(comparison: Comparison, methods: Sequence[str], key: str) -> int | None:
    """The least that a column stands on among some methods; None if no record says."""
    metric, _, class_name = key.partition(":")
    found = [
        int(item[0])
        for name in methods
        for result in comparison.of(name)
        if (item := _scores(result).get((metric, class_name)))
    ]
    return min(found, default=None)


def _own_images(
    comparison: Comparison,
    shown: ClassTable,
    apart: Sequence[str],
    judged: Mapping[str, tuple[int, tuple[str, ...]] | None],
) -> Table:
    notes = Notes()
    rows = tuple(
        Row(
            name,
            f"{comparison.methods[name]} (n = {images[0] if (images := judged[name]) else 0})",
            _cells(comparison.of(name), shown.columns, notes),
        )
        for name in apart
    )
    line = f"Images: {'; '.join(f'{comparison.methods[name]} {_describe(judged[name])}' for name in apart)}."
    return Table(
        name=f"{shown.name}-own-images",
        title=f"{shown.what}: methods judged on their own images",
        caption=(
            f"{shown.what}, each method on the n images it has: {shown.measure}. "
            "These rows cannot be compared with each other or with the main table, so nothing is marked."
        ),
        columns=shown.columns,
        rows=rows,
        notes=notes.all(),
        footer=footer(comparison, [line, *shown.lines]),
        warnings=comparison.warnings,
    )


def _same_classes(
    rows: Sequence[Row], comparison: Comparison, columns: Sequence[Column], notes: Notes
) -> list[Row]:
    """Take means over fewer classes than others out of the ranking, and say so.

    A class without truth counts for a method that predicts it and is undefined for one that does
    not, so means over classes may stand on different classes (``n_classes_<metric>`` counts them).
    """
    held: dict[str, list[float]] = {}
    for row in rows:
        scores = [_scores(result) for result in comparison.of(row.name)]
        counts = [
            [mine.get((f"n_classes_{c.key}", ""), (0.0, "")) for c in columns] for mine in scores
        ]
        held[row.name] = [
            min((line[at][0] for line in counts), default=0) if row.cells[at].text != MISSING else 0
            for at in range(len(columns))
        ]
    most = [max(line[at] for line in held.values()) for at in range(len(columns))]
    changed = []
    for row in rows:
        cells = list(row.cells)
        for at, mine in enumerate(held[row.name]):
            if cells[at].estimate.value is not None and mine < most[at]:
                note = notes.letter(
                    f"mean over {mine:.0f} classes, for other methods over {most[at]:.0f}"
                )
                cells[at] = replace(cells[at], note=note, comparable=False)
        changed.append(replace(row, cells=tuple(cells)))
    return changed


def _images(results: Sequence[UnitResult]) -> tuple[int, tuple[str, ...]] | None:
    """Number of judged images and stems that lacked; None without results."""
    if not results:
        return None
    counts = {result.about.images for result in results}
    gone = {stem for result in results for stem in result.about.missing}
    return min(counts), tuple(sorted(gone))


def _describe(images: tuple[int, tuple[str, ...]] | None) -> str:
    if not images:
        return "none"
    count, gone = images
    return f"n = {count}" + (f", lacks {first_few(gone, 3)}" if gone else "")


def _cells(
    results: Sequence[UnitResult], columns: Sequence[Column], notes: Notes
) -> tuple[Cell, ...]:
    scores = [_scores(result) for result in results]
    images = min((result.about.images for result in results), default=0)
    return tuple(_cell(scores, column, images, notes) for column in columns)


def _cell(scores: Sequence[ClassValues], column: Column, images: int, notes: Notes) -> Cell:
    metric, _, class_name = column.key.partition(":")
    found = [mine[metric, class_name] for mine in scores if (metric, class_name) in mine]
    if not found or len(found) < len(scores):
        return missing_cell()
    reasons = sorted({reason for value, reason in found if np.isnan(value)})
    if reasons:
        left_out = {reason or "undefined": 1 for reason in reasons}
        why = ", ".join(sorted(reason.replace("_", " ") for reason in left_out))
        note = notes.letter(f"undefined: {why}")
        return cell(Estimate(None, seeds=len(found), left_out=left_out), column, note)
    return cell(over_seeds([Estimate(value, n=images) for value, _ in found]), column)


def _scores(result: UnitResult) -> ClassValues:
    return result.scores.overall
