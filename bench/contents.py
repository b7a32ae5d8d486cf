"""The files of a finished folder and their hashes, kept in it: shows later damage, and what is ours."""

from __future__ import annotations

import os
from pathlib import Path

from ivif_bench.errors import UserError
from ivif_bench.files import read_json, write_json
from ivif_bench.fingerprints import hash_file

FILE = ".contents.json"


def record(folder: Path) -> None:
    """Write the hashes of all files in a folder into it.

    Raises:
        UserError: a file cannot be read.
    """
    write_json(folder / FILE, {name: hash_file(str(folder / name)) for name in _files(folder)})


def recorded(folder: Path) -> dict[str, str] | None:
    """Hashes of a folder's files by path, as recorded; None if nothing (readable) is recorded."""
    try:
        found = read_json(folder / FILE)
    except (OSError, ValueError):
        return None
    plain = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if plain else None


def misfits(folder: Path) -> list[str] | None:
    """Recorded files that are missing or differ; None if nothing is recorded."""
    known = recorded(folder)
    return (
        None if known is None else [n for n, digest in known.items() if _hash(folder, n) != digest]
    )


def _hash(folder: Path, name: str) -> str:
    try:
        return hash_file(str(folder / name))
    except UserError:
        return ""


def _files(folder: Path) -> list[str]:
    names = [
        os.path.relpath(Path(place, name), folder)
        for place, _, inside in os.walk(folder)
        for name in inside
    ]
    return sorted(name for name in names if name != FILE and not (folder / name).is_symlink())
