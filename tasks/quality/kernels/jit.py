"""Compiles the loops once per machine and keeps the machine code where it can never be stale.

numba's disk cache looks only at the file of the compiled function: an edit in a kernel that is
imported from another file goes unseen. The cache folder therefore carries a hash of all kernels.
"""

from __future__ import annotations

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
    numba.config.CACHE_DIR = str(cache_folder())  # read while decorating, so restored at once
    try:
        compiled: Callable[..., Any] = numba.njit(
            cache=True, nogil=True, error_model="numpy", fastmath={"contract"}
        )(function)
        return compiled
    finally:
        numba.config.CACHE_DIR = before


@cache
def cache_folder() -> Path:
    """``$NUMBA_CACHE_DIR``, else beside the code, else the user's cache, else a temporary folder."""
    here = Path(__file__).parent
    source = hashlib.sha256()
    for path in sorted(here.glob("*.py")):
        source.update(path.read_bytes())
    name = _PREFIX + source.hexdigest()[:12]
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ivif-bench"
    own = here / "__pycache__"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    for parent in [Path(chosen)] if chosen else [own, user]:
        if _writable(parent / name):
            if parent == own:
                _remove_older(own, name)
            return parent / name
    return Path(tempfile.mkdtemp(prefix=_PREFIX))


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _remove_older(parent: Path, keep: str) -> None:
    for path in parent.glob(f"{_PREFIX}*"):
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
