"""``report.json``: what a report was made of, and whether its page shows the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivif_bench.files import read_object, write_json

if TYPE_CHECKING:
    from ivif_bench.reports.frame import RunResults

_INDEX = "page/index.html"


def write_provenance(
    results: RunResults, tables: Sequence[str], remarks: Sequence[str], written: Mapping[str, bytes]
) -> Path:
    """Write what a report was made of; what an earlier one says of its page is kept.

    Args:
        tables: names of the tables.
        remarks: sentences about the whole report.
        written: content of each file of the report, by name.
    """
    path = results.run / "report" / "report.json"
    page = read_object(path).get("page")
    content: dict[str, Any] = {
        "run": results.name,
        "tables": list(tables),
        "remarks": list(remarks),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in written.items()},
        "page": page if page and (path.parent / _INDEX).is_file() else None,
        "units": [
            {
                **asdict(unit),
                "about": results.abouts[unit].to_json() if unit in results.abouts else None,
                "provenance": asdict(results.results[unit].provenance)
                if unit in results.results
                else None,
            }
            for unit in results.planned
        ],
    }
    write_json(path, content)
    return path


def note_page(run: Path, files: int, size: int) -> None:
    """Say in ``report.json`` that the page shows what the report does; without a report, nothing.

    Args:
        files: number of files of the page.
        size: their bytes.
    """
    path = run / "report" / "report.json"
    content = read_object(path)
    if content:
        page = {"index": _INDEX, "files": files, "bytes": size, "made_of": _made_of(content)}
        write_json(path, content | {"page": page})


def page_is_old(run: Path) -> bool:
    """Whether a run has a page that shows other results than its report."""
    if not (run / "report" / _INDEX).is_file():
        return False
    content = read_object(run / "report" / "report.json")
    page = content.get("page")
    return not isinstance(page, dict) or page.get("made_of") != _made_of(content)


def _made_of(content: Mapping[str, Any]) -> str:
    about = [content.get(key) for key in ("tables", "remarks", "units")]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
