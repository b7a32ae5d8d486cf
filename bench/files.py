"""Reads regular files only; writes files atomically: they appear complete or not at all.

A FIFO in the place of a file would make a reader wait for ever, and ``/dev/zero`` would fill its memory.

A process that is killed while it writes leaves a temporary file. Names of temporary files and folders
say which process of which machine they belong to, so that a later process can remove those of
processes that are gone.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

_UNFINISHED = re.compile(r"\.?ivif-bench-([0-9a-f]{8})-(\d+)-.+")
_OLD = 86400.0  # seconds since the last change; clocks of machines that share a disk differ by less
_MOST = 1 << 30  # bytes that are read at once; far more than any image or list has
_KINDS = (
    (stat.S_ISDIR, ""),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def exists(path: Path | str) -> bool:
    """Whether there is anything of that name; False for names that no file can have."""
    return os.path.exists(path)  # noqa: PTH110 - pathlib raises for names that are too long


def demand_regular(path: Path | str) -> os.stat_result:
    """Refuse what is no regular file, without opening it: that alone may wait for another process.

    Returns:
        The file's stat.

    Raises:
        OSError: no such file, a folder, a FIFO, a socket or a device; ``strerror`` says which.
    """
    found = os.stat(path)  # noqa: PTH116 - for every image of a run
    if stat.S_ISREG(found.st_mode):
        return found
    kind = next((text for test, text in _KINDS if test(found.st_mode)), "of an unknown kind")
    if not kind:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise OSError(errno.EINVAL, f"it is {kind}, not a file", os.fspath(path))


def open_regular(path: Path | str) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: as ``demand_regular``, or it may not be read.
    """
    demand_regular(path)
    return open(path, "rb")  # noqa: PTH123


def read_regular(path: Path | str, most: int = _MOST) -> bytes:
    """Content of a regular file.

    Raises:
        OSError: as ``open_regular``, or it has more than ``most`` bytes.
    """
    size = demand_regular(path).st_size
    if size > most:
        raise OSError(
            errno.EFBIG, f"it has {size} bytes; the most that is read is {most}", str(path)
        )
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def read_text(path: Path | str, encoding: str = "utf-8", most: int = _MOST) -> str:
    """Text of a regular file, with its line ends as ``\\n``.

    Raises:
        OSError: as ``read_regular``.
        UnicodeDecodeError: the bytes are no text of that encoding.
    """
    text = read_regular(path, most).decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_json(path: Path | str) -> Any:
    """Value in a JSON file.

    Raises:
        OSError: as ``read_regular``.
        ValueError: no JSON, or nested too deeply.
    """
    return parse_json(read_regular(path))


def read_object(path: Path | str) -> dict[str, Any]:
    """JSON object in a file; empty if there is no file, or none that can be read."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def parse_json(data: bytes | str) -> Any:
    """``json.loads`` whose only error is ``ValueError``."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: it appears complete or not at all, even if the machine stops."""
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{own_prefix()}", suffix=".part")
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                write_all(file, data)
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty temporary file for a library to fill; it takes the place of ``path`` at the end."""
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{own_prefix()}", suffix=".part")
        os.close(handle)
        try:
            yield Path(name)
            with open(name, "rb+", buffering=0) as file:  # noqa: PTH123
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write to a file without a buffer, which may take less than all at a time."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name a file in the errors of writing it: the system says no path for a full disk."""
    try:
        yield
    except OSError as problem:
        if problem.errno is not None:
            problem.filename = str(path)
        raise


def is_full(problem: OSError) -> bool:
    """Whether nothing more can be written: a full disk, a quota, a limit, a disk that is read-only."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically and readable; the order of keys is kept, because it may be a column order."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=plain)
    write_bytes(path, text.encode() + b"\n")


def sync_all(folder: Path) -> None:
    """Write everything on the file system of a folder to the disk.

    For a folder of many new files, before it is renamed: one call for all of them, where ``fsync`` of
    each of 3,000 takes 10 s.

    Raises:
        OSError: the disk failed.
    """
    if sys.platform != "linux":
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(handle)


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
def temporary_folder(place: Path | None = None) -> Iterator[Path]:
    """A temporary folder, removed at the end; those of dead processes are removed as well.

    Args:
        place: the folder to create it in, where it is hidden; that of the system if None.
    """
    hidden = "" if place is None else "."
    place = place or Path(tempfile.gettempdir())
    for entry in os.scandir(place):
        if _is_left_over(entry.name) and entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=hidden + own_prefix(), dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def own_folder(place: Path, name: str) -> Path:
    """An empty folder with a short path, which ``temporary_folder`` removes when this process is gone."""
    folder = place / f"{own_prefix()}{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def remove_leftovers(root: Path, elsewhere: bool = False) -> None:
    """Remove the temporary files and folders that killed processes of this machine left below a folder.

    Args:
        elsewhere: also those of other machines that have not changed for a day; for whoever has the
            folder for itself.
    """

    def left_over(folder: str, names: list[str]) -> Iterator[Path]:
        for path in (Path(folder, name) for name in names if _UNFINISHED.fullmatch(name)):
            if _is_left_over(path.name) or (elsewhere and _is_old_and_elsewhere(path)):
                yield path

    for folder, inside, names in os.walk(root):
        for path in left_over(folder, names):
            path.unlink(missing_ok=True)
        for path in left_over(folder, inside):
            shutil.rmtree(path, ignore_errors=True)


def own_prefix() -> str:
    """How names of this process's temporary files and folders begin, after a dot where they are hidden."""
    return f"ivif-bench-{_machine()}-{os.getpid()}-"


@cache
def _machine() -> str:
    """This machine in eight hexadecimal digits: a run directory may be on a shared disk."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_left_over(name: str) -> bool:
    """Whether a temporary file or folder belongs to a process of this machine that has ended."""
    owner = _UNFINISHED.fullmatch(name)
    return owner is not None and owner[1] == _machine() and has_ended(int(owner[2]))


def _is_old_and_elsewhere(path: Path) -> bool:
    """Whether something temporary of another machine, which cannot be asked, has not changed for a day."""
    owner = _UNFINISHED.fullmatch(path.name)
    if owner is None or owner[1] == _machine():
        return False
    try:
        return time.time() - path.lstat().st_mtime > _OLD
    except FileNotFoundError:  # its owner has just finished it
        return False


def has_ended(pid: int) -> bool:
    """Whether no process of this machine has that number, or one that only waits to be waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # another user's
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith(("Z", "X"))
    except FileNotFoundError:
        # it ended since, or this system has no /proc
        return Path("/proc/self/stat").exists()
    except OSError:
        return False
