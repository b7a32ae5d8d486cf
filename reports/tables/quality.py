"""Fusion quality: methods x metrics, each a mean over the images that all methods have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UserError, first_few
from reports.footer import footer
from reports.statistics import Estimate, over_images, over_seeds
from reports.table import Column, Notes, Row, Table, cell, missing_cell, with_marks
from reports.tables import BuilderSpec

if TYPE_CHECKING:
    import pandas as pd

    from reports.comparison import Comparison
    from reports.frame import UnitResult

SPECS = (BuilderSpec("quality", "reports.tables.quality:build"),)


def build(comparison: Comparison) -> list[Table]:
    """One table over the common stems.

    A method that lacks a stem takes it from everybody: means over different images are never put
    side by side. A value that is undefined (NaN) on a common stem is left out of its own mean
    only; the cell says so in a footnote and is compared only with cells that leave out the same.
    """
    columns = columns_of(comparison)
    scores = {
        name: [_scores(result, columns) for result in comparison.of(name)]
        for name in comparison.methods
    }
    stems, line = _common(comparison, scores)
    notes = Notes()
    lines: dict[str, list[tuple[Estimate, frozenset[tuple[int, str]]] | None]] = {
        name: [_estimate(mine, column, stems) if mine and stems else None for column in columns]
        for name, mine in scores.items()
    }
    rows = []
    for name, title in comparison.methods.items():
        cells = []
        for at, column in enumerate(columns):
            mine = lines[name][at]
            if mine is None:
                cells.append(missing_cell())
                continue
            estimate, left_out = mine
            fewest = min((line[at][1] for line in lines.values() if line[at]), key=len)  # type: ignore[index]
            note = notes.letter(_left_out_text(estimate, len(stems))) if left_out else ""
            cells.append(cell(estimate, column, note, comparable=left_out == fewest))
        rows.append(Row(name, title, tuple(cells)))
    return [
        Table(
            name=comparison.name,
            title=f"Fusion quality on {comparison.dataset_title}",
            caption=(
                f"Fusion quality on {comparison.dataset_title}, mean over {len(stems)} images. "
                "Best value bold, second best underlined; the source images take part."
            ),
            columns=columns,
            rows=with_marks(rows, columns),
            notes=notes.all(),
            footer=footer(comparison, line),
            warnings=comparison.warnings,
        )
    ]


def columns_of(comparison: Comparison) -> tuple[Column, ...]:
    """Columns from ``about.metrics``: a mapping, or pairs, from metric to ``up`` or ``down``."""
    metrics = comparison.about("metrics", {})
    pairs = list(metrics.items()) if isinstance(metrics, Mapping) else [tuple(p) for p in metrics]
    for pair in pairs:
        if len(pair) != 2 or pair[1] not in ("up", "down"):
            raise UserError(
                f"quality results of {comparison.dataset!r}: metric {pair[0]!r} has no direction "
                "'up' or 'down' in about.metrics; delete the results and run again"
            )
    return tuple(Column(key=str(name), title=str(name), direction=way) for name, way in pairs)


def _scores(result: UnitResult, columns: Sequence[Column]) -> tuple[pd.DataFrame, dict[Any, str]]:
    """Values as stems x metrics, only stems with every metric, and reasons of undefined values."""
    keys = [column.key for column in columns]
    rows = result.rows
    rows = rows[(rows["stem"] != "") & (rows["class_name"] == "") & rows["metric"].isin(keys)]
    counts = rows.groupby("stem")["metric"].size()
    complete = counts.index[counts == len(keys)]
    values = rows.pivot(index="stem", columns="metric", values="value").reindex(columns=keys)
    undefined = rows[rows["value"].isna()]
    names = zip(undefined["stem"], undefined["metric"], strict=True)
    reasons = dict(zip(names, undefined["reason"].fillna("").astype(str), strict=True))
    return values.loc[complete.sort_values()], reasons


def _common(
    comparison: Comparison, scores: Mapping[str, Sequence[tuple[pd.DataFrame, Any]]]
) -> tuple[list[str], str]:
    """Stems that all finished results have, and the footer line that says so."""
    sets = {
        name: frozenset.intersection(*(frozenset(values.index) for values, _ in mine))
        for name, mine in scores.items()
        if mine
    }
    if not sets:
        return [], "Images: none."
    common = frozenset.intersection(*sets.values())
    every = frozenset[str]().union(
        *sets.values(),
        *(result.about.get("missing") or () for result in comparison.results.values()),
    )
    if common == every:
        return sorted(common), f"Images: {len(common)}."
    lacking = [
        f"{comparison.methods[name]} lacks {len(gone)} ({first_few(sorted(gone), 3)})"
        for name, mine in sets.items()
        if (gone := every - mine)
    ]
    return sorted(common), (
        f"Images: {len(common)} of {len(every)}, those that all methods have: {'; '.join(lacking)}."
    )


def _estimate(
    mine: Sequence[tuple[pd.DataFrame, Mapping[Any, str]]], column: Column, stems: list[str]
) -> tuple[Estimate, frozenset[tuple[int, str]]]:
    """Mean over images, then seeds; and which (seed position, stem) were left out as undefined."""
    estimates, left_out = [], set()
    for position, (values, reasons) in enumerate(mine):
        array = values.loc[stems, column.key].to_numpy(dtype=np.float64)
        estimates.append(
            over_images(array, [reasons.get((stem, column.key), "") for stem in stems])
        )
        left_out |= {(position, stems[index]) for index in np.flatnonzero(np.isnan(array))}
    return over_seeds(estimates), frozenset(left_out)


def _left_out_text(estimate: Estimate, total: int) -> str:
    why = ", ".join(f"{reason}: {count}" for reason, count in sorted(estimate.left_out.items()))
    if estimate.value is None:
        return f"undefined on the images ({why})"
    per_seed = " per seed at least" if estimate.seeds > 1 else ""
    return f"mean over n = {estimate.n} of {total} images{per_seed}; undefined elsewhere ({why})"
