"""What tests of tables ask of a report, and numbers for them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from ivif_bench.reports.frame import load_run
from ivif_bench.reports.table import Table
from ivif_bench.reports.write import build_report

STEMS = [f"s{i}" for i in range(12)]  # with fewer than ten, nothing is ranked
METHODS = ("visible", "infrared", "ddfm")


def tables_of(run: Path) -> dict[str, Table]:
    """The tables of a run directory by name."""
    return {table.name: table for table in build_report(load_run(run)).tables}


def values_of(seed: int) -> dict[str, dict[str, float]]:
    """Random values by metric and stem."""
    random = np.random.default_rng(seed)
    return {
        m: dict(zip(STEMS, random.normal(5, 1, len(STEMS)).tolist(), strict=True))
        for m in ("EN", "SF")
    }


def without(
    values: dict[str, dict[str, float]], gone: Collection[str]
) -> dict[str, dict[str, float]]:
    """The same without these stems."""
    return {m: {s: v for s, v in line.items() if s not in gone} for m, line in values.items()}


def texts_of(table: Table, method: str) -> list[str]:
    """The printed cells of a row."""
    return next([c.text for c in row.cells] for row in table.rows if row.name == method)


def value_of(table: Table, method: str, column: str) -> float | None:
    """The unrounded mean of a cell."""
    at = [c.key for c in table.columns].index(column)
    return next(row.cells[at].estimate.value for row in table.rows if row.name == method)


def images_line(table: Table) -> str:
    """The line of the footer on how many images there are."""
    return next(line for line in table.footer if line.startswith("Images"))


def marks_of(table: Table) -> dict[str, set[str]]:
    """The marks that occur in each column."""
    return {
        column.key: {row.cells[at].mark for row in table.rows} - {""}
        for at, column in enumerate(table.columns)
    }
