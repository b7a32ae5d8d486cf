"""Ranks of methods over the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ivif_bench.reports.table import (
    Column,
    Row,
    Table,
    cell,
    missing_cell,
    printed,
    with_marks,
)
from ivif_bench.statistics import Estimate

_MEAN = Column("rank", "Mean rank", "down", decimals=2)
_CAPTION = (
    "Rank of each method, 1 is best: in fusion quality the mean of its ranks over the metrics, in "
    "detection and segmentation the rank by the first mean over classes; methods that print the same "
    "number share the mean of their ranks."
)


def ranks_table(
    name: str, tables: Sequence[Table], headings: Sequence[tuple[str, str]]
) -> Table | None:
    """One column per table that marks a best value, and the mean over these; None without any.

    Args:
        headings: of the column of each table, that of its group first.

    A row that a table does not rank (a source image in fusion quality, a method that lacks images) has
    no rank there, and a mean rank only if it has one in every table.
    """
    ranked = [
        (table, found, heading)
        for table, heading in zip(tables, headings, strict=True)
        if (found := ranks_of(table))
    ]
    if not ranked:
        return None
    titles: dict[str, Row] = {}
    for table, _, _ in ranked:
        for row in table.rows:
            if not row.published:
                titles.setdefault(row.name, row)
    columns = tuple(
        Column(f"rank/{table.name}", title, "down", decimals=2, group=group)
        for table, _, (group, title) in ranked
    )
    rows = []
    for method, row in titles.items():
        mine = [found.get(method) for _, found, _ in ranked]
        known = [rank for rank in mine if rank is not None]
        cells = [
            missing_cell() if rank is None else cell(Estimate(rank), column)
            for rank, column in zip(mine, columns, strict=True)
        ]
        whole = len(known) == len(mine)
        cells.append(cell(Estimate(sum(known) / len(known)), _MEAN) if whole else missing_cell())
        rows.append(Row(method, row.title, tuple(cells), cite=row.cite))
    return Table(
        name=name,
        title="Ranks over all tasks",
        caption=_CAPTION,
        columns=(*columns, _MEAN),
        rows=with_marks(rows, (*columns, _MEAN)),
        footer=tuple(
            f"{table.title}: {len(found)} ranked methods, of table {table.name}."
            for table, found, _ in ranked
        ),
        warnings=tuple(dict.fromkeys(text for table, _, _ in ranked for text in table.warnings)),
    )


def ranks_of(table: Table) -> Mapping[str, float]:
    """Method to its rank in a table, of those that have every number that counts."""
    places = [
        at
        for at, column in enumerate(table.columns)
        if column.direction and any(row.cells[at].mark for row in table.rows)
    ]
    means = [
        at
        for at in places
        if table.columns[at].key.startswith(("mAP", "mIoU")) and "[" not in table.columns[at].key
    ]
    per_column = [_ranks(table, at) for at in means[:1] or places]
    if not per_column:
        return {}
    return {
        name: sum(ranks[name] for ranks in per_column) / len(per_column)
        for name in per_column[0]
        if all(name in ranks for ranks in per_column)
    }


def _ranks(table: Table, at: int) -> Mapping[str, float]:
    column = table.columns[at]
    values = {
        row.name: float(printed(value, column))
        for row in table.rows
        if row.ranked
        and row.cells[at].comparable
        and (value := row.cells[at].estimate.value) is not None
    }
    sign = 1 if column.direction == "down" else -1
    return {
        name: 1
        + sum(sign * other < sign * value for other in values.values())
        + (sum(other == value for other in values.values()) - 1) / 2
        for name, value in values.items()
    }
