r"""LaTeX with booktabs: a ``.tex`` per table, ``tables.tex`` that inputs them, ``report.tex`` to compile.

The output is pure ASCII and needs no package but booktabs. Whatever a name holds, it is printed as
text: characters that LaTeX gives a meaning are escaped, accents become macros, and a character
that a plain installation cannot print is shown by its code point, ``[U+4E2D]``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ivif_bench.reports.formats import FormatSpec
from ivif_bench.reports.table import Cell, Column, Table

SPECS = (FormatSpec("latex", "render", "LaTeX"),)

_ARROWS = {"up": r" $\uparrow$", "down": r" $\downarrow$", "": ""}
_PLAIN = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": "{`}",
    "–": "--",
    "—": "---",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "→": r"$\rightarrow$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "σ": r"$\sigma$",
    "…": r"\ldots{}",
    "▲": r"$\bigtriangleup$",
    "▼": r"$\bigtriangledown$",
    "ß": r"{\ss}",
    "ø": r"{\o}",
    "Ø": r"{\O}",
    "æ": r"{\ae}",
    "Æ": r"{\AE}",
}
_LIGATURE = re.compile(r"([-'`,?!<>])(?=[-'`,<>])")  # pairs that fonts would join
_ACCENTS = {
    "\u0300": "\\`",
    "\u0301": "\\'",
    "\u0302": "\\^",
    "\u0303": "\\~",
    "\u0308": '\\"',
    "\u030a": "\\r",
    "\u030c": "\\v",
    "\u0327": "\\c",
}
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
        f"\\label{{tab:{_label(table.name)}}}",
        r"\par\smallskip",  # article sets a caption right on the rule
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        f"\\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        _line([escaped(table.head), *map(_heading, table.columns)]),
        r"\midrule",
        *(
            _line([_noted(escaped(row.title), row.note), *map(_cell, row.cells)])
            for row in table.rows
        ),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if small:
        lines += [r"\par\smallskip", r"\raggedright\footnotesize", *(f"{s}\\par" for s in small)]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def escaped(text: str) -> str:
    """Text from data as LaTeX text, in ASCII."""
    flat = unicodedata.normalize("NFC", " ".join(text.split()))
    parts = _LIGATURE.sub(r"\1\0", flat).split("\0")
    return "{}".join("".join(map(_character, part)) for part in parts)


def _character(char: str) -> str:
    if char in _PLAIN:
        return _PLAIN[char]
    if " " <= char <= "~":
        return char
    base, *marks = list(unicodedata.normalize("NFD", char))
    if len(marks) == 1 and base.isascii() and base.isalpha() and marks[0] in _ACCENTS:
        return f"{{{_ACCENTS[marks[0]]}{{{base}}}}}"
    return f"[U+{ord(char):04X}]"


def _label(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+:-]", "-", name)


def _line(cells: Sequence[str]) -> str:
    first = f"{{}}{cells[0]}" if cells[0][:1] in ("[", "*") else cells[0]  # or \\ above takes it
    return " & ".join([first, *cells[1:]]) + r" \\"


def _heading(column: Column) -> str:
    return f"{escaped(column.heading)}{_ARROWS[column.direction]}"


def _cell(cell: Cell) -> str:
    text = re.sub(r"(?<![\w.])-(?=\d)", "$-$", escaped(cell.text))
    if cell.mark == "best":
        text = f"\\textbf{{{text}}}"
    elif cell.mark == "second":
        text = f"\\underline{{{text}}}"
    return _noted(text, cell.note)


def _noted(text: str, letter: str) -> str:
    return f"{text}$^{{{letter}}}$" if letter else text
