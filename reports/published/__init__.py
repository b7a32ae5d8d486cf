"""Numbers as papers print them: shipped files and users' own.

A file ``NAME.csv`` has one number per row, in the columns ``dataset, method, metric, value`` and, if it
says so, ``table`` (where it is printed) and ``citation`` (a key of ``NAME.bib`` beside it or of the
user's own bibliography). ``value`` is kept as printed, with its digits, in the unit that our tables
print. Lines before the header that begin with ``#`` say more: ``# note:`` what is known of how the
numbers were computed, ``# for:`` a table preset that alone uses them. Adding a paper is adding a file.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ivif_bench.errors import UserError
from ivif_bench.files import read_text
from ivif_bench.registry import suggest

_NEEDED = ("dataset", "method", "metric", "value")
_MORE = ("table", "citation")
_MOST = 4_000_000  # bytes
_ENTRY = re.compile(r"@\w+\s*\{\s*([^\s,{}]+)\s*,")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._+/-]*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


@dataclass(frozen=True, slots=True)
class PublishedNumber:
    """One number of a paper.

    Attributes:
        text: as printed.
        table: where it is printed.
        citation: key of the paper in a bibliography.
    """

    dataset: str
    method: str
    metric: str
    text: str
    table: str = ""
    citation: str = ""


@dataclass(frozen=True, slots=True)
class PublishedSource:
    """A file of published numbers.

    Attributes:
        name: of the file, without extension.
        note: what is known of how they were computed.
        preset: the one table preset that uses them; empty for all tables.
        bibtex: entries of a bibliography.
    """

    name: str
    numbers: tuple[PublishedNumber, ...]
    note: str = ""
    preset: str = ""
    bibtex: str = ""


def shipped() -> tuple[str, ...]:
    """Names of the files that come with the package."""
    names = [each.name for each in files(__name__).iterdir() if each.name.endswith(".csv")]
    return tuple(sorted(name.removesuffix(".csv") for name in names))


def load_source(given: str) -> PublishedSource:
    """A shipped file by its name, or a user's by its path.

    Raises:
        UserError: no such file, or a row that is not a number of a paper, with its line.
    """
    if given in shipped():
        path = Path(str(files(__name__) / f"{given}.csv"))
    elif given.endswith(".csv"):
        path = Path(given)
    else:
        raise UserError(
            f"published: {given!r} is neither a shipped source nor the path of a .csv file; "
            f"{suggest(given, list(shipped()))}"
        )
    text = _read(path)
    beside = path.with_suffix(".bib")
    bibtex = _read(beside) if beside.is_file() else ""
    said, lines = _said(text.removeprefix("\ufeff"))
    skipped = text.count("\n", 0, len(text) - len(lines))
    numbers = _numbers(path, lines, skipped)
    return PublishedSource(path.stem, numbers, said.get("note", ""), said.get("for", ""), bibtex)


def citation_keys(bibtex: str) -> tuple[str, ...]:
    """The keys of the entries of a bibliography."""
    return tuple(_ENTRY.findall(bibtex))


def bibliography(entries: Iterable[str]) -> str:
    """A file of these texts of entries; of entries with the same key, the first."""
    found: dict[str, str] = {}
    for text in entries:
        starts = [match.start() for match in _ENTRY.finditer(text)]
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            entry = text[start:end].strip()
            found.setdefault(citation_keys(entry)[0], entry)
    return "".join(f"{entry}\n\n" for entry in found.values()).removesuffix("\n")


def _read(path: Path) -> str:
    try:
        return read_text(path, most=_MOST)
    except OSError as problem:
        raise UserError(
            f"published: cannot read {path}: {problem.strerror or problem}"
        ) from problem
    except UnicodeDecodeError as problem:
        raise UserError(f"published: {path} is not UTF-8 text; save it as such") from problem


def _said(text: str) -> tuple[dict[str, str], str]:
    """What the lines before the header say, and the rest."""
    said: dict[str, str] = {}
    while text.startswith("#"):
        line, _, text = text.partition("\n")
        key, colon, value = line[1:].partition(":")
        if colon:
            said[key.strip().lower()] = value.strip()
    return said, text


def _numbers(path: Path, text: str, skipped: int) -> tuple[PublishedNumber, ...]:
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as problem:
        raise UserError(f"published: {path} is not CSV: {problem}") from problem
    header = [name.strip().lower() for name in rows[0]] if rows else []
    unknown = [name for name in header if name not in (*_NEEDED, *_MORE)]
    if not set(_NEEDED) <= set(header) or unknown or len(set(header)) < len(header):
        raise UserError(
            f"published: {path}: the header is {', '.join(header) or 'empty'}; expected "
            f"{', '.join(_NEEDED)} and perhaps {', '.join(_MORE)}"
        )
    found: dict[tuple[str, str, str, str], PublishedNumber] = {}
    for line, row in enumerate(rows[1:], start=2 + skipped):
        if not row:
            continue
        where = f"published: {path}, line {line}"
        if len(row) != len(header):
            raise UserError(f"{where}: {len(row)} cells, the header has {len(header)}")
        values = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
        if empty := [name for name in _NEEDED if not values[name]]:
            raise UserError(f"{where}: {empty[0]} is empty")
        text_of = values.pop("value")
        if not _NUMBER.fullmatch(text_of) or not math.isfinite(float(text_of)):
            raise UserError(f"{where}: value {text_of!r} is not a number such as 5.60")
        if (key := values.get("citation", "")) and not _KEY.fullmatch(key):
            raise UserError(f"{where}: citation {key!r} is not a key such as zhao2023ddfm")
        number = PublishedNumber(**values, text=text_of)
        about = (number.dataset, number.method, number.metric, number.table)
        if about in found:
            raise UserError(f"{where}: a second {number.metric} of {number.method}; remove one")
        found[about] = number
    return tuple(found.values())
