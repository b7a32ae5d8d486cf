"""The tables of options in the docs, written from the models of options.

    python scripts/option_tables.py           write them into the pages
    python scripts/option_tables.py --check   only say which are out of date; exit code 1 if any is

A page says where, and of what: ``<!-- options:methods/ddfm -->``, with a kind of ``ivif-bench list`` and a
name, or several for one table: ``<!-- options:datasets/folder,llvip -->``; ``<!-- /options -->`` ends it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ivif_bench.components import registry_of
from ivif_bench.options import OptionRow, described

DOCS = Path(__file__).resolve().parents[1] / "docs"
_PART = re.compile(r"(<!-- options:([\w/.,-]+) -->\n).*?(<!-- /options -->)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the tables; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the pages")
    chosen = parser.parse_args(arguments)
    changed = 0
    for path in sorted(chosen.docs.rglob("*.md")):
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after == before:
            continue
        changed += 1
        print(f"{path}: {'out of date; run' if chosen.check else 'written by'} {parser.prog}")
        if not chosen.check:
            path.write_text(after, encoding="utf-8")
    return int(bool(chosen.check and changed))


def filled(page: str) -> str:
    """A page with its tables as the models have them now."""
    return _PART.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", page)


def table(what: str) -> str:
    """The table of ``kind/name``, or of ``kind/name,name,...`` with a column of names."""
    kind, _, names = what.partition("/")
    specs = [registry_of(kind).get(name) for name in names.split(",")]
    head = ("option", "allowed", "default", "meaning")
    if len(specs) == 1:
        return _markdown([head, *(_cells(row) for row in _rows(specs[0]))])
    rows = [(f"`{spec.name}`", *_cells(row)) for spec in specs for row in _rows(spec)]
    return _markdown([("name", *head), *rows])


def _rows(spec: object) -> list[OptionRow]:
    models = (getattr(spec, name, None) for name in ("options", "inference", "training"))
    return [row for model in models if model for row in described(model)]


def _cells(row: OptionRow) -> tuple[str, ...]:
    default = row.default_text if row.required or row.default is None else f"`{row.default_text}`"
    return (f"`{row.name}`", row.allowed, default, row.description)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    rule = "|".join("---" for _ in rows[0])
    return "".join(
        f"{line}\n" for line in (f"| {head} |", f"|{rule}|", *(f"| {row} |" for row in body))
    )


if __name__ == "__main__":
    sys.exit(main())
