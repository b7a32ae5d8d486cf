"""Tables for print, chosen from the tables of a run: no number is computed here but ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ivif_bench.reports.beside import DatasetIdentity, plain
from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.presets import TableOptions
from ivif_bench.reports.published import citation_keys
from ivif_bench.reports.ranks import ranks_table
from ivif_bench.reports.table import (
    MISSING,
    UNDEFINED,
    Cell,
    Column,
    Notes,
    Print,
    Row,
    Table,
    missing_cell,
    printed,
    with_marks,
)
from ivif_bench.statistics import Estimate

_SHORT = ("Convention:", "Network:", "Protocol:", "Images:")  # of a footer, what print has room for
_MARKED = {
    "both": "Best value bold, second best underlined.",
    "best": "Best value bold.",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Made:
    """The main table of a comparison.

    Attributes:
        identity: what its dataset is.
    """

    comparison: Comparison
    table: Table
    identity: DatasetIdentity

    @property
    def short(self) -> str:
        """The shorter of the dataset's title and name, for a heading."""
        names = (self.comparison.dataset_title, self.comparison.dataset)
        return min(filter(None, names), key=len)

    def is_called(self, dataset: str) -> bool:
        """Whether it is what a preset calls so: a dataset of the run, or one of a layout."""
        own = (self.comparison.dataset, self.comparison.dataset_title)
        return plain(dataset) in map(plain, own) or self.identity.is_called(dataset)


def paper_tables(
    options: TableOptions, made: Sequence[Made], bibtex: Mapping[str, str], published: str = ""
) -> tuple[list[Table], str]:
    """The tables of one preset, and a sentence if it has none.

    Args:
        bibtex: method to the entry of its paper.
        published: entries of the published sources.
    """
    if options.kind == "ranks":
        headings = [(each.comparison.task.capitalize(), each.short) for each in made]
        ranks = ranks_table(options.name, [each.table for each in made], headings)
        if ranks is None:
            return [], f"Table {options.name} was left out: the run ranks nothing."
        columns = tuple(_column(options, column) for column in ranks.columns)
        ranks = _chosen_rows(options, replace(ranks, columns=columns))
        return [_finished(options, ranks, bibtex, published)], ""
    chosen = _chosen(options, made)
    blocks = [
        chosen[start : start + options.side_by_side]
        for start in range(0, len(chosen), options.side_by_side)
    ]
    tables = []
    for number, block in enumerate(blocks, start=1):
        table = _block(options, block, f"{options.name}-{number}" if number > 1 else options.name)
        if table is not None:
            tables.append(_finished(options, table, bibtex, published))
    if tables:
        return tables, ""
    wanted = f" on {' or '.join(options.datasets)}" if options.datasets else ""
    return [], (
        f"Table {options.name} was left out: the run has no {options.task} results{wanted} with its "
        "columns."
    )


def _chosen(options: TableOptions, made: Sequence[Made]) -> list[Made]:
    """One comparison per dataset, in the order of the options."""
    own = [each for each in made if each.comparison.task == options.task]
    if not options.datasets:
        return list({each.comparison.dataset: each for each in reversed(own)}.values())[::-1]
    found = [
        next((each for each in own if each.is_called(dataset)), None)
        for dataset in options.datasets
    ]
    return [each for each in found if each is not None]


def _block(options: TableOptions, block: Sequence[Made], name: str) -> Table | None:
    """Comparisons side by side."""
    notes = Notes()
    several = len(block) > 1
    parts, columns, lines, lacking = [], list[Column](), list[str](), list[str]()
    for each in block:
        table = each.table
        title = each.short
        places = _places(options.metrics, table.columns)
        absent = [metric for metric, at in places if at is None]
        if absent:
            lacking.append(f"{', '.join(absent)} on {title}")
        kept = [at for _, at in places if at is not None]
        mine = [_column(options, table.columns[at]) for at in kept]
        parts.append((table, kept, mine))
        columns += [
            replace(one, key=f"{each.comparison.dataset}/{one.key}", group=title)
            if several
            else one
            for one in mine
        ]
        lines += [f"{title}: {line}" if several else line for line in table.footer]
    if not columns:
        return None
    if lacking:
        lines.append(f"Not computed in this run: {'; '.join(lacking)}.")
    names = dict.fromkeys(row.name for table, _, _ in parts for row in table.rows)
    rows = [row for name in names if (row := _row(name, parts, options, notes)) is not None]
    tables = [table for table, _, _ in parts]
    whole = Table(
        name=name,
        title="; ".join(table.title for table in tables),
        caption=_caption(tables, options),
        columns=tuple(columns),
        rows=tuple(rows),
        footer=tuple(lines),
        warnings=tuple(dict.fromkeys(text for table in tables for text in table.warnings)),
    )
    whole = _marked(_chosen_rows(options, whole), options)
    return _with_used_notes(whole, notes)


def _places(metrics: Sequence[str], columns: Sequence[Column]) -> list[tuple[str, int | None]]:
    """Where each wanted metric is, by key or title."""
    if not metrics:
        return [(column.key, at) for at, column in enumerate(columns)]
    by_name = {plain(one.title): at for at, one in enumerate(columns)}
    by_name |= {plain(one.key): at for at, one in enumerate(columns)}
    return [(metric, by_name.get(plain(metric))) for metric in metrics]


def _column(options: TableOptions, column: Column) -> Column:
    names = (column.key, column.title)
    digits = options.decimals
    if isinstance(digits, dict):
        digits = next((digits[name] for name in names if name in digits), None)
    title = next((options.titles[name] for name in names if name in options.titles), column.title)
    scale = column.scale if options.percent is None else (100.0 if options.percent else 1.0)
    return replace(
        column,
        title=title,
        decimals=column.decimals if digits is None else digits,
        scale=scale,
    )


Part = tuple[Table, list[int], list[Column]]


def _row(name: str, parts: Sequence[Part], options: TableOptions, notes: Notes) -> Row | None:
    cells: list[Cell] = []
    found: list[Row] = []
    letters: list[str] = []
    for table, kept, columns in parts:
        row = next((row for row in table.rows if row.name == name), None)
        if row is None:
            cells += [missing_cell() for _ in kept]
            continue
        said = {note.letter: note.text for note in table.notes}
        found.append(row)
        if row.note:
            letters.append(notes.letter(said[row.note]))
        for at, column in zip(kept, columns, strict=True):
            cell = row.cells[at]
            text = _text(cell, column, table.columns[at], row.published, options)
            note = notes.letter(said[cell.note]) if cell.note else ""
            cells.append(replace(cell, text=text, note=note))
    first = found[0]
    if first.published and all(cell.estimate.value is None for cell in cells):
        return None
    return replace(
        first,
        cells=tuple(cells),
        ranked=all(row.ranked for row in found),
        note=letters[0] if letters else "",
    )


def _text(
    cell: Cell, column: Column, before: Column, published: bool, options: TableOptions
) -> str:
    estimate = cell.estimate
    if cell.text in (MISSING, UNDEFINED) or estimate.value is None:
        return cell.text
    if published:  # as printed, unless its unit or its digits are to be others
        same = column.scale == before.scale and options.decimals is None
        digits = len(cell.text.partition(".")[2])
        return cell.text if same or digits <= column.decimals else printed(estimate.value, column)
    return printed(estimate.value, column) + _spread(estimate, column, options.spread)


def _spread(estimate: Estimate, column: Column, spread: str) -> str:
    if spread == "interval" and estimate.low is not None and estimate.high is not None:
        return f" [{printed(estimate.low, column)}, {printed(estimate.high, column)}]"
    sd = estimate.sd
    if spread == "sd" and sd is None:
        sd = estimate.sd_images
    return f" ± {printed(sd, column)}" if spread in ("", "sd") and sd is not None else ""


def _chosen_rows(options: TableOptions, table: Table) -> Table:
    """Rows in the order of the options, those of a group together, published ones last."""
    own = {plain(row.name): row for row in table.rows if not row.published}
    published = [row for row in table.rows if row.published and options.published]
    ordered = list(own.values())
    if options.methods:
        ordered = [own[plain(name)] for name in options.methods if plain(name) in own]
    groups = {plain(name): title for title, names in options.groups.items() for name in names}
    ordered = [replace(row, group=groups.get(plain(row.name), "")) for row in ordered]
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


def _marked(table: Table, options: TableOptions) -> Table:
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


def _caption(tables: Sequence[Table], options: TableOptions) -> str:
    if options.caption:
        return options.caption
    marked = any(cell.mark for table in tables for row in table.rows for cell in row.cells)
    parts = ["; ".join(table.title for table in tables) + "."]
    parts += [_MARKED[options.marks]] if marked else []
    if options.published and any(row.published for table in tables for row in table.rows):
        parts.append("Published rows are copied from papers, not computed here, and not ranked.")
    return " ".join(filter(None, parts))


def _with_used_notes(table: Table, before: Notes) -> Table:
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


def _finished(
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
        said = line if line.startswith(_SHORT) else line.partition(": ")[2]
        if said.startswith(_SHORT):
            yield line
