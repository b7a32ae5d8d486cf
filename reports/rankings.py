"""Does the ranking hold? The same methods in the order of several protocols and of both scorers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ivif_bench.errors import UserError, first_few
from ivif_bench.naming import safe_name
from ivif_bench.ranking import ranks, too_few_images
from ivif_bench.reports.comparison import Comparison, comparisons
from ivif_bench.reports.statistics.association import taus
from ivif_bench.reports.table import (
    Cell,
    Column,
    Notes,
    Row,
    Table,
    cell,
    missing_cell,
    printed,
)
from ivif_bench.reports.tables import BUILDERS
from ivif_bench.statistics import Estimate

if TYPE_CHECKING:
    from ivif_bench.reports.frame import RunResults

TASK = "detection"
_SCORERS = {"mAP50": "COCO", "mAP50[yolov5]": "yolov5"}


@dataclass(frozen=True)
class _Order:
    """How one protocol and scorer see the methods.

    Attributes:
        values: mAP@0.5 as printed, by method, of those that can be compared.
    """

    title: str
    values: Mapping[str, float]


def ranking_tables(run: RunResults) -> list[Table]:
    """For each dataset, the ranks of the methods by mAP@0.5, under each protocol and both scorers.

    Numbers that print alike share a rank. A number behind a rank is its change from the first column.
    Methods that some column cannot rank are left out of all. The footer has Kendall's tau of every two
    columns.

    Raises:
        UserError: no dataset has two columns, or fewer than two methods are in all of them.
    """
    found: dict[str, list[Comparison]] = {}
    for item in comparisons(run):
        if item.task == TASK and item.results:
            found.setdefault(item.dataset, []).append(item)
    tables = [_table(dataset, items) for dataset, items in found.items()]
    if not tables:
        raise UserError(f"run {run.name!r} has no finished detection to rank methods by")
    return tables


def _table(dataset: str, items: list[Comparison]) -> Table:
    built = [BUILDERS.load(TASK)(item)[0] for item in items]
    letters = [chr(ord("A") + number) for number in range(len(items))]
    orders = [
        order
        for letter, table in zip(letters, built, strict=True)
        for order in _orders(table, letter)
    ]
    methods = {name: title for item in items for name, title in item.methods.items()}
    ranked = [name for name in methods if all(name in order.values for order in orders)]
    if len(ranked) < 2 or len(orders) < 2:
        raise UserError(
            f"dataset {dataset!r}: {len(ranked)} methods have a number in all of {len(orders)} orders; "
            "a comparison of ranks needs two of each"
        )
    placed = [ranks([order.values[name] for name in ranked]) for order in orders]
    columns = tuple(
        Column(f"rank:{number}", order.title, "", decimals=1) for number, order in enumerate(orders)
    )
    notes = Notes()
    rows = []
    for name, title in methods.items():
        if name not in ranked:
            gone = notes.letter("has no number in some column")
            cells: tuple[Cell, ...] = tuple(missing_cell(gone) for _ in columns)
        else:
            at = ranked.index(name)
            cells = tuple(
                _cell(places[at], placed[0][at], column)
                for places, column in zip(placed, columns, strict=True)
            )
        rows.append(Row(name, title, cells, ranked=False))
    moved = [
        methods[name]
        for at, name in enumerate(ranked)
        if len({places[at] for places in placed}) > 1
    ]
    taus = [
        f"{orders[one].title} and {orders[other].title} {_tau(placed[one], placed[other])}"
        for one, other in combinations(range(len(orders)), 2)
    ]
    what = f"Ranks by detection on {items[0].dataset_title}"
    return Table(
        name=safe_name(f"ranking-{dataset}"),
        title=what,
        caption=(
            f"{what}: 1 is the highest mAP@0.5 of {len(ranked)} methods; in brackets the places gained "
            "or lost against the first column. Numbers that print alike share a rank."
        ),
        columns=columns,
        rows=tuple(rows),
        notes=notes.all(),
        footer=(
            f"Kendall's tau-b (1: same order, 0: none, -1: reversed): {'; '.join(taus)}.",
            f"Rank changes: {first_few(moved, 12)}." if moved else "No rank changes.",
            *(f"{letter}: {_said(item)}" for letter, item in zip(letters, items, strict=True)),
        ),
        warnings=tuple(
            dict.fromkeys(
                text
                for item in items
                for text in (*item.warnings, too_few_images(int(item.about("images"))))
                if text
            )
        ),
    )


def _orders(table: Table, letter: str) -> list[_Order]:
    """Both scorers' values of a finished table of detection."""
    keys = [column.key for column in table.columns]
    orders = []
    for key, scorer in _SCORERS.items():
        if key not in keys:
            continue
        at = keys.index(key)
        values = {
            row.name: float(printed(value, table.columns[at]))
            for row in table.rows
            if row.cells[at].comparable and (value := row.cells[at].estimate.value) is not None
        }
        orders.append(_Order(f"{letter} [{scorer}]", values))
    return orders


def _tau(first: list[float], second: list[float]) -> str:
    tau = taus(np.array(first), np.array(second), np.ones((1, len(first))))[0]
    return "undefined (all tied)" if np.isnan(tau) else f"{tau:.2f}"


def _cell(rank: float, before: float, column: Column) -> Cell:
    change = f" ({before - rank:+g})" if rank != before else ""
    return replace(cell(Estimate(rank), column), text=f"{rank:g}{change}")


def _said(item: Comparison) -> str:
    """What a letter in the headings stands for."""
    seeds = sorted({unit.seed for units in item.planned.values() for unit in units})
    facts = [
        f"{item.protocol} (sha256 {str(item.about('protocol_sha256'))[:8]})",
        f"split {item.about('split')} (sha256 {str(item.about('split_sha256'))[:12]})",
        f"{item.about('images')} images",
        f"seeds {', '.join(map(str, seeds))}",
        f"leak: {item.about('leak')}" if item.about("leak") else "",
    ]
    return f"{'; '.join(filter(None, facts))}."
