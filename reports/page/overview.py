"""The run on one screen: ranks, the best of each question, and every warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ivif_bench.data.splits import says_leak
from ivif_bench.ranking import too_few_images
from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.figures import main_column
from ivif_bench.reports.ranks import ranks_table
from ivif_bench.reports.table import MISSING, Column, Table, printed

_TASKS = {"quality": "Fusion quality", "detection": "Detection", "segmentation": "Segmentation"}
RANKS = "page-ranks"
_MEAN_RANK = (
    "Mean rank over tables is the mean of a row, every table counting the same; that of the statistics "
    "is over images."
)


def ranks_over_tasks(
    comparisons: Sequence[Comparison], tables: Mapping[str, Table]
) -> Table | None:
    """Ranks of the methods over the main tables; None without one that marks anything."""
    found = [each for each in comparisons if each.task in _TASKS and each.name in tables]
    ranks = ranks_table(
        RANKS,
        [tables[each.name] for each in found],
        [("", f"{_TASKS[each.task]}: {each.dataset_title or each.dataset}") for each in found],
    )
    if ranks is None:
        return None
    mean = replace(ranks.columns[-1], title="Mean rank over tables")
    return replace(
        ranks, caption=f"{ranks.caption} {_MEAN_RANK}", columns=(*ranks.columns[:-1], mean)
    )


def best_of_each(
    comparisons: Sequence[Comparison],
    tables: Mapping[str, Table],
    ids: Mapping[str, str],
    places: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The best methods of each question, with their interval: one entry per table.

    A question is the first mean over classes of a task, in detection the mean over IoU as well, or every
    metric of fusion quality.

    Args:
        places: the ids of datasets that have images, by name.
    """
    found = []
    for each in comparisons:
        table = tables.get(each.name)
        if table is None or each.task not in _TASKS:
            continue
        main = main_column(table)
        stricter = [one for one in table.columns if one.key == "mAP50_95" and one != main]
        columns = [main, *stricter] if main is not None else list(table.columns)
        questions = [q for column in columns if (q := _question(table, column, ids)) is not None]
        if questions:
            found.append(
                {
                    "task": _TASKS[each.task],
                    "dataset": each.dataset_title or each.dataset,
                    "images": places.get(each.dataset),
                    "table": table.name,
                    "questions": questions,
                }
            )
    return found


def _question(table: Table, column: Column, ids: Mapping[str, str]) -> dict[str, Any] | None:
    at = table.columns.index(column)
    best = [row for row in table.rows if row.cells[at].mark == "best"]
    if not best:
        return None
    estimate = best[0].cells[at].estimate
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"[{printed(estimate.low, column)}, {printed(estimate.high, column)}]"
    assert estimate.value is not None
    return {
        "column": column.heading,
        "direction": column.direction,
        "best": [{"title": row.title, "method": ids.get(row.name)} for row in best],
        "value": printed(estimate.value, column),
        "interval": interval,
        "what": estimate.interval,
        "verdict": best[0].cells[at].verdict,
    }


def warnings_of(
    comparisons: Sequence[Comparison], tables: Sequence[Table], remarks: Sequence[str]
) -> list[dict[str, Any]]:
    """Everything that limits what the numbers say: each text once, with the tables it is about."""
    places: dict[tuple[str, str], dict[str, None]] = {}

    def add(kind: str, text: str, where: str = "") -> None:
        known = places.setdefault((kind, text), {})
        if where:
            known[where] = None

    for text in remarks:
        add("run", text)
    for table in tables:
        for text in table.warnings:
            add("table", text, table.name)
        for text in _holes(table):
            add("hole", text, table.name)
    for each in comparisons:
        leak = str(each.about("leak"))
        if says_leak(leak):
            add("leak", f"Leak between train and test: {leak}", each.name)
        images = int(each.about("images"))
        if each.task in _TASKS and images and (few := too_few_images(images)):
            add("table", few, each.name)  # tables say it only where there is something to rank
    return [
        {"kind": kind, "text": text, "tables": list(where)}
        for (kind, text), where in places.items()
    ]


def _holes(table: Table) -> list[str]:
    """Rows without any number, and why as far as a footnote says it."""
    notes = {note.letter: note.text for note in table.notes}
    found = []
    for row in table.rows:
        if row.published or not row.cells or any(c.text != MISSING for c in row.cells):
            continue
        why = next((notes[c.note] for c in row.cells if c.note in notes), "no result")
        found.append(f"{row.title}: {why}")
    return found
