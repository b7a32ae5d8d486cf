"""Archives from outside: good ones unpack, hostile and broken ones leave nothing behind."""

from __future__ import annotations

import hashlib
import io
import random
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ivif_bench.data import archive
from ivif_bench.data.archive import checksums, unpack
from ivif_bench.errors import UserError

FILES = {
    "top/Ir/00000.png": b"infrared" * 100,
    "top/Vis/00000.png": random.Random(0).randbytes(50_000),
    "top/empty.txt": b"",
}


def make_zip(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in files.items():
            content.writestr(name, data)
    return path


def make_tar(path: Path, files: dict[str, bytes] = FILES, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as content:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            content.addfile(member, io.BytesIO(data))
    return path


def make_tar_gz(path: Path, files: dict[str, bytes] = FILES) -> Path:
    return make_tar(path, files, "w:gz")


MAKERS: list[Callable[..., Path]] = [make_zip, make_tar, make_tar_gz]
every_kind = pytest.mark.parametrize("make", MAKERS)


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def names_in(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def assert_refused(path: Path, *says: str) -> None:
    """One line that says so, and neither the root nor any temporary folder or stray file remains."""
    before = files_below(path.parent)
    with pytest.raises(UserError) as caught:
        unpack(path, path.parent / "root")
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert all(word in message for word in says), message
    assert files_below(path.parent) == before
    assert names_in(path.parent) == [path.name]


@every_kind
def test_good_archive_unpacks_to_the_same_bytes(make: Callable[..., Path], tmp_path: Path) -> None:
    path = make(tmp_path / "download.bin")  # told apart by content
    assert unpack(path, tmp_path / "data" / "root") == len(FILES)
    assert files_below(tmp_path / "data" / "root") == FILES
    assert names_in(tmp_path / "data") == ["root"]


def test_archive_of_the_system_tar_unpacks(tmp_path: Path) -> None:
    source = tmp_path / "source"
    long = "deep/" * 30 + "x" * 150 + ".png"  # needs a long-name header
    for name in ("a.png", long):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(name.encode())
    path = tmp_path / "a.tar.gz"
    subprocess.run(["tar", "czf", str(path), "-C", str(source), "."], check=True)
    unpack(path, tmp_path / "root")
    assert files_below(tmp_path / "root") == files_below(source)


def test_unpacked_folders_and_files_have_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    unpack(make_zip(tmp_path / "a.zip"), tmp_path / "root")
    expected = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert stat.S_IMODE((tmp_path / "root").stat().st_mode) == expected
    assert not (tmp_path / "root/top/empty.txt").stat().st_mode & 0o111


@every_kind
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/evil", "absolute path"),
        ("../evil", "'..'"),
        ("a/../../evil", "'..'"),
        ("..\\evil", "'..'"),
        ("C:\\evil", "absolute path"),
        ("\\\\host\\evil", "absolute path"),
    ],
)
def test_member_that_points_outside_is_refused(
    make: Callable[..., Path], name: str, why: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "a.bin", {"good.png": b"good", name: b"evil"})
    assert_refused(path, why, "nothing was unpacked")
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_links_and_devices_in_a_tar_are_refused(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as content:
        content.addfile(tarfile.TarInfo("good.png"))
        member = tarfile.TarInfo("evil")
        member.type, member.linkname = kind, "good.png"
        content.addfile(member)
    assert_refused(path, "'evil'", "link")


def test_file_written_through_a_link_of_the_same_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as content:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, ".."
        content.addfile(link)
        member = tarfile.TarInfo("out/evil")
        content.addfile(member)
    assert_refused(path, "'out'", "link")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(kind: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as content:
        info = zipfile.ZipInfo("evil")
        info.external_attr = (kind | 0o777) << 16
        content.writestr(info, "/etc/passwd")
    assert_refused(path, "'evil'", "link")


@every_kind
def test_member_named_twice_is_refused(make: Callable[..., Path], tmp_path: Path) -> None:
    path = make(tmp_path / "a.bin", {"a.png": b"1", "./a.png": b"2"})
    assert_refused(path, "twice")


@every_kind
def test_truncation_anywhere_is_one_line_and_leaves_nothing(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    whole = make(tmp_path / "whole.bin").read_bytes()
    (tmp_path / "whole.bin").unlink()
    cut = tmp_path / "cut.bin"
    # Tar: also cuts exactly between members, where tarfile itself notices nothing.
    at = {0, 1, 3, 511, 512, 1024, 1536, 2048, len(whole) // 2, len(whole) - 1}
    if make is make_tar:
        at = {size for size in at if size < 52_000}  # behind that there are only zeros
    for size in sorted(at):
        cut.write_bytes(whole[:size])
        assert_refused(cut, "download it again")


def test_damaged_content_is_found_by_the_checksum(tmp_path: Path) -> None:
    for make in (make_zip, make_tar_gz):
        path = make(tmp_path / "a.bin")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
        assert_refused(path, "download it again")


def test_damaged_header_in_a_tar_is_not_taken_for_its_end(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar")
    data = bytearray(path.read_bytes())
    second = 512 + 1024  # header and 800 bytes of the first member, in blocks
    assert data[second : second + 7] == b"top/Vis"
    data[second] ^= 0xFF
    path.write_bytes(data)
    assert_refused(path, "end-of-archive")


@every_kind
def test_any_flipped_bytes_are_refused_cleanly_or_unpack_inside(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    whole = make(tmp_path / "whole.bin", {"a/b.txt": b"text " * 40, "c.txt": b"c"}).read_bytes()
    generator = random.Random(1)
    path = tmp_path / "in" / "flipped.bin"
    path.parent.mkdir()
    messages, unpacked = [], []
    for number in range(60):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(min(len(data), 3000))] = generator.randrange(256)
        path.write_bytes(data)
        root = tmp_path / "out" / str(number)
        try:
            unpack(path, root)
        except UserError as problem:
            messages.append(str(problem))
        else:
            unpacked.append(str(number))
    assert messages
    assert not [message for message in messages if "\n" in message]
    assert names_in(tmp_path / "out") == sorted(unpacked)
    assert names_in(path.parent) == ["flipped.bin"]
    assert names_in(tmp_path) == ["in", "out", "whole.bin"]


@pytest.mark.parametrize("make", [make_zip, make_tar_gz])
def test_bomb_is_refused_by_ratio(
    make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED", 10_000)
    path = make(tmp_path / "a.bin", {"zeros": bytes(5_000_000)})
    assert path.stat().st_size * archive.MAX_RATIO < 5_000_000
    assert_refused(path, "zip bomb")


def test_bomb_whose_directory_lies_about_sizes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ALWAYS_ALLOWED", 10_000)
    path = make_zip(tmp_path / "a.zip", {"zeros": bytes(5_000_000)})
    true = (5_000_000).to_bytes(4, "little")
    data = path.read_bytes()
    assert data.count(true) == 2
    path.write_bytes(data.replace(true, (500).to_bytes(4, "little")))
    assert_refused(path)


def test_more_than_the_free_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 40_000})
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda folder: usage)
    for make in MAKERS:
        path = make(tmp_path / "a.bin")
        assert_refused(path, "38,000", "free disk space")


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    for make in MAKERS:
        assert_refused(make(tmp_path / "a.bin"), "more than 2 members")


def test_root_with_content_is_never_touched(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="leave out --archive"):
        unpack(path, tmp_path / "root")
    assert files_below(tmp_path / "root") == {"mine.txt": b"mine"}


def test_empty_root_is_filled(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    unpack(make_zip(tmp_path / "a.zip"), tmp_path / "root")
    assert files_below(tmp_path / "root") == FILES


def _lacks(folder: Path, name: str) -> str:
    return "" if (folder / name).is_dir() else f"no folder {name}"


def test_many_small_files_are_not_written_to_the_disk_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3,000 files took 16 s with one ``fsync`` each."""
    synced: list[Path] = []
    monkeypatch.setattr(archive, "sync_all", synced.append)
    monkeypatch.setattr("os.fsync", lambda handle: pytest.fail("a file is synced by itself"))
    files = {f"top/{index:04d}.png": b"x" * 50 for index in range(3000)}
    assert unpack(make_zip(tmp_path / "a.zip", files), tmp_path / "root") == 3000
    assert len(synced) == 1
    assert files_below(tmp_path / "root") == files


def test_single_top_folder_becomes_the_root_only_if_it_is_the_dataset(tmp_path: Path) -> None:
    files = {**FILES, "__MACOSX/top/._00000.png": b"fork"}
    path = make_zip(tmp_path / "a.zip", files)
    unpack(path, tmp_path / "stripped", lambda folder: _lacks(folder, "Ir"))
    assert "Ir/00000.png" in files_below(tmp_path / "stripped")
    unpack(path, tmp_path / "whole", lambda folder: _lacks(folder, "top"))
    assert files_below(tmp_path / "whole") == files
    with pytest.raises(UserError, match=r"nothing was unpacked: no folder Other; it holds top"):
        unpack(path, tmp_path / "other", lambda folder: _lacks(folder, "Other"))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.zip", "stripped", "whole"]


def test_checksums_are_those_of_hashlib(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(3_000_001)
    (tmp_path / "a").write_bytes(data)
    found = checksums(tmp_path / "a")
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.md5 == hashlib.md5(data).hexdigest()
    with pytest.raises(UserError, match="cannot read archive"):
        checksums(tmp_path / "absent")
