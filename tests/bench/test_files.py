"""Files appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ivif_bench import files


def test_a_failed_write_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "a.bin"
    files.write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="disk"):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [item.name for item in path.parent.iterdir()] == ["a.bin"]


def test_temporary_files_of_a_process_that_ended_unwaited_for_are_removed(tmp_path: Path) -> None:
    """A driver killed below a parent that does not wait for it stays in the process table."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, but not waited for
    own = files.own_prefix()
    dead = tmp_path / f".{own.replace(f'-{os.getpid()}-', f'-{process.pid}-')}x.part"
    living = tmp_path / f".{own}x.part"
    for path in (dead, living):
        path.write_bytes(b"")
    files.remove_leftovers(tmp_path)
    process.wait()
    assert [path.name for path in tmp_path.iterdir()] == [living.name]
    assert files.has_ended(process.pid)
    assert not files.has_ended(os.getpid())
    assert not files.has_ended(1)


def test_temporary_folders_of_ended_processes_are_removed_and_others_stay(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    own = files.own_prefix()
    dead = (
        tmp_path / "checkpoints" / f".{own.replace(f'-{os.getpid()}-', f'-{process.pid}-')}x.part"
    )
    for folder in (dead, tmp_path / "checkpoints" / "detector-1.part"):
        files.write_bytes(folder / "best.pt", b"weights")
    files.remove_leftovers(tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["detector-1.part"]


def test_temporary_files_of_other_machines_are_removed_after_a_day_by_who_is_alone(
    tmp_path: Path,
) -> None:
    own, other = files.own_prefix(), "ivif-bench-0a1b2c3d-1-"
    assert files._machine() != "0a1b2c3d"
    (tmp_path / f".{other}folder.part").mkdir()
    names = [f".{other}old.part", f".{other}new.part", f".{own}old.part", "fused.part"]
    now = time.time()
    for name in names:
        (tmp_path / name).write_bytes(b"")
        age = 23 * 3600 if "new" in name else 25 * 3600
        os.utime(tmp_path / name, (now - age, now - age))
    os.utime(tmp_path / f".{other}folder.part", (0, 0))
    files.remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 5
    files.remove_leftovers(tmp_path, elsewhere=True)
    assert {path.name for path in tmp_path.iterdir()} == set(names[1:])
