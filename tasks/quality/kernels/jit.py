"""Compiles the loops once per machine and keeps the machine code where it can never be stale.

numba's disk cache looks only at the file of the compiled function: an edit in a kernel that is
imported from another file goes unseen. Each file of kernels therefore has a cache folder of its
own, whose name carries a hash of that file and of every file of kernels that it imports.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

_PREFIX = "ivif-kernels-"


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first call: nogil, cached on disk, sums in the order written.

    Of fast-math only ``contract`` (a product and a sum in one rounding) is allowed: no value may
    depend on how wide the machine's vectors are. Sums over pixels are kept per column, which
    vectorises all the same.
    """
    before = numba.config.CACHE_DIR
    folder = cache_folder(Path(function.__code__.co_filename))
    numba.config.CACHE_DIR = str(folder)  # read while decorating, so restored at once
    try:
        compiled: Callable[..., Any] = numba.njit(
            cache=True, nogil=True, error_model="numpy", fastmath={"contract"}
        )(function)
        return compiled
    finally:
        numba.config.CACHE_DIR = before


@cache
def cache_folder(file: Path) -> Path:
    """Where machine code of the kernels in ``file`` is kept.

    ``$NUMBA_CACHE_DIR``, else beside the code, else the user's cache, else a temporary folder.
    """
    source = hashlib.sha256()
    for path in sorted(_sources(file)):
        source.update(path.read_bytes())
    stem = f"{_PREFIX}{file.stem}-"
    name = stem + source.hexdigest()[:12]
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ivif-bench"
    own = file.parent / "__pycache__"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    for parent in [Path(chosen)] if chosen else [own, user]:
        if _writable(parent / name):
            if parent == own:
                _remove_older(own, stem, name)
            return parent / name
    return Path(tempfile.mkdtemp(prefix=_PREFIX))


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


def _remove_older(parent: Path, stem: str, keep: str) -> None:
    for path in parent.glob(f"{stem}*"):
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
