"""A cache file of small JSON values by key, to which processes append lines.

A cache only saves time: lines that are damaged, unknown or unreadable are ignored and their values
computed again. Several processes may append to one file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ivif_bench.files import demand_regular, parse_json, read_regular, write_bytes

_PER_LINE = 500  # a damaged line loses this many


class Memory:
    """Values by key; read when created, appended to by ``save``.

    Args:
        path: the file; None for no cache file.
        fits: whether a JSON value from the file is of the kind that this cache holds.

    Attributes:
        known: the values by key; change them through ``put``.
    """

    def __init__(self, path: Path | None, fits: Callable[[Any], bool]) -> None:
        self._path = path
        self._new: dict[str, Any] = {}
        self._clean = True  # the file holds nothing but lines of ours
        self._entries = 0
        self.known: dict[str, Any] = {}
        self._read(fits)

    def put(self, key: str, value: Any) -> None:
        """Add a JSON value."""
        self.known[key] = self._new[key] = value

    def save(self) -> bool:
        """Append new values to the file; False if it cannot be written, which only costs time."""
        if not self._new or self._path is None:
            return self._path is not None
        outlived = self._entries + len(self._new) - len(self.known)
        try:
            if not self._clean or outlived > len(self.known):
                write_bytes(self._path, _lines(self.known))
                self._entries = len(self.known)
            else:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # One write at the end of the file, on a line of its own whatever is before it: a
                # process that adds at the same time, or that died doing so, does no harm.
                if self._path.exists():
                    demand_regular(self._path)
                with self._path.open("ab", buffering=0) as file:
                    file.write(b"\n" + _lines(self._new))
                self._entries += len(self._new)
        except OSError:
            return False
        self._clean, self._new = True, {}
        return True

    def _read(self, fits: Callable[[Any], bool]) -> None:
        if self._path is None:
            return
        try:
            lines = read_regular(self._path).split(b"\n")
        except OSError:
            return
        for line in filter(None, lines):
            try:
                row = parse_json(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                self._clean = False
                continue
            good = {key: value for key, value in row.items() if fits(value)}
            self._clean &= len(good) == len(row)
            self._entries += len(good)
            self.known.update(good)


def user_memory(*names: str) -> Path | None:
    """A path in the user's cache folder; None if there is no home folder."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    try:
        cache = Path(chosen) if chosen else Path.home() / ".cache"
    except RuntimeError:
        return None
    return cache.joinpath("ivif-bench", *names)


def _lines(values: dict[str, Any]) -> bytes:
    items = list(values.items())
    rows = (dict(items[at : at + _PER_LINE]) for at in range(0, len(items), _PER_LINE))
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()
