"""One run at a time in a run directory; owners that are gone are told from those that run."""

from __future__ import annotations

import json
import os
import platform
import threading
import time

import pytest
from filelock import FileLock

from ivif_bench.owner import FILE, STALE_AFTER, occupying, running


def _claim(root, machine: str, age: float) -> None:
    owner = {"process": 4711, "machine": machine, "since": "2026-01-02 03:04:05 UTC"}
    (root / FILE).write_text(json.dumps(owner))
    then = time.time() - age
    os.utime(root / FILE, (then, then))


@pytest.mark.slow
def test_the_second_says_who_runs_and_waits_for_its_end(tmp_path):
    notes, order = [], []

    def second() -> None:
        with occupying(tmp_path, notes.append):
            order.append("second")

    with occupying(tmp_path, notes.append):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(1.0)
        order.append("first")
        assert f"process {os.getpid()} on {platform.node()}" in running(tmp_path)
    thread.join(10)
    assert order == ["first", "second"]
    assert len(notes) == 1
    for part in (
        str(tmp_path),
        f"process {os.getpid()} on {platform.node()}",
        "waiting",
        "since 20",
    ):
        assert part in notes[0]
    assert running(tmp_path) == ""


def test_an_owner_that_was_killed_is_named_and_not_waited_for(tmp_path):
    notes = []
    _claim(tmp_path, platform.node(), age=1)
    with occupying(tmp_path, notes.append):
        assert json.loads((tmp_path / FILE).read_text())["process"] == os.getpid()
    assert len(notes) == 1
    assert "process 4711" in notes[0]
    assert "was killed" in notes[0]
    assert not (tmp_path / FILE).exists()


@pytest.mark.slow
def test_an_owner_on_another_machine_counts_until_it_is_old(tmp_path):
    notes = []
    _claim(tmp_path, "elsewhere", age=STALE_AFTER + 60)
    assert running(tmp_path) == ""
    _claim(tmp_path, "elsewhere", age=STALE_AFTER - 2)
    assert "process 4711 on elsewhere" in running(tmp_path)
    started = time.monotonic()
    with occupying(tmp_path, notes.append):
        assert 1 < time.monotonic() - started < 10
    assert ["waiting" in note for note in notes] == [True, False]
    assert "was killed" in notes[1]


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"process": ["a\\nb"]}'])
def test_a_file_with_foreign_content_is_one_line(content, tmp_path):
    (tmp_path / FILE).write_text(content)
    notes = []
    _age = time.time() - 2 * STALE_AFTER
    os.utime(tmp_path / FILE, (_age, _age))
    with occupying(tmp_path, notes.append):
        pass
    assert [("\n" in note) for note in notes] == [False]


@pytest.mark.slow
def test_a_second_run_names_an_owner_that_writes_its_name_late(tmp_path):
    notes = []

    def hold() -> None:
        with FileLock(tmp_path / ".running.lock"):
            locked.set()
            time.sleep(0.5)
            _claim(tmp_path, platform.node(), age=0)
            time.sleep(0.5)
            (tmp_path / FILE).unlink()

    locked = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(10)
    with occupying(tmp_path, notes.append):
        pass
    thread.join(10)
    assert len(notes) == 1
    assert "process 4711" in notes[0]
