"""Rows of tables for print: their order, groups, marks, footnotes and citations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ivif_bench.reports.presets import TableOptions
from ivif_bench.reports.published import citation_keys
from ivif_bench.reports.table import Notes, Print, Row, Table, missing_cell, with_marks

# Beginnings of the lines of a footer that print has room for.
_SHORT = ("Convention:", "Network:", "Protocol:", "Images:", "±", "[95 %")


def chosen_rows(options: TableOptions, table: Table) -> Table:
    """Rows in the order of the options, those of a group together, published ones last."""
    own = {row.name: row for row in table.rows if not row.published}
    published = [row for row in table.rows if row.published and options.published]
    ordered = list(own.values())
    if options.methods:
        ordered = [own[name] for name in options.methods if name in own]
    groups = {name: title for title, names in options.groups.items() for name in names}
    ordered = [replace(row, group=groups.get(row.name, "")) for row in ordered]
    order = ["", *options.groups]
    ordered.sort(key=lambda row: order.index(row.group))
    rows = [
        replace(
            row,
            title=options.names.get(row.name, row.title),
            cite=options.cite.get(row.name, row.cite),
        )
        for row in (*ordered, *published)
    ]
    return replace(table, rows=tuple(rows))


def with_explained(
    rows: Sequence[Row], options: TableOptions, notes: Notes, columns: int
) -> list[Row]:
    """Rows with the footnotes of the options, and those that have no numbers behind them."""
    said = {note.letter: note.text for note in notes.all()}
    found = []
    for row in rows:
        if (remark := options.remarks.get(row.name, "")) and not row.published:
            text = "; ".join(filter(None, [said.get(row.note, ""), remark]))
            row = replace(row, note=notes.letter(text))
        found.append(row)
    names = {row.name for row in rows}
    for name, why in options.undefined.items():
        if name not in names:
            cells = tuple(missing_cell() for _ in range(columns))
            found.append(
                Row(name, f"{name} (not defined)", cells, ranked=False, note=notes.letter(why))
            )
    return found


def marked(table: Table, options: TableOptions) -> Table:
    """Marks over the rows that are left, in the columns that the run itself could rank."""
    ranked = {
        column.key
        for at, column in enumerate(table.columns)
        if any(row.cells[at].mark for row in table.rows)
    }
    unranked = {column.key for column in table.columns} - ranked
    rows = with_marks(table.rows, table.columns, unranked)
    if options.marks == "both":
        return replace(table, rows=rows)
    kept = "best" if options.marks == "best" else None
    return replace(
        table,
        rows=tuple(
            replace(
                row,
                cells=tuple(
                    cell if cell.mark == kept else replace(cell, mark="") for cell in row.cells
                ),
            )
            for row in rows
        ),
    )


def with_used_notes(table: Table, before: Notes) -> Table:
    """Footnotes of the rows that are left, with new letters in the order of reading."""
    said = {note.letter: note.text for note in before.all()}
    notes = Notes()

    def again(letter: str) -> str:
        return notes.letter(said[letter]) if letter else ""

    rows = tuple(
        replace(
            row,
            note=again(row.note),
            cells=tuple(replace(cell, note=again(cell.note)) for cell in row.cells),
        )
        for row in table.rows
    )
    return replace(table, rows=rows, notes=notes.all())


def finished(
    options: TableOptions, table: Table, bibtex: Mapping[str, str], published: str
) -> Table:
    """With citations and the way it is printed."""
    rows, entries = [], dict[str, None]()
    for row in table.rows:
        own = bibtex.get(row.name, "")
        cite = row.cite or ",".join(citation_keys(own))
        if own and cite == ",".join(citation_keys(own)):
            entries[own] = None
        if row.published and published:
            entries[published] = None
        rows.append(replace(row, cite=cite))
    lines = table.footer if options.footer == "long" else tuple(_short(table.footer))
    paper = Print(options.width, lines, tuple(entries))
    return replace(table, rows=tuple(rows), paper=paper)


def _short(footer: Sequence[str]) -> Iterator[str]:
    for line in footer:
        if line.startswith(_SHORT) or line.partition(": ")[2].startswith(_SHORT):
            yield line
