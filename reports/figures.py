"""Which number of a table is drawn, wherever it is drawn."""

from __future__ import annotations

from ivif_bench.reports.table import Column, Table, differs


def main_column(table: Table) -> Column | None:
    """The headline of a table: its first mean over classes, if its methods can be compared by it."""
    for at, column in enumerate(table.columns):
        if column.key.startswith(("mAP", "mIoU")) and "[" not in column.key and differs(table, at):
            return column
    return None
