"""Hashes follow the content of files, and are remembered whatever happens to the memory's file."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from ivif_bench import fingerprints as module
from ivif_bench.errors import UserError
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.memory import Memory


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files that are old enough to be remembered; two of them are equal."""
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, content in zip(paths, (b"one", b"two", b"one"), strict=True):
        path.write_bytes(content)
    time.sleep(0.06)
    return paths


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose content is read."""
    found: list[str] = []
    original = module.hash_file

    def counting(name: str) -> str:
        found.append(Path(name).name)
        return original(name)

    monkeypatch.setattr(module, "hash_file", counting)
    return found


def test_hashes_follow_content_and_survive_a_restart(tmp_path, files, reads):
    memory = tmp_path / "cache" / "f.jsonl"
    first = Fingerprints(memory)
    assert [first(path) for path in files] == [sha256(b"one"), sha256(b"two"), sha256(b"one")]
    first.save()
    assert reads == ["a", "b", "c"]
    second = Fingerprints(memory)
    assert second(files[0]) == sha256(b"one")
    assert reads == ["a", "b", "c"]
    files[0].write_bytes(b"three")
    assert second(files[0]) == sha256(b"three")


def test_other_content_of_equal_size_and_time_is_noticed(tmp_path, files):
    """As a program does that unpacks or copies files with their times."""
    memory = tmp_path / "f.jsonl"
    before = files[0].stat()
    first = Fingerprints(memory)
    assert first(files[0]) == sha256(b"one")
    first.save()
    files[0].write_bytes(b"ONE")
    os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    now = files[0].stat()
    assert (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert first(files[0]) == sha256(b"ONE")
    assert Fingerprints(memory)(files[0]) == sha256(b"ONE")


def test_a_file_that_may_still_change_within_a_tick_of_the_clock_is_not_remembered(tmp_path, reads):
    path = tmp_path / "new"
    path.write_bytes(b"one")
    fingerprints = Fingerprints(None)
    assert fingerprints(path) == fingerprints(path) == sha256(b"one")
    assert reads == ["new", "new"]


def test_many_files_are_hashed_in_their_order_and_read_once(tmp_path, files, reads):
    fingerprints = Fingerprints(tmp_path / "f.jsonl")
    told: list[tuple[int, int, str]] = []
    wanted = [files[1], files[0], files[1], files[2]]
    hashes = [sha256(b"two"), sha256(b"one"), sha256(b"two"), sha256(b"one")]
    assert fingerprints.many(wanted, lambda *step: told.append(step)) == hashes
    assert sorted(reads) == ["a", "b", "c"]
    assert told[-1] == (3, 3, "hashing files")
    assert fingerprints.many(wanted) == hashes
    assert len(reads) == 3
    with pytest.raises(UserError, match=r"cannot read .*absent"):
        fingerprints.many([files[0], tmp_path / "absent"])


def test_paths_may_be_relative(tmp_path, files, reads, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fingerprints = Fingerprints(None)
    assert fingerprints(Path("a")) == fingerprints(files[0]) == sha256(b"one")
    assert reads == ["a"]


def test_files_that_are_held_are_taken_as_they_were(tmp_path, files):
    fingerprints = Fingerprints(tmp_path / "f.jsonl")
    fingerprints.hold(files[:1])
    for path in files:
        path.write_bytes(b"changed")
    assert [fingerprints(path) for path in files[:2]] == [sha256(b"one"), sha256(b"changed")]


def test_a_folder_is_an_error_and_no_crash(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        Fingerprints(None)(tmp_path)


DAMAGED = {
    "binary": b"\x89PNG\r\n\x1a\n\x00\xff\xfe",
    "cut off": b'{"/a": [[1, 2, 3, 4], "ab',
    "an older form": b'{"/a": [3, 17, "abc"], "/b": 5, "/c": null}',
    "a list": b"[1, 2]",
    "a number": b"1",
    "nested": b"[" * 200_000,
    "empty": b"",
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_memory_is_an_empty_one(tmp_path, files, reads, damage):
    memory = tmp_path / "f.jsonl"
    memory.write_bytes(DAMAGED[damage])
    first = Fingerprints(memory)
    assert first.many(files) == [sha256(b"one"), sha256(b"two"), sha256(b"one")]
    first.save()
    reads.clear()
    assert Fingerprints(memory)(files[1]) == sha256(b"two")
    assert reads == []


def test_a_memory_with_a_damaged_line_keeps_the_others(tmp_path):
    path = tmp_path / "m.jsonl"
    for key in ("a", "b", "c"):
        memory = Memory(path, lambda value: True)
        memory.put(key, 1)
        memory.save()
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"b":1', b'"b":'))
    assert Memory(path, lambda value: True).known == {"a": 1, "c": 1}
    path.write_bytes(data[:-4])  # the last line was cut off; the next is not lost with it
    memory = Memory(path, lambda value: True)
    memory.put("d", 2)
    memory.save()
    assert Memory(path, lambda value: True).known == {"a": 1, "b": 1, "d": 2}


def test_a_memory_that_cannot_be_written_costs_time_only(tmp_path, files):
    (tmp_path / "folder").mkdir()
    fingerprints = Fingerprints(tmp_path / "folder")
    assert fingerprints(files[0]) == sha256(b"one")
    fingerprints.save()


def test_processes_that_share_a_memory_lose_nothing(tmp_path):
    path = tmp_path / "m.jsonl"
    first, second = (Memory(path, lambda value: True) for _ in range(2))
    first.put("a", 1)
    second.put("b", 2)
    assert first.save()
    assert second.save()
    assert Memory(path, lambda value: True).known == {"a": 1, "b": 2}


def test_a_memory_does_not_grow_for_ever(tmp_path):
    path = tmp_path / "m.jsonl"
    sizes = []
    for round_ in range(20):
        memory = Memory(path, lambda value: True)
        for key in range(100):
            memory.put(f"{key:05d}", round_ % 10)
        memory.save()
        sizes.append(path.stat().st_size)
    assert max(sizes) <= 3 * sizes[0]
    assert len(Memory(path, lambda value: True).known) == 100
