"""Data as scripts: browsers load ``<script>`` files from disk, but refuse to fetch anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ivif_bench.files import sync_all

_MASKED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


class Folder:
    """The folder of a page, which knows what was written.

    Attributes:
        root: the folder.
        written: paths of its files, relative to it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written: set[str] = set()

    def put(self, name: str, value: Any) -> None:
        """Write ``data/<name>.js``, which hands a value to the page under this name."""
        self.text(f"data/{name}.js", chunk(name, value))

    def text(self, name: str, text: str) -> None:
        """Write a text file."""
        self.bytes(name, text.encode())

    def bytes(self, name: str, data: bytes) -> None:
        """Write a file, unless it has this content already."""
        path = self.root / name
        if not (path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(data)  # without a sync of each: ``finish`` has one for all
            part.replace(path)
        self.written.add(name)

    def kept(self, name: str) -> None:
        """Count a file as written that lies there from an earlier page."""
        self.written.add(name)

    def finish(self) -> None:
        """Bring everything to the disk, then remove what an earlier page had and this one does not."""
        sync_all(self.root)
        for path in sorted(self.root.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif str(path.relative_to(self.root).as_posix()) not in self.written:
                path.unlink()


class Written:
    """JSON that is made already, for ``chunk``."""

    def __init__(self, text: str) -> None:
        self.text = text


def chunk(name: str, value: Any) -> str:
    """The script of a value: ASCII, without any character that could end a script or begin a tag."""
    return f"IVIF.put({json_text(name)},{json_text(value)});\n"


def json_text(value: Any) -> str:
    """JSON as ASCII without ``<``, ``>`` and ``&``; a mapping may hold ``Written`` at its top."""
    if isinstance(value, dict) and any(isinstance(each, Written) for each in value.values()):
        inner = (
            f"{json_text(key)}:{each.text if isinstance(each, Written) else json_text(each)}"
            for key, each in value.items()
        )
        return "{" + ",".join(inner) + "}"
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for sign, code in _MASKED.items():
        text = text.replace(sign, code)
    return text


def columns(values: np.ndarray) -> Written:
    """Columns of a float64 [N, M] as lists with seven digits; null where a value is not finite."""
    return Written("[" + ",".join(_column(column) for column in values.T) + "]")


def _column(values: np.ndarray) -> str:
    known = np.isfinite(values)
    if known.all():
        texts: Iterator[str] = map("{:.7g}".format, values.tolist())
    else:
        pairs = zip(values.tolist(), known.tolist(), strict=True)
        texts = (f"{value:.7g}" if there else "null" for value, there in pairs)
    return "[" + ",".join(texts) + "]"


def number(value: float | None) -> float | None:
    """A number for JSON, which has no infinity."""
    return None if value is None or not np.isfinite(value) else float(value)
