"""Parts of LaTeX tables: text from data, cells, lines; for the format and for tables in print."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ivif_bench.reports.table import Cell

ARROWS = {"up": r" $\uparrow$", "down": r" $\downarrow$", "": ""}
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


def label_of(name: str) -> str:
    """A name as part of a label."""
    return re.sub(r"[^A-Za-z0-9._+:-]", "-", name)


def line_of(cells: Sequence[str]) -> str:
    """A line of a table; cells are LaTeX."""
    first = f"{{}}{cells[0]}" if cells[0][:1] in ("[", "*") else cells[0]  # or \\ above takes it
    return " & ".join([first, *cells[1:]]) + r" \\"


def cell_text(cell: Cell) -> str:
    """A cell with its mark and note."""
    text = re.sub(r"(?<![\w.])-(?=\d)", "$-$", escaped(cell.text))
    if cell.mark == "best":
        text = f"\\textbf{{{text}}}"
    elif cell.mark == "second":
        text = f"\\underline{{{text}}}"
    return noted(text, cell.note)


def noted(text: str, letter: str) -> str:
    """LaTeX with the letter of a footnote, if there is one."""
    return f"{text}$^{{{letter}}}$" if letter else text
