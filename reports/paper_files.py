r"""LaTeX of tables for papers: a file per table, an appendix, a bibliography, documents to compile.

The tables need ``booktabs``, ``graphicx`` and, with groups of rows, ``multirow``. They set their own
width, that of a column or of a page of IEEE's or CVPR's style, so that they look the same in any class: a
wider table is scaled down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from ivif_bench.reports.formats._latex import ARROWS, cell_text, escaped, label_of, line_of
from ivif_bench.reports.presets import WIDTHS
from ivif_bench.reports.published import bibliography, citation_keys
from ivif_bench.reports.table import Column, Row, Table

_LETTER = r"""\documentclass[10pt,letterpaper,twocolumn]{article}
\usepackage{booktabs,graphicx}
\IfFileExists{multirow.sty}{\usepackage{multirow}}{\newcommand{\multirow}[3]{##3}}
\ifdefined\pdfpagewidth \pdfpagewidth=8.5in \pdfpageheight=11in \fi
\setlength{\textwidth}{%dpt} \setlength{\columnsep}{%dpt} \setlength{\textheight}{9in}
\setlength{\oddsidemargin}{\dimexpr(8.5in-\textwidth)/2-1in}
\setlength{\topmargin}{0pt} \setlength{\headheight}{0pt} \setlength{\headsep}{0pt}
"""


def paper_files(tables: Sequence[Table]) -> dict[str, str]:
    """Files of the tables that have a ``Print``; none if none has."""
    tables = [table for table in tables if table.paper]
    if not tables:
        return {}
    files = {f"{table.name}.tex": paper_text(table) for table in tables}
    entries = [
        entry
        for table in tables
        if table.paper
        for entry in (*table.paper.references, *table.paper.datasets)
    ]
    if references := bibliography(entries):
        files["references.bib"] = references
    for style in dict.fromkeys(_style(table) for table in tables):
        mine = [table for table in tables if _style(table) == style]
        files[f"appendix-{style}.tex"] = appendix(mine)
        names = [table.name for table in mine]
        files[f"paper-{style}.tex"] = _document(style, names, bool(references))
    return files


def paper_text(table: Table) -> str:
    """One float, as wide as a column or as a page, with footnotes and the short footer."""
    assert table.paper is not None
    width = f"{WIDTHS[table.paper.width]}pt"
    environment = "table*" if table.paper.width.endswith("page") else "table"
    warnings = "".join(f" \\textbf{{{escaped(text)}}}" for text in table.warnings)
    grouped = any(row.group for row in table.rows)
    small = [f"$^{{{note.letter}}}$~{escaped(note.text)}" for note in table.notes]
    small += [" ".join(map(escaped, table.paper.footer))] if table.paper.footer else []
    heads = ["Method", *(f"{escaped(one.title)}{ARROWS[one.direction]}" for one in table.columns)]
    lines = [
        f"% needs \\usepackage{{booktabs,graphicx{',multirow' if grouped else ''}}}",
        f"\\begin{{{environment}}}[t]",
        r"\centering",
        f"\\caption{{{escaped(table.caption)}{warnings}}}",
        f"\\label{{tab:{label_of(table.name)}}}",
        r"\par\smallskip\footnotesize",
        f"\\setlength{{\\tabcolsep}}{{{4 if environment == 'table*' else 3}pt}}",
        r"\setbox0=\hbox{%",
        f"\\begin{{tabular}}{{{'l' if grouped else ''}l{'r' * len(table.columns)}}}",
        r"\toprule",
        *_group_lines(table.columns, 2 if grouped else 1),
        line_of([""] * grouped + heads),
        *_rows(table.rows, grouped),
        r"\bottomrule",
        r"\end{tabular}}%",
        f"\\ifdim\\wd0>{width} \\typeout{{Table {label_of(table.name)} is \\the\\wd0\\space wide, "
        f"scaled down to {width}}}\\resizebox{{{width}}}{{!}}{{\\box0}}\\else\\leavevmode\\box0\\fi",
    ]
    if small:
        lines += [
            r"\par\smallskip",
            f"\\parbox{{{width}}}{{\\raggedright\\scriptsize",
            *(f"{text}\\par" for text in small),
            "}",
        ]
    return "\n".join([*lines, f"\\end{{{environment}}}"]) + "\n"


def appendix(tables: Sequence[Table]) -> str:
    """All lines that belong to each table, also those that have no room below it."""
    parts = []
    for table in tables:
        parts.append(f"\\paragraph{{Table~\\ref{{tab:{label_of(table.name)}}}.}}")
        parts.append("{\\raggedright\\small")
        parts += [f"{escaped(text)}\\par" for text in (*table.footer, *_note_texts(table))]
        if table.paper and (keys := citation_keys("".join(table.paper.datasets))):
            parts.append(f"Datasets: \\cite{{{','.join(keys)}}}.\\par")
        parts.append("}")
    return "\n".join(parts) + "\n"


def _note_texts(table: Table) -> Iterator[str]:
    for note in table.notes:
        yield f"({note.letter}) {note.text}"


def _document(style: str, names: Sequence[str], cites: bool) -> str:
    page, column = WIDTHS[f"{style}-page"], WIDTHS[f"{style}-column"]
    inputs = "".join(f"\\input{{{name}.tex}}\n\\clearpage\n" for name in names)
    end = "\\bibliographystyle{plain}\n\\bibliography{references}\n" if cites else ""
    return (
        f"{_LETTER % (page, page - 2 * column)}\\begin{{document}}\n{inputs}"
        f"\\appendix\n\\onecolumn\n\\input{{appendix-{style}.tex}}\n{end}\\end{{document}}\n"
    )


def _style(table: Table) -> str:
    return table.paper.width.partition("-")[0] if table.paper else ""


def _group_lines(columns: Sequence[Column], first: int) -> list[str]:
    """The line of headings over several columns, with their rules; none without such headings."""
    if not any(column.group for column in columns):
        return []
    cells, rules, at = [""] * first, [], first + 1
    for group, members in groupby(columns, key=lambda column: column.group):
        count = len(list(members))
        cells.append(f"\\multicolumn{{{count}}}{{c}}{{{escaped(group)}}}")
        rules.append(f"\\cmidrule(lr){{{at}-{at + count - 1}}}" if group else "")
        at += count
    return [line_of(cells), " ".join(filter(None, rules))]


def _rows(rows: Sequence[Row], grouped: bool) -> Iterator[str]:
    key: Callable[[Row], tuple[bool, str]] = lambda row: (row.published, row.group)  # noqa: E731
    for (_, group), found in groupby(rows, key=key):
        members = list(found)
        yield r"\midrule"
        for index, row in enumerate(members):
            cells = [_method(row), *map(cell_text, row.cells)]
            if grouped:
                head = f"\\multirow{{{len(members)}}}{{*}}{{{escaped(group)}}}" if group else ""
                cells = ["" if index else head, *cells]
            yield line_of(cells)


def _method(row: Row) -> str:
    note = f"$^{{{row.note}}}$" if row.note else ""
    cite = f"~\\cite{{{row.cite}}}" if row.cite else ""
    return f"{escaped(row.title)}{note}{cite}"
