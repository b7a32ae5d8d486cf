"""Published numbers beside ours: marked, never ranked, and never under another dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ivif_bench.reports.published import PublishedNumber, PublishedSource
from ivif_bench.reports.table import Cell, Column, Notes, Row, Table, missing_cell, printed
from ivif_bench.statistics import Estimate

# Costs of a pair of 640x480, by their names in papers' sheets: the unit of ours.
_OF_COST = {
    "seconds[480x640]": ("secondsperpair", 1.0),
    "peak_bytes[480x640]": ("peakgpumemorygb", 1e9),
}
_WORDS = " Published rows are copied from papers, not computed here, and not ranked."


@dataclass(frozen=True, slots=True)
class DatasetIdentity:
    """What a dataset of a run is, as far as its configuration says.

    Attributes:
        names: its layout; for a layout of any folders, its name and title in the run.
        drawn: its images are scenes that this project drew, whatever their layout.
    """

    names: tuple[str, ...] = ()
    drawn: bool = False

    def is_called(self, dataset: str) -> bool:
        """Whether papers call it so: the layout itself, or a part of it (``m3fd-fusion``)."""
        wanted = plain(dataset)
        return any(
            plain(name) == wanted or plain(name.split("-")[0]) == wanted for name in self.names
        )

    @property
    def bibtex(self) -> tuple[str, ...]:
        """Entries of the papers of its layouts."""
        if self.drawn:
            return ()
        from ivif_bench.data.base import LAYOUTS

        specs = [LAYOUTS.find(name) for name in self.names]
        return tuple(spec.bibtex for spec in specs if spec is not None and spec.bibtex)


def plain(name: str) -> str:
    """A name without what papers write differently: case, spaces, signs."""
    return re.sub(r"[^a-z0-9@]", "", name.casefold())


def with_published(
    table: Table,
    dataset: str,
    identity: DatasetIdentity,
    sources: Sequence[PublishedSource],
) -> tuple[Table, str]:
    """A table with the published rows of its dataset below its own.

    Args:
        dataset: its name in the run.

    Returns:
        The table, and a sentence on why published numbers were refused; empty if none were.
    """
    notes = Notes()
    for note in table.notes:
        notes.letter(note.text)
    rows: list[Row] = []
    refused: dict[str, None] = {}
    for source in sources:
        groups: dict[tuple[str, str, str], list[PublishedNumber]] = {}
        for number in source.numbers:
            if not identity.is_called(number.dataset):
                continue
            if identity.drawn:
                refused[number.dataset] = None
            else:
                about = (number.method, number.table, number.citation)
                groups.setdefault(about, []).append(number)
        for (method, where, citation), numbers in groups.items():
            cells = _cells(table.columns, numbers)
            if any(cell.estimate.value is not None for cell in cells):
                letter = notes.letter(_note(source, where, citation))
                rows.append(_row(method, cells, letter, citation, [*table.rows, *rows]))
    if refused:
        names = ", ".join(refused)
        return table, (
            f"No published numbers beside {dataset}: its images are drawn scenes, another dataset "
            f"than {names}."
        )
    if not rows:
        return table, ""
    return replace(
        table,
        caption=table.caption + _WORDS,
        rows=(*table.rows, *rows),
        notes=notes.all(),
    ), ""


def _cells(columns: Sequence[Column], numbers: Sequence[PublishedNumber]) -> tuple[Cell, ...]:
    by_metric: Mapping[str, PublishedNumber] = {plain(each.metric): each for each in numbers}
    cells = []
    for column in columns:
        found = by_metric.get(plain(column.key)) or by_metric.get(plain(column.title))
        name, unit = _OF_COST.get(column.key, ("", 1.0))
        if found is None and name in by_metric:
            value = float(by_metric[name].text) * unit
            cells.append(Cell(Estimate(value, seeds=0), printed(value, column), comparable=False))
            continue
        if found is None:
            cells.append(missing_cell())
            continue
        estimate = Estimate(float(found.text) / column.scale, seeds=0)
        cells.append(Cell(estimate, found.text, comparable=False))
    return tuple(cells)


def _row(
    method: str, cells: tuple[Cell, ...], letter: str, citation: str, others: Sequence[Row]
) -> Row:
    name = f"{method} (published)"
    names = {row.name for row in others}
    count = 2
    while name in names:
        name = f"{method} (published {count})"
        count += 1
    return Row(name, name, cells, ranked=False, note=letter, published=True, cite=citation)


def _note(source: PublishedSource, where: str, citation: str) -> str:
    place = ", ".join(filter(None, [citation or source.name, where]))
    known = source.note or "nothing is known here of how they were computed"
    return f"published ({place}), not computed here and not ranked: {known}"
