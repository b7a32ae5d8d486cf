"""Tables for print, chosen from the tables of a run: no number is computed here but ranks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ivif_bench.reports.beside import DatasetIdentity, plain
from ivif_bench.reports.comparison import Comparison
from ivif_bench.reports.paper_rows import (
    chosen_rows,
    finished,
    marked,
    with_explained,
    with_used_notes,
)
from ivif_bench.reports.presets import TableOptions
from ivif_bench.reports.ranks import ranks_table
from ivif_bench.reports.table import (
    MISSING,
    UNDEFINED,
    Cell,
    Column,
    Notes,
    Row,
    Table,
    missing_cell,
    printed,
)
from ivif_bench.statistics import Estimate

_SIZE = re.compile(r"\[\d+x\d+\]$")  # of the images that a measurement of cost is for
_MARKED = {
    "both": "Best value bold, second best underlined.",
    "best": "Best value bold.",
    "none": "",
}


@dataclass(frozen=True, slots=True, eq=False)
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
        ranks = chosen_rows(options, replace(ranks, columns=columns))
        return [_of_datasets(finished(options, ranks, bibtex, published), made)], ""
    chosen = _chosen(options, made)
    blocks = [
        chosen[start : start + options.side_by_side]
        for start in range(0, len(chosen), options.side_by_side)
    ]
    tables = []
    for number, block in enumerate(blocks, start=1):
        table = _block(
            options, block, made, f"{options.name}-{number}" if number > 1 else options.name
        )
        if table is not None:
            tables.append(_of_datasets(finished(options, table, bibtex, published), block))
    if tables:
        return tables, ""
    wanted = f" on {' or '.join(options.datasets)}" if options.datasets else ""
    return [], (
        f"Table {options.name} was left out: the run has no {options.task} results{wanted} with its "
        "columns."
    )


def _of_datasets(table: Table, made: Sequence[Made]) -> Table:
    """The table with the entries of its datasets."""
    assert table.paper is not None
    entries = dict.fromkeys(entry for each in made for entry in each.identity.bibtex)
    return replace(table, paper=replace(table.paper, datasets=tuple(entries)))


def _chosen(options: TableOptions, made: Sequence[Made]) -> list[Made]:
    """One comparison per dataset, in the order of the options."""
    own = [each for each in made if each.comparison.task == options.task]
    if not options.datasets:
        return list({each.comparison.dataset: each for each in reversed(own)}.values())[::-1]
    found = [
        next((each for each in own if each.is_called(dataset)), None)
        for dataset in options.datasets
    ]
    return list(dict.fromkeys(each for each in found if each is not None))


def _with_others(
    options: TableOptions, block: Sequence[Made], made: Sequence[Made]
) -> Iterator[tuple[Made, Sequence[str]]]:
    """Each comparison with its columns, and then those of other tasks on its dataset."""
    for each in block:
        yield each, options.metrics
        for task, metrics in options.also.items():
            for other in made:
                own = other.comparison
                if own.task == task and own.dataset == each.comparison.dataset:
                    yield other, metrics
                    break


def _block(
    options: TableOptions, block: Sequence[Made], made: Sequence[Made], name: str
) -> Table | None:
    """Comparisons side by side."""
    notes = Notes()
    several = len(block) > 1
    parts: list[Part] = []
    columns: list[Column] = []
    footers: list[tuple[str, Sequence[str]]] = []
    lacking: list[str] = []
    for each, metrics in _with_others(options, block, made):
        table = each.table
        title = each.short
        places = _places(metrics, table.columns)
        absent = [metric for metric, at in places if at is None]
        if absent:
            lacking.append(f"{', '.join(absent)} on {title}")
        kept = [at for _, at in places if at is not None]
        mine = [_column(options, table.columns[at]) for at in kept]
        parts.append((table, kept, mine))
        task = "" if each.comparison.task == options.task else f"{each.comparison.task}/"
        columns += [
            replace(one, key=f"{each.comparison.dataset}/{task}{one.key}", group=title)
            if several
            else replace(one, key=f"{task}{one.key}")
            for one in mine
        ]
        footers.append(
            (f"{title}, {each.comparison.task}" if options.also else title, table.footer)
        )
    if not columns:
        return None
    lines = _lines(footers)
    if lacking:
        lines.append(f"Not computed in this run: {'; '.join(lacking)}.")
    names = dict.fromkeys(row.name for table, _, _ in parts for row in table.rows)
    rows = [row for name in names if (row := _row(name, parts, options, notes)) is not None]
    rows = with_explained(rows, options, notes, len(columns))
    lines += _spread_lines(rows)
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
    whole = marked(chosen_rows(options, whole), options)
    return with_used_notes(whole, notes)


def _places(metrics: Sequence[str], columns: Sequence[Column]) -> list[tuple[str, int | None]]:
    """Where each wanted metric is, by key or title."""
    if not metrics:
        return [(column.key, at) for at, column in enumerate(columns)]
    by_name: dict[str, int] = {one.key: at for at, one in enumerate(columns)}
    for at, one in enumerate(columns):
        by_name.setdefault(one.title, at)
    loosely = {plain(_SIZE.sub("", name)): at for name, at in reversed(by_name.items())}
    loosely |= {plain(name): at for name, at in reversed(by_name.items())}
    return [(name, by_name.get(name, loosely.get(plain(name)))) for name in metrics]


def _column(options: TableOptions, column: Column) -> Column:
    names = (column.key, column.title, _SIZE.sub("", column.key))
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
        digits = len(cell.text.partition(".")[2])
        kept = options.decimals is None or digits <= column.decimals
        same = kept and column.scale == before.scale
        return cell.text if same else printed(estimate.value, column)
    return printed(estimate.value, column) + _spread(estimate, column, options.spread)


def _spread(estimate: Estimate, column: Column, spread: str) -> str:
    if spread == "interval" and estimate.low is not None and estimate.high is not None:
        return f" [{printed(estimate.low, column)}, {printed(estimate.high, column)}]"
    sd = estimate.sd
    if spread == "sd" and sd is None:
        sd = estimate.sd_images
    return f" ± {printed(sd, column)}" if spread in ("", "sd") and sd is not None else ""


def _spread_lines(rows: Sequence[Row]) -> list[str]:
    """What stands behind a mean."""
    cells = [cell for row in rows if not row.published for cell in row.cells]
    over = {"images" if cell.estimate.sd is None else "seeds" for cell in cells if "±" in cell.text}
    kinds = {cell.estimate.interval for cell in cells if "[" in cell.text}
    lines = [f"± sample standard deviation over {' or '.join(sorted(over))}."] if over else []
    return lines + ([f"[95 % interval, {'; '.join(sorted(kinds))}]."] if kinds else [])


def _caption(tables: Sequence[Table], options: TableOptions) -> str:
    if options.caption:
        return options.caption
    titles = [table.title for table in tables]
    titles = list(dict.fromkeys(titles))
    what = {title.partition(" on ")[0] for title in titles}
    if len(what) == 1:  # of one task: named once
        titles[1:] = [title.removeprefix(f"{min(what)} ") for title in titles[1:]]
    has_marks = any(cell.mark for table in tables for row in table.rows for cell in row.cells)
    parts = [" and ".join(titles) + "."]
    parts += [_MARKED[options.marks]] if has_marks else []
    if options.published and any(row.published for table in tables for row in table.rows):
        parts.append("Published rows are copied from papers, not computed here, and not ranked.")
    return " ".join(filter(None, parts))


def _lines(footers: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Lines of several footers: one that all have once, others with the name of theirs."""
    if len(footers) == 1:
        return list(footers[0][1])
    lines: dict[str, None] = {}
    for title, footer in footers:
        for line in footer:
            shared = all(line in other for _, other in footers)
            lines[line if shared else f"{title}: {line}"] = None
    return list(lines)
