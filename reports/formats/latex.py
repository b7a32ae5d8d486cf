r"""LaTeX with booktabs: a ``.tex`` per table, ``tables.tex`` that inputs them, ``report.tex`` to compile.

The output is pure ASCII and needs no package but booktabs. Whatever a name holds, it is printed as
text: characters that LaTeX gives a meaning are escaped, accents become macros, and a character
that a plain installation cannot print is shown by its code point, ``[U+4E2D]``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ivif_bench.reports.formats import FormatSpec
from ivif_bench.reports.formats._latex import (
    ARROWS,
    cell_text,
    escaped,
    label_of,
    line_of,
    noted,
)
from ivif_bench.reports.table import Column, Table

SPECS = (FormatSpec("latex", "render", "LaTeX"),)

_PREAMBLE = r"""\documentclass[10pt,a4paper,landscape]{article}
\usepackage{booktabs}
\ifdefined\pdfpagewidth \pdfpagewidth=\paperwidth \pdfpageheight=\paperheight \fi
\setlength{\textwidth}{\paperwidth} \addtolength{\textwidth}{-3cm}
\setlength{\textheight}{\paperheight} \addtolength{\textheight}{-4cm}
\setlength{\oddsidemargin}{-1.04cm} \setlength{\topmargin}{-1.54cm}
\setlength{\headheight}{0pt} \setlength{\headsep}{0pt}
"""


def render(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> dict[str, str]:
    """Files of a report. ``tables.tex`` and the tables can be copied into a paper as they are.

    Tables of presets are not among them: ``ivif_bench.reports.paper_files`` sets those.
    """
    tables = [table for table in tables if table.paper is None]
    files = {f"{table.name}.tex": table_text(table) for table in tables}
    inputs = [f"\\input{{{table.name}.tex}}" for table in tables]
    files["tables.tex"] = "".join(f"{line}\n" for line in inputs)
    body = "\n".join(
        [f"{escaped(remark)}\\par" for remark in remarks]
        + [f"{line}\n\\clearpage" for line in inputs]  # or more floats wait than LaTeX can hold
    )
    files["report.tex"] = (
        f"{_PREAMBLE}\\title{{{escaped(title)}}}\n\\author{{}}\n\\date{{}}\n"
        f"\\begin{{document}}\n\\maketitle\n{body}\n\\end{{document}}\n"
    )
    return files


def text(title: str, tables: Sequence[Table], remarks: Sequence[str] = ()) -> str:
    """All tables to be pasted into a document; title and remarks are comments."""
    said = [
        "needs \\usepackage{booktabs}",
        *map(escaped, [title] if title else []),
        *map(escaped, remarks),
    ]
    return "\n".join(["".join(f"% {line}\n" for line in said), *map(table_text, tables)])


def table_text(table: Table) -> str:
    """One ``table`` environment with footnotes and footer below the rules."""
    warnings = "".join(f" \\textbf{{{escaped(text)}}}" for text in table.warnings)
    small = [f"$^{{{note.letter}}}$~{escaped(note.text)}" for note in table.notes]
    small += [escaped(line) for line in table.footer]
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        f"\\caption{{{escaped(table.caption)}{warnings}}}",
        f"\\label{{tab:{label_of(table.name)}}}",
        r"\par\smallskip",  # article sets a caption right on the rule
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        line_of([escaped(table.head), *map(_heading, table.columns)]),
        r"\midrule",
        *(
            line_of([noted(escaped(row.title), row.note), *map(cell_text, row.cells)])
            for row in table.rows
        ),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if small:
        lines += [r"\par\smallskip", r"\raggedright\footnotesize", *(f"{s}\\par" for s in small)]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _heading(column: Column) -> str:
    return f"{escaped(column.heading)}{ARROWS[column.direction]}"
