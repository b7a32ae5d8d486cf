"""Notes in a dataset's root that it holds an unpacked archive, until that has been prepared.

If preparing fails (a wrong or incomplete archive), the same command with the right archive replaces what the
first one left, provided nothing was added or changed since.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ivif_bench.data.archive import unpack
from ivif_bench.errors import UserError
from ivif_bench.files import read_json, temporary_folder, write_json

FILE = ".ivif-bench-unpacked.json"


def unpack_again(
    archive: Path, sha256: str, root: Path, is_root: Callable[[Path], str]
) -> int | None:
    """Unpack an archive into ``root``, also in place of another whose preparation failed.

    Args:
        sha256: of the archive.
        is_root: as for ``unpack``.

    Returns:
        The number of files, or None if just this archive is unpacked there already.

    Raises:
        UserError: as ``unpack``; the root is then as before.
    """
    root = root.resolve()
    earlier = _archive_in(root)
    if earlier == sha256:
        return None
    if not earlier:
        count = unpack(archive, root, is_root)
    else:
        with temporary_folder(root.parent) as outer:
            aside = outer / "content"
            root.replace(aside)
            try:
                count = unpack(archive, root, is_root)
            except BaseException:
                if root.is_dir():
                    shutil.rmtree(root)
                aside.replace(root)
                raise
    try:
        write_json(root / FILE, {"archive": sha256, "files": _listing(root)})
    except OSError as problem:
        raise UserError(f"cannot write {root / FILE}: {problem.strerror}") from problem
    return count


def prepared(root: Path) -> None:
    """What is in the root stays from now on."""
    (root / FILE).unlink(missing_ok=True)


def _archive_in(root: Path) -> str:
    """sha256 of the archive that a root holds unchanged and unprepared; empty if there is none."""
    try:
        found = read_json(root / FILE)
        return str(found["archive"]) if found["files"] == _listing(root) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _listing(root: Path) -> str:
    """Hash over the names, sizes and times of all files and the names of all folders."""
    digest = hashlib.sha256()
    for place, folders, names in os.walk(root):
        folders.sort()
        digest.update(f"{os.path.relpath(place, root)}/\n".encode(errors="surrogateescape"))
        for name in sorted(names):
            if name != FILE or Path(place) != root:
                stat = Path(place, name).lstat()
                line = f"{name} {stat.st_size} {stat.st_mtime_ns}\n"
                digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()
