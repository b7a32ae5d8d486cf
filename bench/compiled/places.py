"""Where machine code of kernels is kept: found without a home folder, and where nothing is writable."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import numba

_PREFIX = "ivif-kernels-"


@cache
def cache_folder(file: Path) -> Path | None:
    """Where machine code of the kernels in ``file`` is kept; None where nothing can be written.

    ``$NUMBA_CACHE_DIR``, else beside the code, else the user's cache; where that cannot be written,
    a folder for this user among the temporary files. What is kept beside code that this user
    cannot write (installed by another) is copied, so that it is not compiled again.

    The folder's name carries numba's version and a hash of ``file``, of every file of kernels that
    it imports, and of this package: numba itself looks at ``file`` alone.
    """
    source = hashlib.sha256()
    for path in sorted({*_sources(file), *Path(__file__).parent.glob("*.py")}):
        source.update(path.read_bytes())
    stem = f"{_PREFIX}{file.stem}-{numba.__version__}-"
    name = stem + source.hexdigest()[:12]
    own = file.parent / "__pycache__"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    # One after the other: looking among the temporary files makes a folder there.
    for parent in chain(
        [Path(chosen)] if chosen else [own], () if chosen else _users(), _temporary()
    ):
        if _writable(parent / name):
            if parent == own:
                _remove_older(own, stem, name)
            elif not chosen:
                _copy(own / name, parent / name)
            return parent / name
    return None


def _users() -> Iterator[Path]:
    """The user's cache, if there is a user with a home folder."""
    if named := os.environ.get("XDG_CACHE_HOME"):
        yield Path(named) / "ivif-bench"
        return
    try:
        yield Path.home() / ".cache" / "ivif-bench"
    except RuntimeError:  # neither $HOME nor an entry for this user
        return


def _temporary() -> Iterator[Path]:
    """This user's folder among the temporary files, if nobody else can have put code into it."""
    try:
        folder = Path(tempfile.gettempdir()) / f"ivif-bench-{getattr(os, 'getuid', lambda: 0)()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return
    foreign = hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022)
    if stat.S_ISDIR(found.st_mode) and not foreign:
        yield folder


def _sources(file: Path) -> set[Path]:
    """The file, and the files beside it that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module:
                beside = file.parent / f"{node.module.rpartition('.')[2]}.py"
                if beside.exists():
                    waiting.append(beside)
    return found


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _copy(kept: Path, folder: Path) -> None:
    """Fill an empty folder with what another user kept; all of it or nothing."""
    if not kept.is_dir() or any(folder.iterdir()):
        return
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        shutil.copytree(kept, part, dirs_exist_ok=True, copy_function=shutil.copyfile)
        part.chmod(0o755)  # copytree has taken over that it is read-only
        part.replace(folder)
    except OSError:  # unreadable, or another process was first
        shutil.rmtree(part, ignore_errors=True)


def _remove_older(parent: Path, stem: str, keep: str) -> None:
    for path in parent.glob(f"{stem}*"):
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
