"""Compiles the loops once per machine and keeps the machine code where it can never be stale.

numba's disk cache alone would let two processes compile the same kernels side by side, mix up the
files of two that write at once, and stop at a damaged file. Here one process compiles while the
others wait and then load; what is damaged is compiled again.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import filelock
import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.compiler_lock import global_compiler_lock

from ivif_bench.compiled.places import cache_folder

_PATIENCE = 300.0  # seconds; a kernel takes 2, but its process may have been stopped


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first call: nogil, cached on disk, sums in the order written.

    Of fast-math only ``contract`` (a product and a sum in one rounding) is allowed: no value may
    depend on how wide the machine's vectors are. Sums over pixels are kept per column, which
    vectorises all the same.
    """
    compiled: Callable[..., Any] = numba.njit(
        nogil=True, error_model="numpy", fastmath={"contract"}
    )(function)
    folder = cache_folder(Path(function.__code__.co_filename))
    if folder is not None:
        kept = _Cache(function, folder)
        compiled._cache = kept  # type: ignore[attr-defined]
        compiled.compile = partial(kept.compile, compiled.compile)  # type: ignore[attr-defined]
    return compiled


class _Cache(FunctionCache):  # type: ignore[misc]
    """The machine code of one kernel on disk; whoever finds none takes the folder's lock.

    The lock is a file's and ends with its process. Nothing is locked where the code is found.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder)  # read while the cache is made, so restored at once
        try:
            super().__init__(function)
        finally:
            numba.config.CACHE_DIR = before
        base, stamp = self._impl.filename_base, self._impl.locator.get_source_stamp()
        self._cache_file = _CheckedFiles(self._cache_path, base, stamp)
        self._folder = folder
        self._turn = ExitStack()

    def compile(self, compile_or_load: Callable[[Any], Any], signature: Any) -> Any:
        """What numba does for a signature; a lock that was taken for it ends with it."""
        # Before the folder's lock: numba takes this one too, and nests kernels.
        with global_compiler_lock, ExitStack() as turn:
            outer, self._turn = self._turn, turn
            try:
                return compile_or_load(signature)
            finally:
                self._turn = outer

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Kept machine code; None, with the lock held, if this process must compile it."""
        found = self._sound(sig, target_context)
        if found is None:
            self._turn.enter_context(_alone(self._folder))
            found = self._sound(sig, target_context, remove=True)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code; where that fails, say so and go on."""
        try:
            super().save_overload(sig, data)
        except OSError as problem:
            warnings.warn(f"a compiled kernel is not kept: {problem}", stacklevel=2)

    def _sound(self, sig: Any, target_context: Any, remove: bool = False) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever pickle or numba makes of a damaged file
            for path in Path(self._cache_path).glob(f"{self._impl.filename_base}.*"):
                if remove:
                    with suppress(OSError):
                        path.unlink()
            return None


class _CheckedFiles(IndexDataCacheFile):  # type: ignore[misc]
    """numba's files, with a hash after the machine code: damaged code must not be executed."""

    def _dump(self, obj: Any) -> bytes:
        data: bytes = super()._dump(obj)
        return data + hashlib.sha256(data).digest()  # pickle reads no further than its own end

    def _load_data(self, name: str) -> Any:
        data = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(data[:-32]).digest() != data[-32:]:
            raise ValueError(f"{name} is damaged")
        return super()._load_data(name)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; go on without where there are no locks or its holder is stuck."""
    lock = _lock(folder)
    try:
        lock.acquire(timeout=_PATIENCE)
    except (OSError, NotImplementedError):  # filelock.Timeout is an OSError
        yield
        return
    try:
        yield
    finally:
        lock.release()


@cache
def _lock(folder: Path) -> filelock.BaseFileLock:
    """One object per folder, for a kernel may be compiled for another one of its file."""
    return filelock.FileLock(folder / ".lock")
