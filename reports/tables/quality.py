"""Fusion quality: methods x metrics, each a mean over images; no mean passes over a hole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ivif_bench.errors import UserError, first_few
from ivif_bench.ranking import FEWEST, too_few_columns, too_few_images
from ivif_bench.reports.footer import footer
from ivif_bench.reports.table import (
    Cell,
    Column,
    Notes,
    Row,
    Table,
    cell,
    missing_cell,
    printed,
    with_marks,
)
from ivif_bench.reports.tables import BuilderSpec
from ivif_bench.statistics import Estimate, each_over_images, over_seeds

if TYPE_CHECKING:
    from ivif_bench.reports.comparison import Comparison, Spread
    from ivif_bench.reports.scores import ImageScores

SPECS = (BuilderSpec("quality", "build"),)

_NO_COMMON = "No table on common images: there is no image that all methods have."
_NONE = "has none of the images"
_SPREADS: dict[Spread, str] = {
    "": "",
    "sd": " ± sample standard deviation over images",
    "interval": " [95 % interval of the mean, bootstrap over images]",
}
_COUNT = Column("n_images", "Images", direction="", decimals=0)


@dataclass(frozen=True, slots=True)
class _Images:
    """Which images a comparison is about.

    Attributes:
        scores: of each finished method, one per seed.
        every: all stems, sorted.
        common: those that all finished methods have, sorted; methods without any do not count.
        lacking: method to the stems that it lacks, sorted; only methods that lack some.
        bare: methods without any image.
    """

    scores: Mapping[str, tuple[ImageScores, ...]]
    every: tuple[str, ...]
    common: tuple[str, ...]
    lacking: Mapping[str, tuple[str, ...]]
    bare: frozenset[str]

    @property
    def partly(self) -> bool:
        """Whether some method has only some of the images."""
        return bool(self.lacking.keys() - self.bare)


def build(comparison: Comparison) -> list[Table]:
    """One table over all images; a second over the common ones if some method lacks some.

    Means over different images are never put side by side: in the table over all images, a method
    that lacks one has no numbers. A value that is undefined (NaN) is no hole: it is left out of
    its own mean only; the cell says so in a footnote and is compared only with cells that leave
    out the same. Source images are shown but not ranked: MI, VIF and the like measure agreement
    with the sources, and a source agrees perfectly with itself. Fewer than ``ivif_bench.ranking.FEWEST``
    images, in the table or in a column, are not ranked at all, and the caption says so.
    """
    columns = columns_of(comparison)
    images = _images(comparison, [column.key for column in columns])
    what = f"Fusion quality on {comparison.dataset_title}"
    count = len(images.every)
    lacks = "; ".join(
        f"{comparison.methods[name]} "
        + (_NONE if name in images.bare else f"lacks {len(gone)} ({first_few(gone, 3)})")
        for name, gone in images.lacking.items()
    )
    common_name = f"{comparison.name}-common"
    see = f"; see table {common_name}" if images.common else ""
    notes = Notes()
    empty = {
        name: notes.letter(
            _NONE if name in images.bare else f"lacks {len(gone)} of {count} images{see}"
        )
        for name, gone in images.lacking.items()
    }
    main = _table(
        comparison,
        columns,
        images.scores,
        images.every,
        name=comparison.name,
        title=what,
        over=f"{what}, mean over {count} images",
        lines=(
            f"Images: {count or 'none'}{f'; {lacks}' if lacks else ''}.",
            *([_NO_COMMON] if images.partly and not images.common else []),
        ),
        notes=notes,
        empty=empty,
        numbers={name: count - len(images.lacking.get(name, ())) for name in comparison.methods},
    )
    if not images.partly or not images.common:
        return [main]
    what = f"{what} on the images that all methods have"
    n = f"{len(images.common)} of {count}"
    notes = Notes()
    common = _table(
        comparison,
        columns,
        images.scores,
        images.common,
        name=common_name,
        title=what,
        over=f"{what}, mean over n = {n} images",
        lines=(f"Images: {n}, those that all methods have: {lacks}.",),
        notes=notes,
        empty={name: notes.letter(_NONE) for name in images.lacking if name in images.bare},
        numbers={
            name: 0 if name in images.bare else len(images.common) for name in comparison.methods
        },
    )
    return [main, common]


def columns_of(comparison: Comparison) -> tuple[Column, ...]:
    """Columns from ``About.metrics``."""
    metrics = comparison.about("metrics")
    for name, way in metrics.items():
        if way not in ("up", "down"):
            raise UserError(
                f"quality results of {comparison.dataset!r}: metric {name!r} has no direction "
                "'up' or 'down' in about.metrics; delete the results and run again"
            )
    return tuple(
        Column(key=name, title=name, direction=way, decimals=4) for name, way in metrics.items()
    )


def _images(comparison: Comparison, metrics: Sequence[str]) -> _Images:
    """Stems of finished methods; one that lacks a metric, or a seed, counts as lacking."""
    scores = {
        name: tuple(result.scores.images(metrics) for result in results)
        for name in comparison.methods
        if (results := comparison.of(name))
    }
    per_seed = {name: [frozenset(each.complete) for each in mine] for name, mine in scores.items()}
    sets = {name: frozenset.intersection(*mine) for name, mine in per_seed.items()}
    every = frozenset[str]().union(
        *(stems for mine in per_seed.values() for stems in mine),
        *(result.about.missing for result in comparison.results.values()),
    )
    having = [mine for mine in sets.values() if mine]
    common = frozenset.intersection(*having) if having else frozenset[str]()
    lacking = {name: tuple(sorted(every - mine)) for name, mine in sets.items() if every - mine}
    bare = frozenset(name for name, mine in sets.items() if not mine)
    return _Images(scores, tuple(sorted(every)), tuple(sorted(common)), lacking, bare)


def _table(
    comparison: Comparison,
    columns: tuple[Column, ...],
    scores: Mapping[str, tuple[ImageScores, ...]],
    stems: Sequence[str],
    *,
    name: str,
    title: str,
    over: str,
    lines: tuple[str, ...],
    notes: Notes,
    empty: Mapping[str, str],
    numbers: Mapping[str, int],
) -> Table:
    """A table over the given stems.

    Args:
        over: the caption's words on what the means are over.
        lines: the footer's on how many images there are.
        empty: methods without numbers, to the footnote that says why.
        numbers: methods to how many images they have; a column if the comparison is ``counted``.
    """
    estimates = {
        method: _estimates(scores[method], len(columns), stems)
        for method in comparison.methods
        if method not in empty and stems and method in scores
    }
    ranked = [mine for method, mine in estimates.items() if method not in comparison.sources]
    rows = []
    for method, method_title in comparison.methods.items():
        cells: list[Cell] = []
        remark = comparison.remark(method)
        named = notes.letter(remark) if remark else ""
        for at, column in enumerate(columns):
            if method not in estimates:
                cells.append(missing_cell(empty.get(method, "")))
                continue
            estimate, left_out = estimates[method][at]
            fewest = min((mine[at][1] for mine in ranked), key=len, default=left_out)
            note = notes.letter(_left_out_text(estimate, len(stems))) if left_out else ""
            made = cell(estimate, column, note, comparable=left_out == fewest)
            cells.append(
                replace(made, text=made.text + _spread(estimate, column, comparison.spread))
            )
        ranked_too = method not in comparison.sources
        rows.append(Row(method, method_title, tuple(cells), ranked_too, named))
    counts = {
        column.key: max((mine[at][0].n for mine in ranked), default=0)
        for at, column in enumerate(columns)
    }
    few = few_columns = marks = ""
    if len(ranked) > 1:  # one method alone is best in nothing
        few = too_few_images(len(stems))
        few_columns = too_few_columns({key: n for key, n in counts.items() if n}, "images")
        marks = ". Best value bold, second best underlined"
        if comparison.sources:
            marks += "; the source images, which agree perfectly with themselves, are not ranked"
    marked = with_marks(rows, columns, {key for key, n in counts.items() if n < FEWEST})
    if comparison.counted:
        columns = (_COUNT, *columns)
        marked = tuple(
            replace(row, cells=(cell(Estimate(numbers[row.name]), _COUNT), *row.cells))
            for row in marked
        )
    return Table(
        name=name,
        title=title,
        caption=f"{over}{_SPREADS[comparison.spread]}{'' if few else marks}.",
        columns=columns,
        rows=marked,
        notes=notes.all(),
        footer=footer(comparison, lines, trained=False),
        warnings=(*comparison.warnings, *filter(None, [few or few_columns])),
    )


def _estimates(
    scores: Sequence[ImageScores], columns: int, stems: Sequence[str]
) -> list[tuple[Estimate, frozenset[tuple[int, str]]]]:
    """For each column, the mean over images, then seeds; and which (seed position, stem) were left
    out as undefined."""
    seeds: list[list[Estimate]] = []
    left_out: list[set[tuple[int, str]]] = [set() for _ in range(columns)]
    for position, mine in enumerate(scores):
        values = np.ascontiguousarray(mine.values[mine.rows(stems)].T)
        reasons: list[list[str]] = [[] for _ in range(columns)]
        for at in np.flatnonzero(np.isnan(values).any(axis=1)).tolist():
            codes = mine.reasons[mine.rows(stems), at].tolist()
            reasons[at] = [mine.names[code] for code in codes]
            undefined = np.flatnonzero(np.isnan(values[at])).tolist()
            left_out[at] |= {(position, stems[index]) for index in undefined}
        seeds.append(each_over_images(list(values), reasons))
    return [
        (over_seeds([mine[at] for mine in seeds]), frozenset(left_out[at])) for at in range(columns)
    ]


def _spread(estimate: Estimate, column: Column, spread: Spread) -> str:
    """What follows a printed mean; nothing where it is unknown, or over seeds in place of images."""
    if spread == "sd" and estimate.sd_images is not None:
        return f" ± {printed(estimate.sd_images, column)}"
    if spread == "interval" and estimate.low is not None and estimate.high is not None:
        return f" [{printed(estimate.low, column)}, {printed(estimate.high, column)}]"
    return ""


def _left_out_text(estimate: Estimate, total: int) -> str:
    why = ", ".join(f"{reason}: {count}" for reason, count in sorted(estimate.left_out.items()))
    if estimate.value is None:
        return f"undefined on the images ({why})"
    per_seed = " per seed at least" if estimate.seeds > 1 else ""
    return f"mean over n = {estimate.n} of {total} images{per_seed}; undefined elsewhere ({why})"
