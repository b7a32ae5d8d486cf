"""Results of finished images of a unit, stored line by line: a crash loses at most one.

Each process writes to a file of its own. Before the first image, and every few seconds, it writes its
versions and device there, so that a result can name all processes that contributed to it.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ivif_bench.files import naming, parse_json, write_all
from ivif_bench.origins import Origins

_Value = TypeVar("_Value")
_ENDING = ".jsonl"
_SIGNED_EVERY = 10.0  # seconds, for the time that an interrupted process is known to have worked

Keep = Callable[[str, Any], None]
"""Stores the result of a stem; called with the stem and JSON values."""


def read_kept(folder: Path, parse: Callable[[Any], _Value], origins: Origins) -> dict[str, _Value]:
    """The stored results in a folder by stem, from all processes.

    Args:
        parse: makes a value of a stored result. A line for which it raises (``ValueError``,
            ``TypeError``, ``KeyError``), or that is incomplete, is ignored and computed again.
        origins: receives the processes that stored them.
    """
    found: dict[str, _Value] = {}
    for path in sorted(folder.glob(f"*{_ENDING}")):
        own, signed = dict[str, _Value](), {}
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                row: dict[str, Any] = parse_json(line) if line.endswith(b"\n") else {}
                if "signature" in row:
                    signed = row["signature"]
                else:
                    own[str(row["stem"])] = parse(row["value"])
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        if own:
            found |= own
            origins.add(signed)
    return found


@contextmanager
def keeping(folder: Path, origins: Origins) -> Iterator[Keep]:
    """Store results in a file that no other process writes to.

    Floats are written so that reading them gives the same bits.

    Args:
        origins: processes whose work the results depend on, such as the one that trained a network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{_ENDING}"
    signed = -math.inf
    # Without a buffer: closing a file writes what is left in it, and would fail again on a full disk.
    with path.open("wb", buffering=0) as file:

        def keep(stem: str, value: Any) -> None:
            nonlocal signed
            rows: list[dict[str, Any]] = []
            if time.monotonic() > signed + _SIGNED_EVERY:
                rows.append({"signature": origins.signature()})
            rows.append({"stem": stem, "value": value})
            with naming(path):
                write_all(file, "".join(json.dumps(row) + "\n" for row in rows).encode())
            if len(rows) > 1:
                signed = time.monotonic()

        yield keep
