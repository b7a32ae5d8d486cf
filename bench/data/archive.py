"""Unpacks a downloaded archive that is not trusted: only plain files and folders, all or nothing.

Members become new files in a fresh folder beside the target, which takes its place by one rename.
No link is ever made and no ``..`` followed, so nothing can be written outside that folder.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ivif_bench.errors import UserError, first_few
from ivif_bench.files import open_regular, sync_all, temporary_folder

MAX_RATIO = 100  # images hardly compress, label images at most about fifty times
ALWAYS_ALLOWED = 64 * 2**20  # bytes; below this the ratio says nothing
MAX_MEMBERS = 500_000  # the largest layout, LLVIP, has some 50,000 files
MAX_DISK_SHARE = 0.95  # of what is free
_CHUNK = 2**20
_JUNK = "__MACOSX"  # resource forks that macOS adds beside the real top folder
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    struct.error,
    RecursionError,  # tar headers that only announce further headers
    NotImplementedError,  # a zip compression that Python does not know
    ValueError,  # includes undecodable names
)


@dataclass(frozen=True, slots=True)
class Checksums:
    """Hashes of a file, hexadecimal."""

    sha256: str
    md5: str


def checksums(path: Path) -> Checksums:
    """Hash an archive in one pass; md5 only because mirrors publish it.

    Raises:
        UserError: missing or unreadable.
    """
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    try:
        with open_regular(path) as file:
            while block := file.read(_CHUNK):
                sha256.update(block)
                md5.update(block)
    except OSError as problem:
        raise UserError(f"cannot read archive {path}: {problem.strerror or problem}") from problem
    return Checksums(sha256.hexdigest(), md5.hexdigest())


def unpack(archive: Path, root: Path, is_root: Callable[[Path], str] | None = None) -> int:
    """Unpack a zip, tar or tar.gz so that ``root`` appears complete or not at all.

    Args:
        archive: its format is detected by content, not by name.
        root: must be absent or an empty folder.
        is_root: why a folder is not the root of the wanted dataset; empty if it is. If the archive
            as a whole is not and its only top folder is (``MSRS-main/``), then that folder becomes
            ``root``.

    Returns:
        The number of files unpacked.

    Raises:
        UserError: ``root`` has content, the archive is damaged, truncated or of another dataset, a
            member is not a plain file or folder or points outside, or the whole would be too large.
    """
    root = root.resolve()
    _demand_empty(root)
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(root.parent) as outer:
            folder = outer / "content"  # not outer: that one is closed to other users
            folder.mkdir()
            count = _extract(archive, folder)
            top = _top(archive, folder, is_root)
            sync_all(folder)
            top.replace(root)
    except OSError as problem:
        raise UserError(
            f"cannot unpack {archive} into {root}: {problem.strerror or problem}"
        ) from problem
    return count


def _demand_empty(root: Path) -> None:
    if root.is_dir() and not any(root.iterdir()):
        return
    if root.exists():
        raise UserError(
            f"{root} exists already: leave out --archive to prepare what is there, "
            "or give another --root"
        )


def _top(archive: Path, folder: Path, is_root: Callable[[Path], str] | None) -> Path:
    """The folder that is to become the root."""
    reason = is_root(folder) if is_root is not None else ""
    if is_root is None or not reason:
        return folder
    inside = [item for item in folder.iterdir() if item.name != _JUNK]
    if len(inside) == 1 and inside[0].is_dir():
        reason = is_root(inside[0])
        if not reason:
            return inside[0]
    found = first_few(sorted(item.name for item in inside))
    raise UserError(
        f"{archive} is not this dataset, so nothing was unpacked: {reason}; it holds {found}"
    )


def _extract(archive: Path, folder: Path) -> int:
    room = _Room(archive, folder)
    try:
        with open_regular(archive) as file:
            head = file.read(4)
            file.seek(0)
            if head[:2] == b"PK":
                return _extract_zip(file, folder, room)
            if head[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=file) as plain:
                    return _extract_tar(cast(IO[bytes], plain), folder, room)
            return _extract_tar(file, folder, room)
    except _DAMAGE as problem:
        reason = " ".join(str(problem).split()) or type(problem).__name__
        size = archive.stat().st_size
        raise UserError(
            f"{archive} ({size:,} bytes) is not a complete zip, tar or tar.gz ({reason}); "
            "download it again"
        ) from problem


class _Room:
    """How much may still be unpacked; counts unpacked bytes, because headers may be wrong."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self.archive = archive
        self.limit = max(ALWAYS_ALLOWED, MAX_RATIO * archive.stat().st_size)
        self.disk = int(MAX_DISK_SHARE * shutil.disk_usage(folder).free)
        self.used = 0
        self.members = 0

    def add_member(self) -> None:
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise UserError(
                f"{self.archive}: more than {MAX_MEMBERS:,} members; no dataset known here has "
                "as many, so it is not unpacked"
            )

    def take(self, count: int) -> None:
        self.used += count
        self.check(self.used)

    def check(self, total: int) -> None:
        if total > self.limit:
            raise UserError(
                f"{self.archive}: unpacks to more than {self.limit:,} bytes, {MAX_RATIO} times its "
                "size: it may be a zip bomb; if you trust it, unpack it yourself"
            )
        if total > self.disk:
            raise UserError(
                f"{self.archive}: unpacks to more than the {self.disk:,} bytes that may be used of "
                "the free disk space; make room or give a --root on another disk"
            )


def _extract_zip(file: IO[bytes], folder: Path, room: _Room) -> int:
    count = 0
    with zipfile.ZipFile(file) as content:
        members = content.infolist()
        room.check(sum(info.file_size for info in members))
        for info in members:
            room.add_member()
            target = _target(folder, info.filename, room.archive)
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where it was not made on Unix
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(room.archive, info.filename, "is a link or a device")
            if info.flag_bits & 1:
                raise _refused(room.archive, info.filename, "is encrypted; unpack it yourself")
            if info.is_dir() or kind == stat.S_IFDIR:
                target.mkdir(parents=True, exist_ok=True)
                continue
            with content.open(info) as source:
                _write(source, target, info.filename, room)
            count += 1
    return count


def _extract_tar(file: IO[bytes], folder: Path, room: _Room) -> int:
    counted = _Counted(file, room)
    count = 0
    # As a stream, so that every byte is counted before tarfile keeps it (long headers too).
    with tarfile.open(fileobj=cast(IO[bytes], counted), mode="r|", bufsize=_CHUNK) as content:
        for member in content:
            room.add_member()
            target = _target(folder, member.name, room.archive)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            if not member.isreg() or member.issparse():
                raise _refused(room.archive, member.name, "is a link, a device or a sparse file")
            source = content.extractfile(member)
            assert source is not None  # only links and devices have none
            with source:
                _write(source, target, member.name, None)
            count += 1
    # tarfile takes a cut between members, and a damaged header, for the end of the archive.
    if not counted.ends_at(content.offset):
        raise tarfile.ReadError(f"no end-of-archive mark at byte {content.offset:,}")
    return count


class _Counted:
    """A readable stream that counts what is read of it and knows where its last content is."""

    def __init__(self, file: IO[bytes], room: _Room) -> None:
        self._file = file
        self._room = room
        self._length = 0
        self._content = 0  # bytes up to the last one that is not zero

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._room.take(len(data))
        if filled := len(data.rstrip(b"\0")):
            self._content = self._length + filled
        self._length += len(data)
        return data

    def ends_at(self, offset: int) -> bool:
        """Whether from here on all is zero, one block at least; reads all, so gzip checks its CRC."""
        while self.read(_CHUNK):
            pass
        return self._content <= offset and self._length >= offset + tarfile.BLOCKSIZE


def _target(folder: Path, name: str, archive: Path) -> Path:
    """The path of a member, if its name stays below the folder."""
    parts = name.replace("\\", "/").split("/")
    if not parts[0] or parts[0][1:2] == ":" or "\0" in name:
        raise _refused(archive, name, "has an absolute path")
    if ".." in parts:
        raise _refused(archive, name, "points outside with '..'")
    return folder.joinpath(*(part for part in parts if part not in ("", ".")))


def _refused(archive: Path, name: str, why: str) -> UserError:
    return UserError(f"{archive}: member {name[:120]!r} {why}; nothing was unpacked")


def _write(source: IO[bytes], target: Path, name: str, room: _Room | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _created(target, name) as file:
        while block := source.read(_CHUNK):
            if room is not None:
                room.take(len(block))
            file.write(block)


@contextmanager
def _created(target: Path, name: str) -> Iterator[IO[bytes]]:
    try:
        file = target.open("xb")
    except FileExistsError:
        raise ValueError(f"member {name[:120]!r} occurs twice") from None
    with file:
        yield file
