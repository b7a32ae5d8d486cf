"""Changes between two runs as tables: only what changed, and a count of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ivif_bench.naming import safe_name
from ivif_bench.reports.statistics.changes import FAILING, Change
from ivif_bench.reports.table import MISSING, Cell, Column, Row, Table
from ivif_bench.statistics import Estimate

_COLUMNS = (
    Column("first", "First run", ""),
    Column("second", "Second run", ""),
    Column("difference", "Difference [95 % interval]", ""),
    Column("state", "What", ""),
)


def tables_of(changes: Sequence[Change]) -> list[Table]:
    """One table for each task, dataset and protocol; a row for each number that changed or is new."""
    tables = []
    for where in dict.fromkeys(each.where for each in changes):
        mine = [each for each in changes if each.where == where]
        rows = tuple(_row(each) for each in mine if each.state in (*FAILING, "new"))
        counts = Counter(each.state for each in mine)
        both = [each for each in mine if None not in (each.first, each.second)]
        kinds = {each.difference.interval for each in both if each.state in (*FAILING, "within")}
        intervals = f" Intervals: {', '.join(sorted(kinds - {''}))}." if kinds - {""} else ""
        bare = " (no interval: one seed)" if "" in kinds else ""
        tables.append(
            Table(
                name=f"changes-{safe_name(where)}",
                title=f"Changes: {where}",
                caption=(
                    f"{where}: numbers that changed beyond their interval{bare}, and those that only "
                    f"one run has.{intervals}"
                ),
                columns=_COLUMNS,
                rows=rows,
                head="Number",
                footer=(
                    f"{counts['same']} numbers are equal, {counts['within']} differ within their "
                    f"interval, {sum(counts[state] for state in FAILING)} changed.",
                ),
            )
        )
    return tables


def _row(change: Change) -> Row:
    name = " ".join(filter(None, (change.title, change.quantity))) or change.where
    difference = change.difference
    text = MISSING if difference.value is None else _signed(difference.value)
    if difference.low is not None and difference.high is not None:
        text += f" [{_signed(difference.low)}, {_signed(difference.high)}]"
    what = f"{change.state}: {change.remark}" if change.remark else change.state
    cells = (
        Cell(Estimate(change.first), _number(change.first)),
        Cell(Estimate(change.second), _number(change.second)),
        Cell(difference, text),
        Cell(Estimate(None), what),
    )
    return Row(name, name, cells)


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.5g}"


def _signed(value: float) -> str:
    return f"{value:+.3g}"
