"""The run directory: equal results are equal bytes, files are whole, work is done once."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.naming import safe_name
from ivif_bench.store import Store, key_of, once
from ivif_bench.types import About, Record, Unit

UNIT = Unit("quality", "data", "method", "p.v1", 0, "0123456789abcdef", about=About(images=2))


def _record(stem: str, value: float, reason: str = "") -> Record:
    return Record("data", "method", "quality", "p.v1", 0, "EN", value, stem=stem, reason=reason)


def test_results_in_any_order_give_the_same_bytes(tmp_path):
    records = [_record("b", 1.5), _record("a", math.nan, "constant_fused")]
    first = Store(tmp_path / "1").write_result(UNIT, records, 1.0).read_bytes()
    second = Store(tmp_path / "2").write_result(UNIT, records[::-1], 9.0).read_bytes()
    assert first == second


def test_results_come_back_as_written(tmp_path):
    path = Store(tmp_path).write_result(UNIT, [_record("a", 0.1 + 0.2)], 1.0)
    rows = pq.read_table(path).to_pylist()
    assert rows[0]["value"] == 0.1 + 0.2
    assert rows[0]["stem"] == "a"


def test_a_unit_is_done_only_when_its_json_is_there(tmp_path):
    store = Store(tmp_path)
    path = store.write_result(UNIT, [_record("a", 1.0)], 1.0)
    assert store.is_done(UNIT)
    path.with_suffix(".json").unlink()
    assert not store.is_done(UNIT)


def test_keys_depend_on_values_and_not_on_the_order_of_keys():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 1.5})


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    target = tmp_path / "file"
    write_bytes(target, b"old")
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_made_once_whoever_asks(tmp_path):
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "weights").write_text("x")

    threads = [threading.Thread(target=once, args=(tmp_path / "net", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert (tmp_path / "net" / "weights").read_text() == "x"


def test_an_interrupted_folder_is_resumed_and_never_taken_for_finished(tmp_path):
    def crash(folder: Path) -> None:
        (folder / "epoch1").write_text("x")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        once(tmp_path / "net", crash)
    assert not (tmp_path / "net").exists()
    seen: list[bool] = []
    once(tmp_path / "net", lambda folder: seen.append((folder / "epoch1").exists()))
    assert seen == [True]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", ".hidden"])
def test_names_from_outside_stay_inside_the_run_directory(tmp_path, name):
    try:
        component = safe_name(name)
    except UserError:
        return
    assert "/" not in component
    assert not component.startswith(".")
