"""Cached hashes of files: a file that has not changed is not read again."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ivif_bench.errors import UserError
from ivif_bench.files import open_regular
from ivif_bench.memory import Memory
from ivif_bench.parallel import in_threads
from ivif_bench.types import Progress

_WHOLE = 1 << 20  # bytes; larger files, such as weights of gigabytes, are hashed in pieces
# The clock of file times advances in steps of up to 10 ms. A file that is younger than this may change
# again and keep all its times.
_SETTLED_NS = 50_000_000
_DIGITS = 64  # of a hash


class Fingerprints:
    """sha256 of files, cached by path, size, mtime, ctime and inode.

    The ctime is included because programs that copy or unpack may set the mtime, but none can set
    the ctime.

    Args:
        path: the cache file; None for no cache.
    """

    def __init__(self, path: Path | None) -> None:
        self._memory = Memory(path, _is_entry)
        self._held: dict[Path | str, str] = {}

    def __call__(self, path: Path | str) -> str:
        """Hash of a file's content.

        Raises:
            UserError: the file cannot be read.
        """
        if held := self._held.get(path):
            return held
        name = _absolute(path)
        now, stat = time.time_ns(), _stat(name)
        mark = _mark(stat)
        return self._known(name, mark) or self._learn(name, stat, now, hash_file(name))

    def many(self, paths: Iterable[Path | str], progress: Progress | None = None) -> list[str]:
        """Hashes of the content of many files, in their order; files are read on all processors.

        Args:
            progress: called with the number of files read so far.

        Raises:
            UserError: a file cannot be read.
        """
        now = time.time_ns()
        names = [_absolute(path) for path in paths]
        found: dict[str, str] = {}
        unread: dict[str, os.stat_result] = {}
        for name in dict.fromkeys(names):
            stat = _stat(name)
            if digest := self._known(name, _mark(stat)):
                found[name] = digest
            else:
                unread[name] = stat
        if unread:
            digests = in_threads(hash_file, list(unread), progress, "hashing files", share=32)
            for (name, stat), digest in zip(unread.items(), digests, strict=True):
                found[name] = self._learn(name, stat, now, digest)
        return [found[name] for name in names]

    def hold(self, paths: Sequence[Path], progress: Progress | None = None) -> None:
        """Hash files, and use these hashes from now on without checking the files again.

        For the sources of a plan, so that all methods are judged against the same ones.
        """
        new = [path for path in paths if path not in self._held]
        self._held |= zip(new, self.many(new, progress), strict=True)

    def save(self) -> None:
        """Write the new hashes to the cache; without it only time is lost."""
        self._memory.save()

    def _known(self, name: str, mark: str) -> str:
        entry = self._memory.known.get(name, "")
        return entry[-_DIGITS:] if entry[: -_DIGITS - 1] == mark else ""

    def _learn(self, name: str, stat: os.stat_result, now: int, digest: str) -> str:
        if now - stat.st_ctime_ns > _SETTLED_NS:
            self._memory.put(name, f"{_mark(stat)} {digest}")
        return digest


def file_mark(path: Path) -> str:
    """The values that change with a file: size, mtime, ctime and inode.

    Raises:
        UserError: the file cannot be read.
    """
    return _mark(_stat(os.fspath(path)))


def _absolute(path: Path | str) -> str:
    name = str(path)
    if name[:1] == "/" or os.path.isabs(name):  # noqa: PTH117 - the first is five times as fast
        return name
    return os.path.join(os.getcwd(), name)  # noqa: PTH109, PTH118


def _stat(name: str) -> os.stat_result:
    try:
        return os.stat(name)  # noqa: PTH116 - hundreds of thousands of times
    except OSError as problem:
        raise UserError(f"cannot read {name}: {problem.strerror}") from problem


def _mark(stat: os.stat_result) -> str:
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def hash_file(name: str) -> str:
    """sha256 of a file's content.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open_regular(name) as file:
            if os.fstat(file.fileno()).st_size <= _WHOLE:
                return hashlib.sha256(file.read()).hexdigest()
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise UserError(f"cannot read {name}: {problem.strerror}") from problem


def _is_entry(value: Any) -> bool:
    return isinstance(value, str) and len(value) > _DIGITS
