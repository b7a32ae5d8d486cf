"""Finished images of a unit of work, kept line by line, so that no crash loses more than one.

Each process keeps what it found in a file of its own. Before the first image, and every few seconds,
it writes there who it is, so that a result can name all processes that had a part in it.
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

from ivif_bench.origins import Origins

_Value = TypeVar("_Value")
_ENDING = ".jsonl"
_SIGNED_EVERY = 10.0  # seconds, for the time that an interrupted process is known to have worked

Keep = Callable[[str, Any], None]
"""Keeps what was found for a stem: called with the stem and JSON values."""


def read_kept(folder: Path, parse: Callable[[Any], _Value], origins: Origins) -> dict[str, _Value]:
    """What was kept in a folder, by stem, whoever kept it.

    Args:
        parse: makes a value of what was kept. A line that it refuses (``ValueError``,
            ``TypeError``, ``KeyError``), or that is not whole, does not count: it is done again.
        origins: learns who kept it.
    """
    found: dict[str, _Value] = {}
    for path in sorted(folder.glob(f"*{_ENDING}")):
        own, signed = dict[str, _Value](), {}
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                row: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
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
    """Keep what is found, in a file that no other process writes into.

    Floats are written so that they are read back bit for bit.

    Args:
        origins: processes whose work it is found with, such as whoever trained a network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{_ENDING}"
    signed = -math.inf
    with path.open("w", encoding="utf-8") as file:

        def keep(stem: str, value: Any) -> None:
            nonlocal signed
            if time.monotonic() > signed + _SIGNED_EVERY:
                file.write(json.dumps({"signature": origins.signature()}) + "\n")
                signed = time.monotonic()
            file.write(json.dumps({"stem": stem, "value": value}) + "\n")
            file.flush()

        yield keep
