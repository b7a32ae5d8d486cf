"""The one table model: builders make it, formats and the terminal only print it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ivif_bench.statistics import Estimate

Mark = Literal["", "best", "second"]
Verdict = Literal["", "better", "worse"]
Direction = Literal["up", "down", ""]

SIGNS: dict[Verdict, str] = {"better": " ▲", "worse": " ▼", "": ""}  # in the text of a cell
ARROWS: dict[Direction, str] = {"up": " ↑", "down": " ↓", "": ""}  # behind a heading

MISSING = "—"  # no result: the unit was planned and is not there, or cannot be compared
UNDEFINED = "–"  # a result that says there is no such number: no image or no truth to judge by


@dataclass(frozen=True, slots=True)
class Column:
    """One quantity.

    Attributes:
        key: metric name as in the records, with the class name behind a colon if it has one.
        title: heading, without the arrow.
        direction: whether more (``up``) or less (``down``) is better; empty if neither is, and then
            no cell is marked.
        decimals: printed digits behind the point.
        scale: printed number = value * scale (100 for percent).
        group: heading over several columns, such as a dataset; empty for none.
    """

    key: str
    title: str
    direction: Direction = "up"
    decimals: int = 3
    scale: float = 1.0
    group: str = ""

    @property
    def heading(self) -> str:
        """The title with that of its group, where there is no line for groups."""
        return f"{self.group} {self.title}".strip()


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table, in the unit of the records, and how it is printed.

    Attributes:
        text: printed mean, with ``± sd`` behind it if there are several seeds, or its interval.
        note: letter of a footnote, or empty.
        comparable: False if it stands on other images than its column; it is then never marked.
        mark: best or second-best of its column.
        verdict: better or worse than the best source image, where the interval of the difference
            excludes 0; its sign is part of ``text``.
    """

    estimate: Estimate
    text: str
    note: str = ""
    comparable: bool = True
    mark: Mark = ""
    verdict: Verdict = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One method.

    Attributes:
        ranked: False if it is only shown for comparison; it is then never marked.
        note: letter of a footnote to its name, or empty.
        published: its numbers are a paper's; it is not ranked and in no figure.
        cite: key of its paper in a bibliography, or empty.
        group: heading of the rows that it belongs to, or empty.
    """

    name: str
    title: str
    cells: tuple[Cell, ...]
    ranked: bool = True
    note: str = ""
    published: bool = False
    cite: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote that cells refer to by its letter."""

    letter: str
    text: str


@dataclass(frozen=True, slots=True)
class Print:
    """How a table is set in a paper.

    Attributes:
        width: name in ``ivif_bench.reports.presets.WIDTHS``.
        footer: lines below the table; all of them are in the appendix.
        references: entries of a bibliography that rows cite.
        datasets: entries of its datasets, which the appendix cites.
    """

    width: str
    footer: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A finished table.

    Attributes:
        name: file name without extension, unique in a report.
        title: heading.
        caption: what it shows, without the warnings.
        warnings: sentences that every format prints as part of the caption.
        footer: what a reader needs to repeat it, one line each.
        head: what the rows are, the heading of their titles.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()
    footer: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    head: str = "Method"
    paper: Print | None = None

    @property
    def full_caption(self) -> str:
        """Caption and warnings; what formats print."""
        return " ".join((self.caption, *self.warnings))


def with_row_groups(table: Table) -> Table:
    """A table whose row titles begin with that of their group, for formats without group cells."""
    rows = (
        replace(row, title=f"{row.group}: {row.title}") if row.group else row for row in table.rows
    )
    return replace(table, rows=tuple(rows))


class Notes:
    """Gives footnotes their letters; equal texts share one."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, text: str) -> str:
        return self._letters.setdefault(text, _letter(len(self._letters)))

    def all(self) -> tuple[Note, ...]:
        return tuple(Note(letter, text) for text, letter in self._letters.items())


def cell(estimate: Estimate, column: Column, note: str = "", comparable: bool = True) -> Cell:
    """A cell that shows an estimate in its column's unit and precision."""
    if estimate.value is None:
        return Cell(estimate, UNDEFINED, note, comparable)
    text = printed(estimate.value, column)
    if estimate.sd is not None:
        text = f"{text} ± {printed(estimate.sd, column)}"
    return Cell(estimate, text, note, comparable)


def missing_cell(note: str = "") -> Cell:
    """A hole, shown as one."""
    return Cell(Estimate(None), MISSING, note)


def printed(value: float, column: Column) -> str:
    """A number at its column's precision; a rounded zero has no sign."""
    text = f"{value * column.scale:.{column.decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def with_marks(
    rows: Sequence[Row], columns: Sequence[Column], unranked: Collection[str] = ()
) -> tuple[Row, ...]:
    """Mark best and second-best of every column.

    All rows take part that their builder ranks. Where a source image can lose, as in detection,
    it is ranked too: a fusion that does not beat its sources must not be printed in bold. Ranks
    come from unrounded values; cells that print the same number get the same mark.

    A mark must tell cells apart. A column that holds one number has none, and a second-best that
    more than half of the compared cells would share is not marked: where one of six methods has a
    number and five have 0.0, the five are not second-best.

    Args:
        unranked: keys of columns that stand on too little to rank; see ``ivif_bench.ranking``.
    """
    marks: list[list[Mark]] = [[""] * len(columns) for _ in rows]
    for at, column in enumerate(columns):
        ranked = _ranked(rows, at, column)
        texts = [text for _, text, _ in sorted(ranked)]
        places = list(dict.fromkeys(texts))
        if len(places) < 2 or column.key in unranked or not column.direction:
            continue
        crowded = 2 * texts.count(places[1]) > len(texts)
        for _, text, index in ranked:
            if text == places[0]:
                marks[index][at] = "best"
            elif text == places[1] and not crowded:
                marks[index][at] = "second"
    return tuple(
        replace(row, cells=tuple(replace(c, mark=m) for c, m in zip(row.cells, line, strict=True)))
        for row, line in zip(rows, marks, strict=True)
    )


def differs(table: Table, at: int) -> bool:
    """Whether a column holds different numbers that may be compared."""
    return len({text for _, text, _ in _ranked(table.rows, at, table.columns[at])}) > 1


def _ranked(rows: Sequence[Row], at: int, column: Column) -> list[tuple[float, str, int]]:
    """Comparable cells of a column: value (less is better), printed number, row."""
    return [
        (value if column.direction == "down" else -value, printed(value, column), index)
        for index, row in enumerate(rows)
        if row.ranked
        and row.cells[at].comparable
        and (value := row.cells[at].estimate.value) is not None
    ]


def _letter(index: int) -> str:
    """a … z, aa, ab, …"""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
