"""Atomic file writes: a file appears complete or not at all.

A process that is killed while it writes leaves a temporary file. Names of temporary files and folders
say which process of which machine they belong to, so that a later process can remove those of
processes that are gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_UNFINISHED = re.compile(r"\.?ivif-bench-([0-9a-f]{8})-(\d+)-.+")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: it appears complete or not at all, even if the machine stops."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_own_prefix()}", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically and readable; the order of keys is kept, because it may be a column order."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=plain)
    write_bytes(path, text.encode() + b"\n")


def file_names(folder: Path) -> set[str]:
    """Names of the files in a folder; none if there is no such folder.

    Checking each of thousands of files separately takes ten times as long.
    """
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except OSError:
        return set()


def plain(value: Any) -> Any:
    """A JSON value for a mapping of any type or a path; for ``json.dumps(default=...)``."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A temporary folder, removed at the end; those of dead processes are removed as well."""
    place = Path(tempfile.gettempdir())
    for entry in os.scandir(place):
        if _is_left_over(entry.name) and entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_own_prefix(), dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(root: Path) -> None:
    """Remove the temporary files that killed processes of this machine left below a folder."""
    for folder, _, names in os.walk(root):
        for name in names:
            if _is_left_over(name):
                Path(folder, name).unlink(missing_ok=True)


def _own_prefix() -> str:
    return f"ivif-bench-{_machine()}-{os.getpid()}-"


@cache
def _machine() -> str:
    """This machine in eight hexadecimal digits: a run directory may be on a shared disk."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_left_over(name: str) -> bool:
    """Whether a temporary file or folder belongs to a process of this machine that has ended."""
    owner = _UNFINISHED.fullmatch(name)
    if owner is None or owner[1] != _machine():
        return False
    try:
        os.kill(int(owner[2]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
