"""Intervals of a table whose numbers are made of all images at once, and what is better for sure.

A method is called better than the source images only where the interval of its difference to the
best of them excludes 0. Both are resampled on the same draws of images (``ivif_bench.resampling``),
so that hard and easy images do not hide a difference that is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from statistics import median

import numpy as np

from ivif_bench.errors import first_few
from ivif_bench.reports.table import MISSING, SIGNS, Cell, Column, Row, Table, Verdict, printed
from ivif_bench.resampling import RESAMPLES, interval
from ivif_bench.statistics import Estimate

Samples = Mapping[str, np.ndarray]
"""Resamples of a method's numbers by the key of their column: float64 [resamples]."""

OVER_IMAGES = "bootstrap over images"
OVER_BOTH = "bootstrap over images and seeds"
_FEW = 50  # images; below, footers say what so few cannot show


@dataclass(frozen=True, slots=True)
class Difference:
    """One method less another, in one column.

    Attributes:
        method, other: names of the two.
        column: key of the column.
        estimate: of the difference, with its interval.
        verdict: what the interval says of ``method``.
    """

    method: str
    other: str
    column: str
    estimate: Estimate
    verdict: Verdict


def verdict_of(difference: Estimate, column: Column) -> Verdict:
    """Better or worse, if the interval of a difference excludes 0."""
    if difference.low is None or difference.high is None or not column.direction:
        return ""
    if difference.low <= 0 <= difference.high:
        return ""
    return "better" if (difference.low > 0) == (column.direction == "up") else "worse"


@dataclass(frozen=True, slots=True)
class Resampled:
    """A table with the resamples of its numbers.

    Attributes:
        samples: by method, of those whose numbers can be resampled.
        images: number of images that are resampled.
        sources: names of the source images.
    """

    table: Table
    samples: Mapping[str, Samples]
    images: int
    sources: frozenset[str]

    def difference(self, at: int, row: Row, other: Row) -> Estimate:
        """A method less another in one column; without a value where they cannot be compared."""
        first, second = row.cells[at], other.cells[at]
        one, two = first.estimate.value, second.estimate.value
        if one is None or two is None or not (first.comparable and second.comparable):
            return Estimate(None)
        key = self.table.columns[at].key
        mine, theirs = (self.samples.get(each.name, {}).get(key) for each in (row, other))
        ends = None if mine is None or theirs is None else interval(mine - theirs, self.images)
        seeds = max(first.estimate.seeds, second.estimate.seeds)
        return _estimate(Estimate(one - two, n=self.images, seeds=seeds), ends)

    def best_source(self, at: int) -> Row | None:
        """The source image with the best number of a column."""
        column = self.table.columns[at]
        sign = -1 if column.direction == "down" else 1
        known = [
            (sign * value, row)
            for row in self.table.rows
            if row.name in self.sources
            and row.cells[at].comparable
            and (value := row.cells[at].estimate.value) is not None
        ]
        return max(known, key=lambda each: each[0])[1] if known and column.direction else None

    def pairs(self) -> Iterator[Difference]:
        """Every method less every other, in every column, where there is an interval."""
        for at, column in enumerate(self.table.columns):
            for row, other in permutations(self.table.rows, 2):
                estimate = self.difference(at, row, other)
                if estimate.low is not None:
                    verdict = verdict_of(estimate, column)
                    yield Difference(row.name, other.name, column.key, estimate, verdict)

    def tables(self) -> list[Table]:
        """The table with intervals and verdicts, and that of the differences to the best source."""
        if not self.samples:
            return [replace(self.table, footer=(*self._lacking(), *self.table.footer))]
        best = [self.best_source(at) for at in range(len(self.table.columns))]
        rows, apart = [], []
        for row in self.table.rows:
            cells, gaps = [], []
            for at, column in enumerate(self.table.columns):
                other, cell = best[at], self._with_interval(row, at)
                gap = Estimate(None) if other is None else self.difference(at, row, other)
                verdict = verdict_of(gap, column) if row.name not in self.sources else ""
                sign = SIGNS[verdict]
                cells.append(replace(cell, text=cell.text + sign, verdict=verdict))
                gaps.append(Cell(gap, _signed(gap, column) + sign, verdict=verdict))
            rows.append(replace(row, cells=tuple(cells)))
            if row.name not in self.sources:
                apart.append(Row(row.name, row.title, tuple(gaps)))
        footer = (*self._explained(best, apart), *self.table.footer)
        main = replace(self.table, rows=tuple(rows), footer=footer)
        if not apart or not any(best):
            return [main]
        return [main, self._differences(best, apart, footer)]

    def _with_interval(self, row: Row, at: int) -> Cell:
        cell, column = row.cells[at], self.table.columns[at]
        samples = self.samples.get(row.name, {}).get(column.key)
        if cell.estimate.value is None or samples is None:
            return cell
        estimate = _estimate(cell.estimate, interval(samples, self.images))
        if estimate.low is None:
            return cell
        text = printed(cell.estimate.value, column) + _ends(estimate, column)
        return replace(cell, estimate=estimate, text=text)

    def _differences(
        self, best: Sequence[Row | None], rows: Sequence[Row], footer: Sequence[str]
    ) -> Table:
        table = self.table
        names = {
            column.title: row.title
            for column, row in zip(table.columns, best, strict=True)
            if row is not None
        }
        which = "; ".join(
            f"{source}: {', '.join(title for title, name in names.items() if name == source)}"
            for source in dict.fromkeys(names.values())
        )
        return Table(
            name=f"{table.name}-differences",
            title=f"{table.title}: differences to the best source image",
            caption=(
                f"{table.title}: each method less the best source image of the column, in "
                "percentage points, with the 95 % interval of the paired difference."
            ),
            columns=table.columns,
            rows=tuple(rows),
            footer=(f"Best source image: {which}.", *footer),
            warnings=table.warnings,
        )

    def _explained(self, best: Sequence[Row | None], rows: Sequence[Row]) -> list[str]:
        """What the intervals are, what the signs mean, and what they cannot show."""
        cells = [cell for row in self.table.rows for cell in row.cells]
        seeds = any(cell.estimate.seeds > 1 for cell in cells if cell.estimate.value is not None)
        lines = [
            f"Intervals: 95 %, {OVER_BOTH if seeds else OVER_IMAGES} ({RESAMPLES} resamples of the "
            f"{self.images} images, the same for all methods"
            f"{'; seeds drawn as well, of each method by itself' if seeds else ''})."
        ]
        if any(best) and rows:
            lines.append(
                "▲ better, ▼ worse than the best source image of the column: the interval of the "
                "paired difference excludes 0. Without a sign, these images do not tell which is "
                "better. Not corrected for the number of comparisons: of 20 without a true "
                "difference, one gets a sign."
            )
        lines += self._lacking()
        lines.append(
            "Intervals say how much the numbers depend on which images were drawn; they do not say "
            "whether other places, seasons or cameras give the same"
            f"{'' if seeds else ', nor, with one seed, whether another training does'}."
        )
        if self.images < _FEW:
            lines.append(self._few(rows))
        return lines

    def _lacking(self) -> list[str]:
        """The methods whose numbers cannot be resampled."""
        lacking = [
            row.title
            for row in self.table.rows
            if row.name not in self.samples and any(c.estimate.value is not None for c in row.cells)
        ]
        if not lacking:
            return []
        return [
            f"No intervals for {first_few(lacking)}: the run directory does not have what was "
            "found in their images, or that does not give the numbers of this table."
        ]

    def _few(self, rows: Sequence[Row]) -> str:
        widths: dict[str, list[float]] = {}
        for row in rows:
            for column, cell in zip(self.table.columns, row.cells, strict=True):
                if cell.estimate.low is not None and cell.estimate.high is not None:
                    half = (cell.estimate.high - cell.estimate.low) / 2 * column.scale
                    widths.setdefault(column.title, []).append(half)
        text = f"{self.images} images show large differences only"
        mean = [title for title in widths if title.startswith("m")]
        if mean:
            text += (
                f": the interval of a difference of {mean[0]} is here "
                f"{median(widths[mean[0]]):.0f} points to either side (median)"
            )
        return (
            f"{text}. They cannot show which of two similar methods is better, and say little of rare "
            "classes; no sign does not mean no difference."
        )


def _estimate(estimate: Estimate, ends: tuple[float, float] | None) -> Estimate:
    if ends is None:
        return estimate
    kind = OVER_BOTH if estimate.seeds > 1 else OVER_IMAGES
    return replace(estimate, low=ends[0], high=ends[1], interval=kind)


def _ends(estimate: Estimate, column: Column) -> str:
    assert estimate.low is not None
    assert estimate.high is not None
    return f" [{printed(estimate.low, column)}, {printed(estimate.high, column)}]"


def _signed(difference: Estimate, column: Column) -> str:
    if difference.value is None:
        return MISSING
    text = printed(difference.value, column)
    sign = "" if text.startswith("-") or float(text) == 0 else "+"
    return sign + text + (_ends(difference, column) if difference.low is not None else "")
